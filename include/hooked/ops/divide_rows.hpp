// divide_rows: y = x / s, every row by its own divisor; hook_normalized shows it (contract, 5.2).
// Backward: dx = dy / s, ds = -sum(dy y) / s.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct DivideRows {
  static constexpr std::string_view name = "divide_rows";
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 2;
  struct Args {};

  /// x [..., n], s [..., 1] -> [..., n]
  static Shape shape(const Args&, const Shape& x, const Shape& s) {
    if (x.rank() < 1 || s != join(x.axes(0, x.rank() - 1), {1})) {
      fail<ShapeError>("divide_rows: x is ", x, ", s is ", s, ": s needs the shape of x with a ",
                       "last axis of 1");
    }
    return x;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> s, View<T> y) {
    y.array() = x.array().colwise() / s.array().col(0);
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T> s, View<const T> y,
                       View<const T> dy, Acc<T> dx, Acc<T> ds) {
    dx.array() += dy.array().colwise() / s.array().col(0);
    ds.array() += -(dy.array() * y.array()).rowwise().sum() / s.array();
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {3, 1}}, 0.3, 2.0}, {{}, {{2, 3, 5}, {2, 3, 1}}, 0.3, 2.0}};
  }
};

}  // namespace hooked
