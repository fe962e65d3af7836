// extreme: y = the largest (or smallest) of x over some axes, which stay with size 1; NaN where
// there is one. Backward: dx = dy at the extreme, in equal parts where several elements are it (as
// torch.amax and JAX), and 0 elsewhere.
#pragma once

#include <cmath>
#include <limits>

#include "hooked/core/sums.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct Extreme {
  static constexpr std::string_view name = "extreme";
  static constexpr int inputs = 1;
  struct Args {
    std::array<bool, kMaxRank> folds{};
    bool smallest = false;
  };

  /// [...] -> the same with 1 for every axis that is folded
  static Shape shape(const Args& args, const Shape& x) {
    Shape y;
    for (int axis = 0; axis < x.rank(); ++axis) {
      y.push_back(args.folds[static_cast<std::size_t>(axis)] ? 1 : x[axis]);
    }
    if (y.numel() > 0 && x.numel() == 0) {
      fail<ShapeError>("extreme of no elements: the shape is ", x);
    }
    return y;
  }
  /// Keeps how many elements are the extreme.
  static Shape saved(const Args& args, const Shape& x) { return shape(args, x); }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y, View<T> count) {
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    std::fill_n(y.data(), y.numel(), args.smallest ? kInfinity : -kInfinity);
    const auto better = [&args](const Packet<T>& most, const Packet<T>& v) {
      using namespace Eigen::internal;
      const Packet<T> ahead = args.smallest ? pcmp_lt(v, most) : pcmp_lt(most, v);
      return Packet<T>(pselect(pcmp_eq(v, v), Packet<T>(pselect(ahead, v, most)), v));  // or NaN
    };
    for_each_row(x, y.broadcast(x.shape()),
                 [&](Index n, const T* from, Index step, T* to, Index to_step) {
                   if (step == 1 && to_step == 1) {
                     return map_packets(n, to, better, static_cast<const T*>(to), from);
                   }
                   if (step == 1 && to_step == 0) {
                     Packet<T> most = splat(*to);
                     Index i = 0;
                     for (; i + kPacket<T> <= n; i += kPacket<T>)
                       most = better(most, load(from + i));
                     if (i < n) most = better(most, load_part(from + i, n - i, *to));
                     *to = best_of<T>(most, args.smallest);
                     return;
                   }
                   for (Index i = 0; i < n; ++i) {
                     const T v = from[i * step];
                     T& most = to[i * to_step];
                     if (is_better(v, most, args.smallest)) most = v;
                   }
                 });
    std::fill_n(count.data(), count.numel(), T(0));
    at_extremes<T>(x, y, [&](Index, Index j) { count.data()[j] += T(1); });
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> y, View<const T> count,
                       View<const T> dy, Acc<T> dx) {
    in_order("extreme: x", x);
    const Sums<T> sums = dx.sums();
    if (!sums) return;
    at_extremes<T>(x, y, [&](Index i, Index j) { sums.add(i, dy.data()[j] / count.data()[j]); });
  }

  static std::vector<Sample<Args>> samples() {
    return {{{{true}}, {{3, 4}}},
            {{{false, true}, true}, {{3, 4}}},
            {{{true, false, true}}, {{2, 3, 5}}},
            {{{false, true, false, true}, true}, {{2, 2, 4, 3}}},
            {{{true, true}}, {{20, 30}}}};
  }

 private:
  template <Scalar T>
  static bool is_better(T v, T most, bool smallest) {
    return (smallest ? v < most : v > most) || std::isnan(v);
  }
  template <Scalar T>
  static T best_of(const Packet<T>& packet, bool smallest) {
    std::array<T, static_cast<std::size_t>(kPacket<T>)> numbers;
    store(numbers.data(), packet);
    T most = numbers[0];
    for (const T v : numbers) {
      if (is_better(v, most, smallest)) most = v;
    }
    return most;
  }
  // f(offset in x, offset in y) wherever x is the extreme.
  template <Scalar T, class F>
  static void at_extremes(View<const T> x, View<const T> y, const F& f) {
    for_each_row(x, y.broadcast(x.shape()),
                 [&](Index n, const T* from, Index step, const T* most, Index most_step) {
                   for (Index i = 0; i < n; ++i) {
                     const T *const v = from + i * step, *const m = most + i * most_step;
                     if (*v == *m || (std::isnan(*v) && std::isnan(*m))) {
                       f(v - x.data(), m - y.data());
                     }
                   }
                 });
  }
};

}  // namespace hooked
