// keep_top_k: y = x where x is among the k largest of its row, else 0 (Gao et al., "Scaling and
// evaluating sparse autoencoders", 2024). Of equals the first are kept; NaN is kept whatever k is.
// Backward: dx = dy where x was kept; where a 0 was kept the slope is 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

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
      const T least = kth_largest(n, from, args.k, room.data());
      const auto above = [bound = splat(least)](const Packet<T>& v) {
        using namespace Eigen::internal;
        return Packet<T>(pselect(Packet<T>(pcmp_le(v, bound)), splat(T(0)), v));
      };
      map_packets(n, to, above, from);
      // Of those that equal the least as many as there is room for.
      Index left = args.k - std::count_if(from, from + n, [&](T v) { return !(v <= least); });
      for (Index i = 0; left > 0; ++i) {
        if (from[i] != least) continue;
        to[i] = least;
        --left;
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
  /// The k-th largest of n numbers, NaN being infinite; `room` is for n.
  template <Scalar T>
  static T kth_largest(Index n, const T* x, Index k, T* room) {
    const auto value = [](T v) { return std::isnan(v) ? std::numeric_limits<T>::infinity() : v; };
    const auto kth_of_room = [&](Index count) {
      std::nth_element(room, room + (k - 1), room + count, std::greater<T>());
      return room[k - 1];
    };
    // Cut into parts, it is no less than the k-th largest of their maxima, and few numbers are as
    // large as that.
    const Index parts = 2 * k;
    Index count = n;
    std::transform(x, x + (2 * parts <= n ? parts : n), room, value);
    if (2 * parts <= n) {
      for (Index i = parts; i < n; i += parts) {
        for (Index p = 0; p < std::min(parts, n - i); ++p) {
          room[p] = std::max(room[p], value(x[i + p]));
        }
      }
      const T bound = kth_of_room(parts);
      count = 0;
      for (Index i = 0; i < n; ++i) {
        room[count] = value(x[i]);
        count += room[count] >= bound ? 1 : 0;
      }
    }
    return kth_of_room(count);
  }
};

}  // namespace hooked
