// rms_scale: s = sqrt(mean(x^2) + eps) over the last axis, the divisor of a norm (contract, 5.2).
// hook_scale shows it. Backward: ds/dx_i = x_i / (n s).
#pragma once

#include <cmath>

#include "hooked/ops/op.hpp"

namespace hooked {

struct RmsScale {
  static constexpr std::string_view name = "rms_scale";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {
    double eps = 1e-5;
  };

  /// [..., n] -> [..., 1]
  static Shape shape(const Args&, const Shape& x) {
    if (x.rank() < 1 || x[-1] < 1) {
      fail<ShapeError>("rms_scale: x is ", x, ", it needs a last axis of at least one element");
    }
    return join(x.axes(0, x.rank() - 1), {1});
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> s) {
    const auto X = x.matrix();
    for (Index r = 0; r < X.rows(); ++r) s.data()[r] = forward_row(args, X.cols(), row_of(X, r));
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> s, View<const T> ds, Acc<T> dx) {
    const auto n = static_cast<T>(x.size(-1));
    const auto times = [&](Index r) {
      return [factor = splat(ds.data()[r] / (n * s.data()[r]))](const Packet<T>& v) {
        return Eigen::internal::pmul(v, factor);
      };
    };
    dx.add_rows(times, x);
  }

  /// The scale of one row of n numbers.
  template <Scalar T>
  static T forward_row(const Args& args, Index n, const T* x) {
    return std::sqrt(dot(n, x, x) / static_cast<T>(n) + static_cast<T>(args.eps));
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{.eps = 1e-3}, {{2, 3, 5}}}, {{}, {{2, 1}}}, {{}, {{96, 128}}}};
  }
};

}  // namespace hooked
