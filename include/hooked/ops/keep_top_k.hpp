// keep_top_k: y = x where x is among the k largest of its row, else 0 (Gao et al., "Scaling and
// evaluating sparse autoencoders", 2024). Of equals the first are kept; NaN is kept whatever k is.
// Backward: dx = dy where x was kept; where a 0 was kept the slope is 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <type_traits>

#include "hooked/ops/op.hpp"

namespace hooked {

struct KeepTopK {
  static constexpr std::string_view name = "keep_top_k";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {
    Index k;  ///< from 1 to the length of a row
  };

  /// [..., n] -> [..., n]
  static Shape shape(const Args& args, const Shape& x) {
    if (x.rank() < 1 || args.k < 1 || args.k > x[-1]) {
      fail<ShapeError>("keep_top_k: k is ", args.k, ", x is ", x,
                       ": k must be from 1 to the length of its last axis");
    }
    return x;
  }
  /// Room to order one row in.
  static Shape saved(const Args&, const Shape& x) { return {x[-1]}; }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y, View<T> room) {
    const auto X = x.matrix();
    const auto Y = y.matrix();
    const Index n = X.cols();
    for (Index r = 0; r < X.rows(); ++r) {
      const T* const from = row_of(X, r);
      T* const to = row_of(Y, r);
      const T least = least_of_largest(n, from, args.k, room.data());
      const auto above = [bound = splat(least)](const Packet<T>& v) {
        using namespace Eigen::internal;
        return Packet<T>(pselect(Packet<T>(pcmp_lt(v, bound)), splat(T(0)), v));
      };
      map_packets(n, to, above, from);
      // Of those that equal the least only as many as there is room for.
      std::int32_t kept = 0;
      for (Index i = 0; i < n; ++i) kept += from[i] < least ? 0 : 1;
      for (Index i = n; kept > args.k && i > 0; --i) {
        if (from[i - 1] != least) continue;
        to[i - 1] = T(0);
        --kept;
      }
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T> y, View<const T>, View<const T> dy,
                       Acc<T> dx) {
    using namespace Eigen::internal;
    const auto kept = [](const Packet<T>& d, const Packet<T>& v) {
      const Packet<T> zero = splat(T(0));
      return Packet<T>(pselect(Packet<T>(pcmp_eq(v, zero)), zero, d));
    };
    dx.add_map(kept, dy, y);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{2}, {{3, 4}}}, {{1}, {{2, 3, 5}}}, {{4}, {{3, 4}}}, {{32}, {{16, 512}}}};
  }

 private:
  /// The largest number that k of n numbers are no less than, or any that no more are no less than;
  /// NaN counts as infinite; `room` is for n. By halving: floating-point numbers are in the order
  /// of their bits.
  template <Scalar T>
  static T least_of_largest(Index n, const T* x, Index k, T* room) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    constexpr Bits kLargest = std::numeric_limits<Bits>::max();
    std::transform(x, x + n, room, [](T v) { return std::isnan(v) ? kInfinity : v; });
    const auto number = [](Bits b) { return Eigen::numext::bit_cast<T>(b < 0 ? b ^ kLargest : b); };
    Bits low = Eigen::numext::bit_cast<Bits>(-kInfinity) ^ kLargest,
         high = Eigen::numext::bit_cast<Bits>(kInfinity) + 1;
    while (low + 1 < high) {
      const Bits middle = std::midpoint(low, high);
      const T least = number(middle);
      std::int32_t count = 0;
      for (Index i = 0; i < n; ++i) count += room[i] >= least ? 1 : 0;
      (count >= k ? low : high) = middle;
      if (count == k) break;
    }
    return number(low);
  }
};

}  // namespace hooked
