// The errors that hooked throws, and the one helper that words them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace hooked {

/// Base of everything that hooked throws. The text says what was wrong, shows both sides, and says
/// where, and what would have been right.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Sizes that do not fit together, or an index outside its axis.
struct ShapeError : Error {
  using Error::Error;
};

/// A hook, parameter or option name that does not exist; the text lists the nearest ones.
struct NameError : Error {
  using Error::Error;
};

/// A setting that is impossible, alone or together with another.
struct ConfigError : Error {
  using Error::Error;
};

/// A file that cannot be read or written, or does not hold what its format promises.
struct FormatError : Error {
  using Error::Error;
};

/// A NaN or infinity where a number was needed, or a decomposition that did not converge.
struct NumericError : Error {
  using Error::Error;
};

namespace detail {

// One part of a text, printed later. Programs word hundreds of errors, so nothing but this is
// compiled for each of them, and printing once for each type.
class Part {
 public:
  Part(const char* words) : what_(words), print_(print_words) {}
  template <class X>
  Part(const X& x) : what_(&x), print_(print_one<X>) {}
  void print(std::ostream& out) const { print_(out, what_); }

 private:
  static void print_words(std::ostream& out, const void* words) {
    out << static_cast<const char*>(words);
  }
  template <class X>
  static void print_one(std::ostream& out, const void* x) {
    out << *static_cast<const X*>(x);
  }

  const void* what_;
  void (*print_)(std::ostream&, const void*);
};

[[gnu::cold, gnu::noinline]] inline std::string joined(std::initializer_list<Part> parts) {
  std::ostringstream out;
  for (const Part& part : parts) part.print(out);
  return std::move(out).str();
}

template <class E>
[[noreturn, gnu::cold, gnu::noinline]] void fail_with(std::initializer_list<Part> parts) {
  throw E(joined(parts));
}

}  // namespace detail

/// Joins anything printable: `text("a is ", shape, ", b is ", 3)`.
template <class... Parts>
std::string text(const Parts&... parts) {
  return detail::joined({parts...});
}

/// The fewest digits that give `x` again: 0.2 is "0.2". (Not every standard library has
/// std::to_chars for it.)
inline std::string exact_text(double x) {
  char digits[32];
  for (int precision = 1; precision <= 17; ++precision) {
    std::snprintf(digits, sizeof digits, "%.*g", precision, x);
    if (std::strtod(digits, nullptr) == x) break;
  }
  return digits;
}

/// Throws `E` with the joined parts. Cold and out of line, so that a check costs one branch.
template <class E, class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const Parts&... parts) {
  detail::fail_with<E>({parts...});
}

}  // namespace hooked
