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
    loss.view_as(Shape{X.rows(), 1}).array() =
        (X - target.array()).template cast<double>().square().rowwise().mean().template cast<T>();
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> target, View<const T>,
                       View<const T> dloss, Acc<T> dx, Acc<T> dtarget) {
    const auto n = static_cast<T>(x.size(-1));
    const auto difference = [&](Index r) {
      return [factor = splat(T(2) * dloss.data()[r] / n)](const Packet<T>& a, const Packet<T>& b) {
        return Eigen::internal::pmul(Packet<T>(Eigen::internal::psub(a, b)), factor);
      };
    };
    dx.add_rows(difference, x, target);
    dtarget.add_rows(difference, target, x);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {3, 4}}}, {{}, {{2, 3, 1}, {2, 3, 1}}}};
  }
};

}  // namespace hooked
