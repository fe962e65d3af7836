// Tensors as text: the shape first, then the numbers in aligned columns, as numpy lays them out.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
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

/// How numbers become text: `to_string(x, {.digits = 2})`. Fields stand in this order.
struct PrintOptions {
  /// Digits after the point.
  int digits = 4;
  /// Columns of a line; a row that is longer goes on below.
  int width = 120;
  /// An axis of more than `longest` shows its first and last `ends` alone.
  Index longest = 12;
  /// How many are shown at each end of a longer axis.
  Index ends = 3;
  /// The names of the axes, written before their sizes: `{.axes = {"layer", "head"}}`.
  std::vector<std::string> axes = {};
};

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
  Printer(View<const T> x, const PrintOptions& options) : x_(x), options_(options) {
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
  bool is_long(Index size) const { return size > options_.longest && size > 2 * options_.ends; }

  template <class Visit>
  void for_each_shown(View<const T> x, const Visit& visit) const {
    if (x.rank() == 0) return visit(x.item());
    for (Index i = 0; i < x.size(0); ++i) {
      if (is_long(x.size(0)) && i == options_.ends) i = x.size(0) - options_.ends;
      for_each_shown(x.select(0, i), visit);
    }
  }

  // A number that ends early loses its zeros, so "0." is zero and "0.0000" is merely small.
  std::string digits(T v) const {
    if (v != v) return "nan";
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out << (scientific_ ? std::scientific : std::fixed) << std::setprecision(options_.digits) << v;
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
    if (x.rank() == 1) return row(x, depth);
    const std::string separator =
        std::string(static_cast<std::size_t>(x.rank() - 1), '\n') + std::string(depth + 1, ' ');
    std::string joined = "[";
    for (Index i = 0; i < x.size(0); ++i) {
      if (i > 0) joined += separator;
      if (is_long(x.size(0)) && i == options_.ends) {
        joined += "..." + separator;
        i = x.size(0) - options_.ends;
      }
      joined += nested(x.select(0, i), depth + 1);
    }
    return joined + "]";
  }

  // Numbers side by side, and below each other where the line is full.
  std::string row(View<const T> x, std::size_t depth) const {
    std::string joined = "[";
    const std::size_t brackets = depth + 1;  // kept free at the end, too
    std::size_t column = brackets;
    const auto add = [&](const std::string& word, bool first) {
      if (!first &&
          column + 1 + word.size() + brackets > static_cast<std::size_t>(options_.width)) {
        joined += "\n" + std::string(depth + 1, ' ');
        column = depth + 1;
      } else if (!first) {
        joined += ' ';
        ++column;
      }
      joined += word;
      column += word.size();
    };
    for (Index i = 0; i < x.size(0); ++i) {
      if (is_long(x.size(0)) && i == options_.ends) {
        add("...", false);
        i = x.size(0) - options_.ends;
      }
      add(aligned(x(i)), i == 0);
    }
    return joined + "]";
  }

  View<const T> x_;
  const PrintOptions& options_;
  bool scientific_ = false;
  std::size_t width_ = 0, before_point_ = 0, after_point_ = 0;
};

// "[2, 3]", or "[layer 2, head 3]".
inline std::string named_shape(const Shape& shape, const std::vector<std::string>& axes) {
  if (axes.empty()) return text(shape);
  if (static_cast<int>(axes.size()) != shape.rank()) {
    fail<ShapeError>("print: ", axes.size(), " names of axes for the shape ", shape);
  }
  std::string joined;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    joined += text(axis == 0 ? "[" : ", ", axes[static_cast<std::size_t>(axis)], ' ', shape[axis]);
  }
  return joined + "]";
}

template <class T>
std::string printed(const char* what, View<const T> x, const PrintOptions& options) {
  if (options.digits < 0 || options.ends < 1) {
    fail<ConfigError>("print: digits must be at least 0 and ends at least 1, they are ",
                      options.digits, " and ", options.ends);
  }
  return text(what, "<", type_name<T>(), "> ", named_shape(x.shape(), options.axes), "\n",
              Printer<T>(x, options).body());
}

#ifdef HOOKED_COMPILED
extern template std::string printed(const char*, View<const float>, const PrintOptions&);
extern template std::string printed(const char*, View<const double>, const PrintOptions&);
extern template std::string printed(const char*, View<const std::int32_t>, const PrintOptions&);
extern template std::string printed(const char*, View<const Index>, const PrintOptions&);
#endif

}  // namespace detail

/// The shape and the numbers, as in numpy without an end of line:
///
///     Tensor<float> [2, 3]
///     [[1.  2.5    3.   ]
///      [0.  0.0001 0.125]]
///
/// Very large or small numbers are written with exponents. Throws ShapeError for a wrong number of
/// names, ConfigError for less than 0 digits or 1 end.
template <Printable X>
std::string to_string(const X& x, const PrintOptions& options = {}) {
  using T = typename X::value_type;
  return detail::printed(std::same_as<X, Tensor<T>> ? "Tensor" : "View", x.view(), options);
}

/// As to_string.
template <Printable X>
std::ostream& operator<<(std::ostream& out, const X& x) {
  return out << to_string(x);
}

/// A line (or several) of its own on standard output, as Python's print.
template <Printable X>
void print(const X& x, const PrintOptions& options = {}) {
  std::puts(to_string(x, options).c_str());
}

}  // namespace hooked
