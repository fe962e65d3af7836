// step: y = 1 where x > theta, else 0: sums of it count the features that are on (L0). dx = 0;
// dtheta = -K((x - theta) / bandwidth) / bandwidth, summed over rows, a straight-through estimate
// (threshold.hpp).
#pragma once

#include <algorithm>

#include "hooked/ops/threshold.hpp"

namespace hooked {

struct StepFunction {
  static constexpr std::string_view name = "step";
  template <Scalar T>
  static Packet<T> value(const Packet<T>& x, const Packet<T>& theta) {
    using namespace Eigen::internal;
    return pselect(pcmp_lt(theta, x), splat(T(1)), splat(T(0)));
  }
  /// dx.
  template <Scalar T>
  static Packet<T> through(const Packet<T>&, const Packet<T>&, const Packet<T>&) {
    return splat(T(0));
  }
  /// What y gains at the threshold.
  template <Scalar T>
  static Packet<T> jump(const Packet<T>&, const Packet<T>&) {
    return splat(T(1));
  }
  /// The share of the window around x0 that lies above theta, whatever becomes of x.
  static double stated(double bandwidth, double, double theta, double x0, double theta0) {
    const auto above = [&](double t) { return std::clamp((x0 - t) / bandwidth + 0.5, 0.0, 1.0); };
    return (x0 > theta0 ? 1.0 : 0.0) + above(theta) - above(theta0);
  }
};
using Step = Threshold<StepFunction>;

}  // namespace hooked
