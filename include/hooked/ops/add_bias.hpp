// add_bias: y = x + b, the same b for every row: the `b` of a norm, b_O after a sum over heads.
// Backward: dx = dy, db = sum over rows of dy.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct AddBias {
  static constexpr std::string_view name = "add_bias";
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// x [..., n], b [n] -> [..., n]
  static Shape shape(const Args&, const Shape& x, const Shape& b) {
    if (x.rank() < 1 || b != Shape{x[-1]}) {
      fail<ShapeError>("add_bias: x is ", x, ", b is ", b,
                       ": b needs one number for each column of x");
    }
    return x;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> b, View<T> y) {
    const auto sum = [](const Packet<T>& p, const Packet<T>& q) {
      return Eigen::internal::padd(p, q);
    };
    map_views(y, sum, x, b.broadcast(x.shape()));
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T>, View<const T> dy,
                       Acc<T> dx, Acc<T> db) {
    dx.add(dy);
    db.add_column_sums(dy.matrix());
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4}}}, {{}, {{2, 3, 5}, {5}}}};
  }
};

}  // namespace hooked
