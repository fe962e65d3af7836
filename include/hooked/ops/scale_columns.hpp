// scale_columns: y = x * w, every column by its own weight: the `w` of a norm (contract, 5.2).
// Backward: dx = dy * w, dw = sum over rows of dy * x.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct ScaleColumns {
  static constexpr std::string_view name = "scale_columns";
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// x [..., n], w [n] -> [..., n]
  static Shape shape(const Args&, const Shape& x, const Shape& w) {
    if (x.rank() < 1 || w != Shape{x[-1]}) {
      fail<ShapeError>("scale_columns: x is ", x, ", w is ", w,
                       ": w needs one weight for each column of x");
    }
    return x;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> w, View<T> y) {
    map_views(y, times<T>, x, w.broadcast(x.shape()));
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> w, View<const T>,
                       View<const T> dy, Acc<T> dx, Acc<T> dw) {
    dx.add_rows([](Index) { return times<T>; }, dy, w.broadcast(x.shape()));
    dw.array() += (dy.array() * x.array()).colwise().sum();
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4}}}, {{}, {{2, 3, 5}, {5}}}, {{}, {{96, 128}, {128}}}};
  }

 private:
  template <Scalar T>
  static constexpr auto times =
      [](const Packet<T>& p, const Packet<T>& q) { return Eigen::internal::pmul(p, q); };
};

}  // namespace hooked
