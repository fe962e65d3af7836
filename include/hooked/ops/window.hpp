// window: y = a copy of the elements of x that a strided window shows: a permutation of axes, an
// index or a range of an axis, a diagonal. Every axis of x stands still or goes along with one axis
// of y. Backward: dx = dy where the window is, 0 elsewhere.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Window {
  static constexpr std::string_view name = "window";
  static constexpr int inputs = 1;
  struct Axis {  // of x: where it starts, and the axis of y that moves it on by how much
    Index start = 0, step = 1;
    int along = -1;  // -1: it stands still
  };
  struct Args {
    Shape shape;  // of y
    std::array<Axis, kMaxRank> axes{};
  };

  /// Any shape that has room for the window -> the window's
  static Shape shape(const Args& args, const Shape& x) {
    std::array<bool, kMaxRank> moved{};
    for (int axis = 0; axis < x.rank(); ++axis) {
      const auto [start, step, along] = args.axes[static_cast<std::size_t>(axis)];
      if (along >= 0) moved[static_cast<std::size_t>(along)] = true;
      if (args.shape.numel() == 0) continue;
      const Index last = start + (along < 0 ? 0 : (args.shape[along] - 1) * step);
      if (start < 0 || last >= x[axis]) {
        fail<ShapeError>("window: x is ", x, ", axis ", axis, " has no ", start, " to ", last);
      }
    }
    for (int axis = 0; axis < args.shape.rank(); ++axis) {
      if (!moved[static_cast<std::size_t>(axis)]) {
        fail<ShapeError>("window: x is ", x, ", axis ", axis, " of ", args.shape,
                         " goes along no axis of it");
      }
    }
    return args.shape;
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y) {
    copy_rows(seen(args, x), y);
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> x, View<const T>, View<const T> dy,
                       Acc<T> dx) {
    const auto look = [&](View<T> gradient) { return seen(args, gradient); };
    dx.part(dy.numel() == x.numel(), look).add_spread(dy, T(1));
  }

  static std::vector<Sample<Args>> samples() {
    const Axis first{.along = 0}, second{.along = 1}, third{.along = 2};
    return {{{{4, 3}, {second, first}}, {{3, 4}}},
            {{{2, 4}, {first, Axis{.start = 2}, second}}, {{2, 3, 4}}},
            {{{2, 2}, {first, Axis{1, 2, 1}}}, {{2, 5}}},
            {{{3, 2}, {first, first, second}}, {{3, 3, 2}}},
            {{{5, 2, 3}, {second, third, first}}, {{2, 3, 5}}},
            {{{20, 2, 19}, {third, second, first}}, {{19, 2, 20}}}};
  }

 private:
  template <class T>
  static View<T> seen(const Args& args, View<T> x) {
    Strides strides{};
    T* data = x.data();
    for (int k = 0; k < x.rank(); ++k) {
      const auto [start, step, along] = args.axes[static_cast<std::size_t>(k)];
      data += start * x.stride(k);
      if (along >= 0) strides[static_cast<std::size_t>(along)] += step * x.stride(k);
    }
    return {data, args.shape, strides};
  }
};

}  // namespace hooked
