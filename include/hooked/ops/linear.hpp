// linear: y = x W + b, one product for all rows; W^T in place of W where it is kept transposed.
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
  struct Args {
    bool transposed = false;  ///< W is kept as [out, in], as a tied unembedding's is
  };

  /// x [..., in], W [in, out], b [out] -> [..., out]
  static Shape shape(const Args& args, const Shape& x, const Shape& W, const Shape& b) {
    const int in = args.transposed ? 1 : 0, out = 1 - in;
    if (x.rank() < 1 || W.rank() != 2 || x[-1] != W[in]) {
      fail<ShapeError>("linear: x is ", x, ", W is ", W, args.transposed ? ", transposed" : "",
                       ": x has ", x.rank() < 1 ? 0 : x[-1], " columns but W has ",
                       W.rank() < 1 ? 0 : W[in], " rows");
    }
    if (b.rank() != 1 || b[0] != W[out]) {
      fail<ShapeError>("linear: W is ", W, ", b is ", b, ": b needs the shape [", W[out], "]");
    }
    return join(x.axes(0, x.rank() - 1), {W[out]});
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<const T> W, View<const T> b,
                      View<T> y) {
    const T* const bias = in_order("linear: b", b);
    if (args.transposed) {
      set_product(x.matrix(), W.matrix().transpose(), bias, y.matrix());
    } else {
      set_product(x.matrix(), W.matrix(), bias, y.matrix());
    }
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> x, View<const T> W, View<const T>,
                       View<const T>, View<const T> dy, Acc<T> dx, Acc<T> dW, Acc<T> db) {
    if (args.transposed) {
      dx.add_product(dy.matrix(), W.matrix());
      dW.add_product(dy.matrix().transpose(), x.matrix());
    } else {
      dx.add_product(dy.matrix(), W.matrix().transpose());
      dW.add_product(x.matrix().transpose(), dy.matrix());
    }
    db.add_column_sums(dy.matrix());
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4, 5}, {5}}},
            {{}, {{2, 3, 1}, {1, 2}, {2}}},
            {{.transposed = true}, {{2, 3, 4}, {5, 4}, {5}}},
            {{}, {{64, 128}, {128, 512}, {512}}}};
  }
};

}  // namespace hooked
