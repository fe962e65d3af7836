// sum_axes: y = c sum(x) over some axes, which stay with size 1; with c = 1/n the mean. Added up in
// double. Backward: dx = c dy, the same for all that was added up.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct SumAxes {
  static constexpr std::string_view name = "sum_axes";
  static constexpr int inputs = 1;
  struct Args {
    std::array<bool, kMaxRank> folds{};
    double factor = 1.0;
  };

  /// [...] -> the same with 1 for every axis that is summed over
  static Shape shape(const Args& args, const Shape& x) {
    Shape y;
    for (int axis = 0; axis < x.rank(); ++axis) {
      y.push_back(args.folds[static_cast<std::size_t>(axis)] ? 1 : x[axis]);
    }
    return y;
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y) {
    sum_axes(x, y.shape(),
             [&](Index i, double sum) { y.data()[i] = static_cast<T>(args.factor * sum); });
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T>, View<const T>, View<const T> dy,
                       Acc<T> dx) {
    dx.add_spread(dy, static_cast<T>(args.factor));
  }

  static std::vector<Sample<Args>> samples() {
    return {{{{true}}, {{3, 4}}},
            {{{false, true}, 0.25}, {{3, 4}}},
            {{{true, false, true}}, {{2, 3, 5}}},
            {{{false, true, false, true}, 1.0 / 6}, {{2, 2, 4, 3}}},
            {{{true}}, {{100, 130}}}};
  }
};

}  // namespace hooked
