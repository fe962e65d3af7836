// The errors that hooked throws, and the one helper that words them.
#pragma once

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

/// Joins anything printable: `text("a is ", shape, ", b is ", 3)`.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Throws `E` with the joined parts. Cold and out of line, so that a check costs one branch.
template <class E, class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const Parts&... parts) {
  throw E(text(parts...));
}

}  // namespace hooked
