// The frame of an elementwise function: y = f(x), dx = dy f'(x). The functions have files of their
// own (relu.hpp, gelu.hpp, ...); each gives f and f' on packets of numbers.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

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
    const auto value = [](const Packet<T>& v) { return Function::template value<T>(v); };
    map_views(y, value, x);
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T>, View<const T> dy, Acc<T> dx) {
    const auto slope = [](const Packet<T>& v, const Packet<T>& d) {
      return Eigen::internal::pmul(d, Function::template slope<T>(v));
    };
    dx.add_map(slope, x, dy);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 2, 3}}, 3.0}, {{}, {{5, 19}}, 3.0}, {{}, {{64, 512}}}};
  }
};

}  // namespace hooked
