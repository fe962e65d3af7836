// Tensors as text: the shape first, then the numbers in aligned columns, as numpy lays them out.
#pragma once

#include <cmath>
#include <cstdint>
#include <iomanip>
#include <locale>
#include <string>
#include <vector>

#include "hooked/core/compiled.hpp"
#include "hooked/core/tensor.hpp"

namespace hooked {

/// Tensors of floating-point numbers or signed integers.
template <class X>
concept Printable = TensorLike<X> && std::is_signed_v<typename X::value_type>;

namespace detail {

template <class T>
std::string type_name() {
  if (std::integral<T>) return text("int", 8 * sizeof(T));
  return std::same_as<T, float> ? "float" : "double";
}

// Writes the numbers of one view; all of them share a layout.
template <class T>
class Printer {
 public:
  Printer(View<const T> x, int precision) : x_(x), precision_(precision) {
    T largest{};
    for_each_shown(x_, [&](T v) {
      if (std::abs(v) > largest && std::abs(v) <= std::numeric_limits<T>::max()) {
        largest = std::abs(v);
      }
    });
    scientific_ = std::floating_point<T> && largest != T{} &&
                  (largest >= static_cast<T>(1e6) || largest < static_cast<T>(1e-3));
    for_each_shown(x_, [&](T v) {
      const std::string number = digits(v);
      const std::size_t point = number.find('.');
      width_ = std::max(width_, number.size());
      if (point == std::string::npos) return;
      before_point_ = std::max(before_point_, point);
      after_point_ = std::max(after_point_, number.size() - point);
    });
    width_ = std::max(width_, before_point_ + after_point_);
  }

  std::string body() const { return nested(x_, 0); }

 private:
  // An axis longer than this shows its ends alone.
  static constexpr Index kLongest = 12, kEnd = 3;
  static bool is_long(Index size) { return size > kLongest; }

  template <class Visit>
  static void for_each_shown(View<const T> x, const Visit& visit) {
    if (x.rank() == 0) return visit(x.item());
    for (Index i = 0; i < x.size(0); ++i) {
      if (is_long(x.size(0)) && i == kEnd) i = x.size(0) - kEnd;
      for_each_shown(x.select(0, i), visit);
    }
  }

  // A number that ends early loses its zeros, so "0." is zero and "0.0000" is merely small.
  std::string digits(T v) const {
    if (v != v) return "nan";
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out << (scientific_ ? std::scientific : std::fixed) << std::setprecision(precision_) << v;
    std::string number = std::move(out).str();
    if (scientific_ || number.find('.') == std::string::npos) return number;
    std::istringstream in(number);
    in.imbue(std::locale::classic());
    T shown{};
    in >> shown;
    if (shown == v) number.erase(number.find_last_not_of('0') + 1);
    return number;
  }

  // Points stand below each other; what has none ends where the others end.
  std::string aligned(T v) const {
    std::string number = digits(v);
    const std::size_t point = number.find('.');
    if (point != std::string::npos) {
      number.append(after_point_ - (number.size() - point), ' ');
    }
    return std::string(width_ - number.size(), ' ') + number;
  }

  std::string nested(View<const T> x, std::size_t depth) const {
    if (x.rank() == 0) return aligned(x.item());
    const std::string separator = x.rank() == 1
                                      ? " "
                                      : std::string(static_cast<std::size_t>(x.rank() - 1), '\n') +
                                            std::string(depth + 1, ' ');
    std::string joined = "[";
    for (Index i = 0; i < x.size(0); ++i) {
      if (i > 0) joined += separator;
      if (is_long(x.size(0)) && i == kEnd) {
        joined += "..." + separator;
        i = x.size(0) - kEnd;
      }
      joined += nested(x.select(0, i), depth + 1);
    }
    return joined + "]";
  }

  View<const T> x_;
  int precision_;
  bool scientific_ = false;
  std::size_t width_ = 0, before_point_ = 0, after_point_ = 0;
};

template <class T>
std::string printed(const char* what, View<const T> x, int precision) {
  return text(what, "<", type_name<T>(), "> ", x.shape(), "\n", Printer<T>(x, precision).body());
}

#ifdef HOOKED_COMPILED
extern template std::string printed(const char*, View<const float>, int);
extern template std::string printed(const char*, View<const double>, int);
extern template std::string printed(const char*, View<const std::int32_t>, int);
extern template std::string printed(const char*, View<const Index>, int);
#endif

}  // namespace detail

/// The shape and the numbers, `precision` digits after the point:
///
///     Tensor<float> [2, 3]
///     [[1.  2.5    3.   ]
///      [0.  0.0001 0.125]]
///
/// An axis of more than 12 shows its first and last three. Very large or small numbers are written
/// with exponents.
template <Printable X>
std::string to_string(const X& x, int precision = 4) {
  using T = typename X::value_type;
  return detail::printed(std::same_as<X, Tensor<T>> ? "Tensor" : "View", x.view(), precision);
}

/// As to_string.
template <Printable X>
std::ostream& operator<<(std::ostream& out, const X& x) {
  return out << to_string(x);
}

}  // namespace hooked
