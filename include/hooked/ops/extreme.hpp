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
    std::array<bool, kMaxRank> folds{};  ///< which axes
    bool smallest = false;               ///< else the largest
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
    const T sign = args.smallest ? T(-1) : T(1);
    std::fill_n(y.data(), y.numel(), -sign * std::numeric_limits<T>::infinity());
    for_each_row(x, y.broadcast(x.shape()),
                 [&](Index n, const T* from, Index step, T* to, Index to_step) {
                   for (Index i = 0; i < n; ++i) {
                     const T v = from[i * step];
                     T& most = to[i * to_step];
                     if (sign * v > sign * most || std::isnan(v)) most = v;
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
