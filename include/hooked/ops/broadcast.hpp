// broadcast: y = x, repeated along axes of size 1 and along new leading axes until it has a given
// shape, by numpy's rule. Backward: dx = sum of dy over the axes along which x was repeated, added
// up in double.
#pragma once

#include "hooked/core/sums.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct Broadcast {
  static constexpr std::string_view name = "broadcast";
  static constexpr int inputs = 1;
  struct Args {
    Shape shape;
  };

  /// x -> the shape wanted
  static Shape shape(const Args& args, const Shape& x) {
    const int missing = args.shape.rank() - x.rank();
    bool fits = missing >= 0;
    for (int axis = 0; fits && axis < x.rank(); ++axis) {
      fits = x[axis] == 1 || x[axis] == args.shape[axis + missing];
    }
    if (!fits) fail<ShapeError>("broadcast: x is ", x, ", it cannot become ", args.shape);
    return args.shape;
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y) {
    copy_rows(x.broadcast(args.shape), y);
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T>, View<const T> dy, Acc<T> dx) {
    const Sums<T> sums = dx.sums();
    if (!sums) return;
    sum_axes(dy, x.shape(), [&](Index i, double sum) { sums.add(i, static_cast<T>(sum)); });
  }

  static std::vector<Sample<Args>> samples() {
    return {{{{3, 4}}, {{4}}},
            {{{2, 3, 5}}, {{3, 1}}},
            {{{2, 3, 4, 5}}, {{1, 3, 1, 5}}},
            {{{4, 3}}, {{}}},
            {{{64, 100}}, {{100}}}};
  }
};

}  // namespace hooked
