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
    const auto signed_slope = [&](Index r) {
      return [slope = splat(dy.data()[r])](const Packet<T>& v) {
        using Eigen::internal::padd, Eigen::internal::pcmp_lt, Eigen::internal::pselect;
        const Packet<T> zero = splat(T(0));
        const Packet<T> below = pselect(pcmp_lt(v, zero), splat(T(-1)), padd(v, zero));
        const Packet<T> sign = pselect(pcmp_lt(zero, v), splat(T(1)), below);
        return Packet<T>(Eigen::internal::pmul(sign, slope));
      };
    };
    dx.add_rows(signed_slope, x);
  }

  static std::vector<Sample<Args>> samples() { return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}}}; }
};

}  // namespace hooked
