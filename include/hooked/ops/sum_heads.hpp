// sum_heads: y[r] = sum_h x[r, h], how the results of the heads become attn_out (contract, 3.1).
// Backward: every head receives dy.
#pragma once

#include "hooked/core/walk.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct SumHeads {
  static constexpr std::string_view name = "sum_heads";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// [..., head, n] -> [..., n]
  static Shape shape(const Args&, const Shape& x) {
    if (x.rank() < 2 || x[-2] < 1) {
      fail<ShapeError>("sum_heads: x is ", x, ", it needs axes [..., head, n] and a head");
    }
    return join(x.axes(0, x.rank() - 2), {x[-1]});
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y) {
    copy(x.select(-2, 0), y);
    const auto sum = [](const Packet<T>& p, const Packet<T>& q) {
      return Eigen::internal::padd(p, q);
    };
    for (Index h = 1; h < x.size(-2); ++h) map_views(y, sum, View<const T>(y), x.select(-2, h));
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T>, View<const T> dy, Acc<T> dx) {
    for (Index h = 0; h < x.size(-2); ++h) dx.select(-2, h).add(dy);
  }

  static std::vector<Sample<Args>> samples() { return {{{}, {{3, 2, 4}}}, {{}, {{2, 2, 3, 1}}}}; }
};

}  // namespace hooked
