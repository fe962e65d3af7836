// center: y = x - mean(x) over the last axis, the first half of layer norm (contract, 5.2).
// Backward: the map is a projection and its own transpose, dx = dy - mean(dy).
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Center {
  static constexpr std::string_view name = "center";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// [..., n] -> [..., n]
  static Shape shape(const Args&, const Shape& x) {
    if (x.rank() < 1) fail<ShapeError>("center: x is a scalar, it needs an axis to average over");
    return x;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y) {
    const auto X = x.matrix();
    auto Y = y.matrix();
    for (Index r = 0; r < X.rows(); ++r) forward_row(X.cols(), row_of(X, r), row_of(Y, r));
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T> dy, Acc<T> dx) {
    const auto dY = dy.matrix();
    dx.add_rows([&](Index r) { return MinusMean<T>(dY.cols(), row_of(dY, r)); }, dy);
  }

  /// One row of n numbers.
  template <Scalar T>
  static void forward_row(Index n, const T* x, T* y) {
    map_packets(n, y, MinusMean<T>(n, x), x);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}}, {{}, {{2, 1}}}, {{}, {{96, 128}}}};
  }

 private:
  template <Scalar T>
  class MinusMean {
   public:
    MinusMean(Index n, const T* x)
        : mean_(splat(sum_packets<T>(
                          n, [](const Packet<T>& v) { return v; }, x) /
                      static_cast<T>(n))) {}
    Packet<T> operator()(const Packet<T>& v) const { return Eigen::internal::psub(v, mean_); }

   private:
    Packet<T> mean_;
  };
};

}  // namespace hooked
