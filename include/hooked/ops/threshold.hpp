// The frame of functions that jump at a threshold: y = f(x, theta) with one theta for each column.
// They have no useful slope in theta, so backward gives the straight-through estimate of
// Rajamanoharan et al. ("Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse
// Autoencoders", 2024): the jump is seen through a window K of the width `bandwidth`, K(u) = 1
// where |u| < 1/2 and 0 elsewhere. The functions have files of their own (step.hpp, jump_relu.hpp).
#pragma once

#include "hooked/core/sums.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

/// `Function` has `name`; `value(x, theta)`, `through(dy, x, theta)`, which is dx, and `jump(x,
/// theta)`, what y gains at the threshold, on packets and told T by their first template argument;
/// and `stated`, which says in plain numbers what backward is the slope of (Op, straight-through).
template <class Function>
struct Threshold {
  static constexpr std::string_view name = Function::name;
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 1;
  struct Args {
    double bandwidth = 1e-3;  ///< how far from the threshold x still moves it, times two; above 0
  };

  /// x [..., n], theta [n] -> [..., n]
  static Shape shape(const Args& args, const Shape& x, const Shape& theta) {
    if (x.rank() < 1 || theta != Shape{x[-1]}) {
      fail<ShapeError>(name, ": x is ", x, ", theta is ", theta,
                       ": theta needs one threshold for each column of x");
    }
    if (!(args.bandwidth > 0)) {
      fail<ConfigError>(name, ": bandwidth is ", args.bandwidth, ", it must be above 0");
    }
    return x;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> theta, View<T> y) {
    map_views(
        y, [](const Packet<T>& v, const Packet<T>& t) { return Function::template value<T>(v, t); },
        x, theta.broadcast(x.shape()));
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> x, View<const T> theta, View<const T>,
                       View<const T> dy, Acc<T> dx, Acc<T> dtheta) {
    using namespace Eigen::internal;
    const auto through = [](const Packet<T>& d, const Packet<T>& v, const Packet<T>& t) {
      return Function::template through<T>(d, v, t);
    };
    dx.add_rows([&](Index) { return through; }, dy, x, theta.broadcast(x.shape()));

    const Sums<T> sums = dtheta.sums();
    if (!sums) return;
    const T* const of = in_order(Function::name.data(), theta);
    const Packet<T> half = splat(static_cast<T>(args.bandwidth / 2));
    const Packet<T> density = splat(static_cast<T>(-1.0 / args.bandwidth));
    const auto estimate = [&](const Packet<T>& d, const Packet<T>& v, const Packet<T>& t) {
      const Packet<T> inside = pcmp_lt(pabs(Packet<T>(psub(v, t))), half);
      const Packet<T> jump = pmul(density, Function::template jump<T>(v, t));
      return Packet<T>(pselect(inside, Packet<T>(pmul(d, jump)), splat(T(0))));
    };
    const auto X = x.matrix(), dY = dy.matrix();
    const Index n = x.size(-1);
    for (Index r = 0; r < X.rows(); ++r) {
      const T *const v = row_of(X, r), *const d = row_of(dY, r);
      Index i = 0;
      for (; i + kPacket<T> <= n; i += kPacket<T>) {
        sums.add(i, kPacket<T>, estimate(load(d + i), load(v + i), load(of + i)));
      }
      if (i == n) continue;
      sums.add(
          i, n - i,
          estimate(load_part(d + i, n - i), load_part(v + i, n - i), load_part(of + i, n - i)));
    }
  }

  /// What backward is the slope of at (x0, theta0), which is f(x0, theta0) there.
  static void straight_through(const Args& args, View<const double> x, View<const double> theta,
                               View<const double> x0, View<const double> theta0, View<double> y) {
    const Index n = theta.numel();
    for (Index i = 0; i < y.numel(); ++i) {
      y.data()[i] = Function::stated(args.bandwidth, x.data()[i], theta.data()[i % n], x0.data()[i],
                                     theta0.data()[i % n]);
    }
  }

  // Windows that hold some of the numbers, all of them or none.
  static std::vector<Sample<Args>> samples() {
    return {{{1.0}, {{3, 4}, {4}}},
            {{2.5}, {{2, 3, 5}, {5}}},
            {{100.0}, {{6, 19}, {19}}},
            {{0.5}, {{64, 128}, {128}}}};
  }
};

}  // namespace hooked
