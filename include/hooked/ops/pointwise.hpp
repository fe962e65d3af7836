// The frame of an elementwise function: y = f(x), dx = dy f'(x). The functions have files of their
// own (relu.hpp, gelu.hpp, ...); each gives f and f' on packets of numbers.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

namespace detail {

// What a function does to a row of numbers, compiled once for all ops that call it.
template <Scalar T>
struct RowFunction {
  /// y = f(x)
  void (*value)(Index n, T* y, const T* x);
  /// dx = dy f'(x), or dx += it; dx may be dy.
  void (*slope)(Index n, T* dx, const T* x, const T* dy, bool adds);
};

template <class Function, Scalar T>
[[gnu::noinline]] void row_value(Index n, T* y, const T* x) {
  map_packets(
      n, y, [](const Packet<T>& v) { return Function::template value<T>(v); }, x);
}
template <class Function, Scalar T>
[[gnu::noinline]] void row_slope(Index n, T* dx, const T* x, const T* dy, bool adds) {
  const auto slope = [](const Packet<T>& v, const Packet<T>& d) {
    return Packet<T>(Eigen::internal::pmul(d, Function::template slope<T>(v)));
  };
  if (!adds) return map_packets(n, dx, slope, x, dy);
  const auto sum = [&](const Packet<T>& g, const Packet<T>& v, const Packet<T>& d) {
    return Eigen::internal::padd(g, slope(v, d));
  };
  map_packets(n, dx, sum, static_cast<const T*>(dx), x, dy);
}
template <class Function, Scalar T>
inline constexpr RowFunction<T> row_function{row_value<Function, T>, row_slope<Function, T>};

}  // namespace detail

/// `Function` has `name`, `value(x)` and `slope(x)`, each taking and giving a Packet<T>, told T by
/// their first template argument.
template <class Function>
struct Pointwise {
  static constexpr std::string_view name = Function::name;
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// [...] -> [...]
  static Shape shape(const Args&, const Shape& x) { return x; }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y) {
    map_views(
        y, [](const Packet<T>& v) { return Function::template value<T>(v); }, x);
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T>, View<const T> dy, Acc<T> dx) {
    dx.add_by(detail::row_function<Function, T>.slope, x, dy);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 2, 3}}, 3.0}, {{}, {{5, 19}}, 3.0}, {{}, {{64, 512}}}};
  }
};

}  // namespace hooked
