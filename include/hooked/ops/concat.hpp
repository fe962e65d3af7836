// concat: y = up to four tensors one after the other along an axis; those that are not needed have
// size 0 there. Backward: every input takes its part of dy.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Concat {
  static constexpr std::string_view name = "concat";
  static constexpr int inputs = 4;
  struct Args {
    int axis = 0;  // not negative
  };

  /// Shapes that agree in all axes but one -> the same with the sum of the sizes there
  static Shape shape(const Args& args, const Shape& a, const Shape& b, const Shape& c,
                     const Shape& d) {
    if (args.axis >= a.rank()) fail<ShapeError>("concat: ", a, " has no axis ", args.axis);
    Shape y = a;
    int k = 1;
    for (const Shape* part : {&b, &c, &d}) {
      Shape others = *part;
      if (others.rank() == a.rank()) others[args.axis] = a[args.axis];
      if (others != a) {
        fail<ShapeError>("concat: part 0 is ", a, ", part ", k, " is ", *part,
                         ": they may differ in axis ", args.axis, " alone");
      }
      y[args.axis] += (*part)[args.axis];
      ++k;
    }
    return y;
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> a, View<const T> b, View<const T> c,
                      View<const T> d, View<T> y) {
    Index start = 0;
    for (const View<const T>& part : {a, b, c, d}) {
      const Index stop = start + part.size(args.axis);
      copy_rows(part, y.slice(args.axis, start, stop));
      start = stop;
    }
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> a, View<const T> b, View<const T> c,
                       View<const T> d, View<const T>, View<const T> dy, Acc<T> da, Acc<T> db,
                       Acc<T> dc, Acc<T> dd) {
    Index start = 0;
    const auto add = [&](View<const T> part, const Acc<T>& gradient) {
      const Index stop = start + part.size(args.axis);
      gradient.add_spread(dy.slice(args.axis, start, stop), T(1));
      start = stop;
    };
    add(a, da);
    add(b, db);
    add(c, dc);
    add(d, dd);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{0}, {{2, 3}, {1, 3}, {3, 3}, {2, 3}}},
            {{1}, {{2, 3}, {2, 1}, {2, 2}, {2, 0}}},
            {{2}, {{2, 2, 1}, {2, 2, 3}, {2, 2, 2}, {2, 2, 4}}}};
  }
};

}  // namespace hooked
