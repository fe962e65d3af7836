// linear: y = x W + b, one product for all rows.
// All maps of the contract are this op. Per-head projections too: with W_Q kept as
// [d_model, head * d_head], q[r, (h, e)] = sum_m x[r, m] W_Q[h, m, e] + b_Q[h, e].
// Backward: dx = dy W^T, dW = x^T dy, db = sum over rows of dy.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Linear {
  static constexpr std::string_view name = "linear";
  static constexpr int inputs = 3;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// x [..., in], W [in, out], b [out] -> [..., out]
  static Shape shape(const Args&, const Shape& x, const Shape& W, const Shape& b) {
    if (x.rank() < 1 || W.rank() != 2 || x[-1] != W[0]) {
      fail<ShapeError>("linear: x is ", x, ", W is ", W, ": x has ", x.rank() < 1 ? 0 : x[-1],
                       " columns but W has ", W.rank() < 1 ? 0 : W[0], " rows");
    }
    if (b.rank() != 1 || b[0] != W[1]) {
      fail<ShapeError>("linear: W is ", W, ", b is ", b, ": b needs the shape [", W[1], "]");
    }
    return join(x.axes(0, x.rank() - 1), {W[1]});
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> W, View<const T> b, View<T> y) {
    set_product(x.matrix(), W.matrix(), in_order("linear: b", b), y.matrix());
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> W, View<const T>, View<const T>,
                       View<const T> dy, Acc<T> dx, Acc<T> dW, Acc<T> db) {
    dx.add_product(dy.matrix(), W.matrix().transpose());
    dW.add_product(x.matrix().transpose(), dy.matrix());
    db.add_column_sums(dy.matrix());
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4, 5}, {5}}},
            {{}, {{2, 3, 1}, {1, 2}, {2}}},
            {{}, {{64, 128}, {128, 512}, {512}}}};
  }
};

}  // namespace hooked
