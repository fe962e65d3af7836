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
    const auto X = x.array();
    auto Y = y.array();
    for (Index r = 0; r < X.rows(); ++r) Y.row(r) = X.row(r) - X.row(r).mean();
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T> dy, Acc<T> dx) {
    const auto dY = dy.array();
    dx.add_rows([&](Index r) { return dY.row(r) - dY.row(r).mean(); });
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}}, {{}, {{2, 1}}}, {{}, {{96, 128}}}};
  }
};

}  // namespace hooked
