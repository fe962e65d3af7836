// The frame of an elementwise function: y = f(x), dx = dy f'(x). The functions have files of their
// own (relu.hpp, gelu.hpp, ...); each gives f and f' on Eigen arrays or scalars.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

/// `Function` has `name`, `value(x)` and `slope(x)`, each taking a number of type T.
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
    y.array() = x.array().unaryExpr([](T v) { return Function::value(v); });
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T>, View<const T> dy, Acc<T> dx) {
    dx.array() += dy.array() * x.array().unaryExpr([](T v) { return Function::slope(v); });
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 2, 3}}, 3.0}, {{}, {{64, 512}}}};
  }
};

}  // namespace hooked
