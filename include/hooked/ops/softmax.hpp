// softmax: p_j = exp(x_j - max x) / sum_k exp(x_k - max x) over the last axis. A row of nothing but
// -inf gives zeros (a query that sees no key; contract, 5.1), and -inf always gives exactly 0.
// Backward: dx_j = p_j (dy_j - sum_k dy_k p_k).
#pragma once

#include <limits>

#include "hooked/ops/op.hpp"

namespace hooked {

struct Softmax {
  static constexpr std::string_view name = "softmax";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// [..., n] -> [..., n]
  static Shape shape(const Args&, const Shape& x) {
    if (x.rank() < 1 || x[-1] < 1) {
      fail<ShapeError>("softmax: x is ", x, ", it needs a last axis of at least one element");
    }
    return x;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> p) {
    constexpr T kHidden = -std::numeric_limits<T>::infinity();
    const auto X = x.array();
    auto P = p.array();
    for (Index r = 0; r < X.rows(); ++r) {
      const T top = X.row(r).maxCoeff();
      if (top == kHidden) {
        P.row(r) = T(0);
        continue;
      }
      P.row(r) = (X.row(r) == kHidden).select(T(0), (X.row(r) - top).exp());
      P.row(r) /= P.row(r).sum();
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T> p, View<const T> dy, Acc<T> dx) {
    const auto P = p.array();
    const auto dY = dy.array();
    dx.add_rows([&](Index r) { return P.row(r) * (dY.row(r) - (dY.row(r) * P.row(r)).sum()); });
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 2, 3, 5}}, 3.0}, {{}, {{2, 1}}}, {{}, {{64, 33}}}};
  }
};

}  // namespace hooked
