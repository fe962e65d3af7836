// log_softmax: y_j = x_j - log sum_k exp(x_k) over the last axis, computed as x_j - top - log sum_k
// exp(x_k - top), with the sum and its logarithm in double. A row of nothing but -inf stays so.
// Backward: dx_j = dy_j - exp(y_j) sum_k dy_k.
#pragma once

#include <cmath>
#include <limits>

#include "hooked/ops/op.hpp"

namespace hooked {

struct LogSoftmax {
  static constexpr std::string_view name = "log_softmax";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// [..., n] -> [..., n]
  static Shape shape(const Args&, const Shape& x) {
    if (x.rank() < 1 || x[-1] < 1) {
      fail<ShapeError>("log_softmax: x is ", x, ", it needs a last axis of at least one element");
    }
    return x;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y) {
    using Eigen::internal::psub;
    const auto X = x.matrix();
    const auto Y = y.matrix();
    const Index n = X.cols();
    for (Index r = 0; r < X.rows(); ++r) {
      const T* const from = row_of(X, r);
      T* const to = row_of(Y, r);
      const T top = largest(n, from);
      const T shift = std::isfinite(top) ? top : T(0);  // inf - inf is no number
      const auto share = [&](const Packet<T>& v) { return exp_or_zero<T>(psub(v, splat(shift))); };
      map_packets(n, to, share, from);
      // In double, for the largest is 1 and the others may be lost beside it.
      const double sum = sum_as_doubles<T>(n, to);
      const double log_sum = sum == 0.0 ? 0.0 : std::log(sum);
      for (Index j = 0; j < n; ++j) {
        to[j] = static_cast<T>(static_cast<double>(from[j]) - static_cast<double>(shift) - log_sum);
      }
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T> y, View<const T> dy, Acc<T> dx) {
    const auto dY = dy.matrix();
    const auto slope = [&](Index r) {
      const auto itself = [](const Packet<T>& v) { return v; };
      const T sum = sum_packets<T>(dY.cols(), itself, row_of(dY, r));
      return [total = splat(sum)](const Packet<T>& d, const Packet<T>& v) {
        using Eigen::internal::pmul, Eigen::internal::psub;
        return psub(d, Packet<T>(pmul(exp_or_zero<T>(v), total)));
      };
    };
    dx.add_rows(slope, dy, y);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 2, 3, 5}}, 3.0}, {{}, {{2, 1}}}, {{}, {{64, 33}}}};
  }
};

}  // namespace hooked
