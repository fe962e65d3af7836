// l2_norm: y[r] = sqrt(sum over the last axis of x^2). Backward: dx = dy x / y, 0 where y is 0.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct L2Norm {
  static constexpr std::string_view name = "l2_norm";
  static constexpr int inputs = 1;
  struct Args {};

  /// [..., n] -> [...]
  static Shape shape(const Args&, const Shape& x) {
    if (x.rank() < 1) fail<ShapeError>("l2_norm: x is a scalar, it needs an axis to sum over");
    return x.axes(0, x.rank() - 1);
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y) {
    const auto X = x.array();
    y.view_as(Shape{X.rows(), 1}).array() =
        X.template cast<double>().square().rowwise().sum().sqrt().template cast<T>();
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> y, View<const T> dy, Acc<T> dx) {
    const auto times = [&](Index r) {
      const T length = y.data()[r];
      return [factor = splat(length == T(0) ? T(0) : dy.data()[r] / length)](const Packet<T>& v) {
        return Eigen::internal::pmul(v, factor);
      };
    };
    dx.add_rows(times, x);
  }

  static std::vector<Sample<Args>> samples() { return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}}}; }
};

}  // namespace hooked
