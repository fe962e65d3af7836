// sparse_linear: y = x W + b where many numbers of x or dy may be zero, as features of a sparse
// autoencoder and their gradients are: bit for bit what linear gives where W, x and dy are finite,
// in less time (core/sparse_product.hpp). Backward: dx = dy W^T, dW = x^T dy, db = sum over rows of
// dy. With where_on dx is computed where x is not 0, and 0 elsewhere (core/masked_product.hpp).
#pragma once

#include "hooked/ops/linear.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct SparseLinear {
  static constexpr std::string_view name = "sparse_linear";
  static constexpr int inputs = 3;
  static constexpr int row_inputs = 1;
  struct Args {
    bool where_on = false;  ///< x is of relu or the like, which takes no gradient where it gave 0
  };

  /// x [..., in], W [in, out], b [out] -> [..., out]
  static Shape shape(const Args&, const Shape& x, const Shape& W, const Shape& b) {
    return Linear::shape({}, x, W, b);
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> W, View<const T> b, View<T> y) {
    set_sparse_product(x.matrix(), W.matrix(), in_order("sparse_linear: b", b), y.matrix());
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> x, View<const T> W, View<const T>,
                       View<const T>, View<const T> dy, Acc<T> dx, Acc<T> dW, Acc<T> db) {
    if (args.where_on) {
      dx.add_masked_product(dy.matrix(), W.matrix(), x.matrix());
    } else {
      dx.add_sparse_product(dy.matrix(), W.matrix().transpose());
    }
    // The wider of both is that of the features.
    if (x.size(-1) > dy.size(-1)) {
      dW.add_sparse_product(x.matrix().transpose(), dy.matrix());
    } else {
      dW.add_product_by_sparse(x.matrix(), dy.matrix());
    }
    db.add_column_sums(dy.matrix());
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4, 5}, {5}}},
            {{}, {{2, 3, 1}, {1, 2}, {2}}},
            {{.where_on = true}, {{3, 20}, {20, 19}, {19}}}};
  }
};

}  // namespace hooked
