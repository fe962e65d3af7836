// divide_rows: y = x / s, every row by its own divisor; hook_normalized shows it (contract, 5.2).
// Backward: dx = dy / s, ds = -sum(dy y) / s.
#pragma once

#include "hooked/core/sums.hpp"
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
    const auto X = x.matrix(), S = s.matrix();
    auto Y = y.matrix();
    for (Index r = 0; r < X.rows(); ++r)
      forward_row(X.cols(), row_of(X, r), row_of(S, r)[0], row_of(Y, r));
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T> s, View<const T> y,
                       View<const T> dy, Acc<T> dx, Acc<T> ds) {
    const auto S = s.matrix();
    dx.add_rows([&](Index r) { return Divide<T>(row_of(S, r)[0]); }, dy);
    const auto Y = y.matrix(), dY = dy.matrix();
    const Sums<T> dS = ds.sums();
    for (Index r = 0; dS && r < Y.rows(); ++r) {
      dS.add(r, -(dot(Y.cols(), row_of(dY, r), row_of(Y, r)) / row_of(S, r)[0]));
    }
  }

  /// One row of n numbers; y may be x.
  template <Scalar T>
  static void forward_row(Index n, const T* x, T s, T* y) {
    map_packets(n, y, Divide<T>(s), x);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {3, 1}}, 0.3, 2.0}, {{}, {{2, 3, 5}, {2, 3, 1}}, 0.3, 2.0}};
  }

 private:
  template <Scalar T>
  class Divide {
   public:
    explicit Divide(T s) : inverse_(splat(T(1) / s)) {}
    Packet<T> operator()(const Packet<T>& v) const { return Eigen::internal::pmul(v, inverse_); }

   private:
    Packet<T> inverse_;
  };
};

}  // namespace hooked
