// affine: y = x * w + b, every column by its own weight and bias: the second half of layer norm
// (contract, 5.2). Backward: dx = dy * w, dw = sum over rows of dy * x, db = sum over rows of dy.
#pragma once

#include "hooked/core/sums.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct Affine {
  static constexpr std::string_view name = "affine";
  static constexpr int inputs = 3;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// x [..., n], w [n], b [n] -> [..., n]
  static Shape shape(const Args&, const Shape& x, const Shape& w, const Shape& b) {
    if (x.rank() < 1 || w != Shape{x[-1]} || b != w) {
      fail<ShapeError>("affine: x is ", x, ", w is ", w, ", b is ", b,
                       ": w and b need one number for each column of x");
    }
    return x;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> w, View<const T> b, View<T> y) {
    const auto X = x.matrix();
    const auto Y = y.matrix();
    const T* const W = in_order("affine: w", w);
    const T* const B = in_order("affine: b", b);
    const auto line = [](const Packet<T>& v, const Packet<T>& slope, const Packet<T>& start) {
      return Eigen::internal::pmadd(v, slope, start);
    };
    for (Index r = 0; r < X.rows(); ++r) {
      map_packets(X.cols(), row_of(Y, r), line, row_of(X, r), W, B);
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> w, View<const T>, View<const T>,
                       View<const T> dy, Acc<T> dx, Acc<T> dw, Acc<T> db) {
    const auto X = x.matrix(), dY = dy.matrix();
    const Index n = X.cols();
    const auto times = [](const Packet<T>& p, const Packet<T>& q) {
      return Eigen::internal::pmul(p, q);
    };
    dx.add_rows([&](Index) { return times; }, dy, w.broadcast(x.shape()));
    const Sums<T> dW = dw.sums(), dB = db.sums();
    for (Index r = 0; r < X.rows(); ++r) {
      if (dW) dW.add_products(n, row_of(dY, r), row_of(X, r));
      if (dB) dB.add_row(n, row_of(dY, r));
    }
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4}, {4}}}, {{}, {{2, 3, 5}, {5}, {5}}}, {{}, {{96, 128}, {128}, {128}}}};
  }
};

}  // namespace hooked
