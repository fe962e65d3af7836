// standardize: the scale-free half of a norm in one go, where nobody looks between its steps
// (contract, 5.2): c = x - mean(x) (or x itself for RMS norms), s = sqrt(mean(c^2) + eps), y = c /
// s. The staged ops are center, rms_scale and divide_rows; row by row the arithmetic is theirs.
// Backward: dx = (dy - mean(dy) - y mean(dy * y)) / s, without mean(dy) for RMS norms.
#pragma once

#include "hooked/ops/center.hpp"
#include "hooked/ops/divide_rows.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/rms_scale.hpp"

namespace hooked {

struct Standardize {
  static constexpr std::string_view name = "standardize";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {
    bool centers = true;  ///< subtract the mean first
    double eps = 1e-5;
  };

  /// [..., n] -> [..., n]
  static Shape shape(const Args&, const Shape& x) {
    if (x.rank() < 1 || x[-1] < 1) {
      fail<ShapeError>("standardize: x is ", x, ", it needs a last axis of at least one element");
    }
    return x;
  }
  /// Keeps the scale of each row.
  static Shape saved(const Args&, const Shape& x) { return x.axes(0, x.rank() - 1); }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y, View<T> scale) {
    const auto X = x.matrix();
    const auto Y = y.matrix();
    const Index n = X.cols();
    for (Index r = 0; r < X.rows(); ++r) {
      const T* from = row_of(X, r);
      T* const to = row_of(Y, r);
      if (args.centers) {
        Center::forward_row(n, from, to);
        from = to;
      }
      const T s = RmsScale::forward_row({args.eps}, n, from);
      DivideRows::forward_row(n, from, s, to);
      scale.data()[r] = s;
    }
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T>, View<const T> y, View<const T> scale,
                       View<const T> dy, Acc<T> dx) {
    const auto Y = y.matrix(), dY = dy.matrix();
    const Index n = Y.cols();
    const auto slope = [&](Index r) {
      const T share = T(1) / static_cast<T>(n);
      const auto itself = [](const Packet<T>& v) { return v; };
      const T mean = args.centers ? share * sum_packets<T>(n, itself, row_of(dY, r)) : T(0);
      const T mean_along = share * dot(n, row_of(dY, r), row_of(Y, r));
      return [mean = splat(mean), along = splat(-mean_along),
              inverse = splat(T(1) / scale.data()[r])](const Packet<T>& d, const Packet<T>& v) {
        using Eigen::internal::pmadd, Eigen::internal::pmul, Eigen::internal::psub;
        return pmul(inverse, Packet<T>(pmadd(along, v, Packet<T>(psub(d, mean)))));
      };
    };
    dx.add_rows(slope, dy, y);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}},
            {{.centers = false}, {{2, 3, 5}}},
            {{.eps = 1e-2}, {{2, 19}}},
            {{}, {{96, 128}}}};
  }
};

}  // namespace hooked
