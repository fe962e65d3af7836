// l1_norm: y[r] = sum over the last axis of |x|; the sparsity penalty of an autoencoder.
// Backward: dx = dy sign(x), 0 at 0.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct L1Norm {
  static constexpr std::string_view name = "l1_norm";
  static constexpr int inputs = 1;
  struct Args {};

  /// [..., n] -> [...]
  static Shape shape(const Args&, const Shape& x) {
    if (x.rank() < 1) fail<ShapeError>("l1_norm: x is a scalar, it needs an axis to sum over");
    return x.axes(0, x.rank() - 1);
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y) {
    const auto X = x.array();
    y.view_as(Shape{X.rows(), 1}).array() =
        X.template cast<double>().abs().rowwise().sum().template cast<T>();
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T>, View<const T> dy, Acc<T> dx) {
    const auto X = x.array();
    dx.array() += X.sign().colwise() * dy.view_as(Shape{X.rows(), 1}).array().col(0);
  }

  static std::vector<Sample<Args>> samples() { return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}}}; }
};

}  // namespace hooked
