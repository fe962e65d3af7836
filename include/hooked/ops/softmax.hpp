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
    const auto X = x.matrix();
    auto P = p.matrix();
    for (Index r = 0; r < X.rows(); ++r) forward_row(X.cols(), row_of(X, r), row_of(P, r));
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T> p, View<const T> dy, Acc<T> dx) {
    const auto P = p.matrix(), dY = dy.matrix();
    dx.add_rows([&](Index r) { return slope(P.cols(), row_of(P, r), row_of(dY, r), T(1)); }, p, dy);
  }

  /// One row of n numbers; p may be x.
  template <Scalar T>
  static void forward_row(Index n, const T* x, T* p) {
    using namespace Eigen::internal;
    constexpr T kHidden = -std::numeric_limits<T>::infinity();
    const T top = largest(n, x);
    if (top == kHidden) {  // nothing but minus infinity and, maybe, NaN
      const auto itself = [](const Packet<T>& v) { return v; };
      const T sum = sum_packets<T>(n, itself, x);
      std::fill_n(p, n, sum == kHidden ? T(0) : sum);
      return;
    }
    const Packet<T> Top = splat(top);
    Packet<T> sum = splat(T(0));
    const auto numerator = [&](const Packet<T>& v) {
      const Packet<T> e = exp_or_zero<T>(psub(v, Top));
      sum = padd(sum, e);
      return e;
    };
    Index i = 0;
    for (; i + kPacket<T> <= n; i += kPacket<T>) store<T>(p + i, numerator(load(x + i)));
    if (i < n) store_part<T>(p + i, n - i, numerator(load_part(x + i, n - i, kHidden)));
    const Packet<T> share = splat(T(1) / predux(sum));
    const T* const numerators = p;
    map_packets(
        n, p, [&](const Packet<T>& e) { return pmul(e, share); }, numerators);
  }

  /// dy <- scale p (dy - sum_k dy_k p_k), for one row of n numbers.
  template <Scalar T>
  static void backward_row(Index n, const T* p, T* dy, T scale) {
    const T* const slopes = dy;
    map_packets(n, dy, slope(n, p, slopes, scale), p, slopes);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 2, 3, 5}}, 3.0}, {{}, {{2, 1}}}, {{}, {{64, 33}}}};
  }

 private:
  template <Scalar T>
  static auto slope(Index n, const T* p, const T* dy, T scale) {
    const Packet<T> mean = splat(dot(n, p, dy)), S = splat(scale);
    return [mean, S](const Packet<T>& v, const Packet<T>& d) {
      return Packet<T>(Eigen::internal::pmul(Packet<T>(Eigen::internal::pmul(v, S)),
                                             Packet<T>(Eigen::internal::psub(d, mean))));
    };
  }
};

}  // namespace hooked
