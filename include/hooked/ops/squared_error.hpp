// squared_error: loss[r] = mean over the last axis of (x - target)^2; its mean over rows is the
// mean squared error. Backward: dx = 2 dy (x - target) / n, dtarget = -dx.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct SquaredError {
  static constexpr std::string_view name = "squared_error";
  static constexpr int inputs = 2;
  struct Args {};

  /// x [..., n], target of the same shape -> [...]
  static Shape shape(const Args&, const Shape& x, const Shape& target) {
    if (x != target || x.rank() < 1 || x[-1] < 1) {
      fail<ShapeError>("squared_error: x is ", x, ", target is ", target,
                       ": the shapes must agree and end in an axis of at least one element");
    }
    return x.axes(0, x.rank() - 1);
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> target, View<T> loss) {
    const auto X = x.array();
    loss.reshape(Shape{X.rows(), 1}).array() =
        (X - target.array()).template cast<double>().square().rowwise().mean().template cast<T>();
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> target, View<const T>,
                       View<const T> dloss, Acc<T> dx, Acc<T> dtarget) {
    const auto X = x.array();
    const auto Target = target.array();
    const auto slope = [&](Index r) { return T(2) * dloss.data()[r] / static_cast<T>(X.cols()); };
    dx.add_rows([&](Index r) { return (X.row(r) - Target.row(r)) * slope(r); });
    dtarget.add_rows([&](Index r) { return (Target.row(r) - X.row(r)) * slope(r); });
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {3, 4}}}, {{}, {{2, 3, 1}, {2, 3, 1}}}};
  }
};

}  // namespace hooked
