// sparse_linear: y = x W + b where many numbers of x may be zero, as features of a sparse
// autoencoder are: bit for bit what linear gives where W and dy are finite, in less time
// (core/sparse_product.hpp). Backward: dx = dy W^T, dW = x^T dy, db = sum over rows of dy.
#pragma once

#include "hooked/ops/linear.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct SparseLinear {
  static constexpr std::string_view name = "sparse_linear";
  static constexpr int inputs = 3;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// x [..., in], W [in, out], b [out] -> [..., out]
  static Shape shape(const Args&, const Shape& x, const Shape& W, const Shape& b) {
    return Linear::shape({}, x, W, b);
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> W, View<const T> b, View<T> y) {
    set_sparse_product(x.matrix(), W.matrix(), in_order("sparse_linear: b", b), y.matrix());
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> W, View<const T>, View<const T>,
                       View<const T> dy, Acc<T> dx, Acc<T> dW, Acc<T> db) {
    dx.add_product(dy.matrix(), W.matrix().transpose());
    dW.add_sparse_product(x.matrix().transpose(), dy.matrix());
    db.add_column_sums(dy.matrix());
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4, 5}, {5}}}, {{}, {{2, 3, 1}, {1, 2}, {2}}}};
  }
};

}  // namespace hooked
