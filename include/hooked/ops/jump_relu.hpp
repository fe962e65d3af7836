// jump_relu: y = x where x > theta, else 0. dx = dy where x > theta; dtheta = -theta K((x - theta)
// / bandwidth) / bandwidth dy, summed over rows, a straight-through estimate (threshold.hpp).
#pragma once

#include <algorithm>

#include "hooked/ops/threshold.hpp"

namespace hooked {

struct JumpReluFunction {
  static constexpr std::string_view name = "jump_relu";
  template <Scalar T>
  static Packet<T> value(const Packet<T>& x, const Packet<T>& theta) {
    using namespace Eigen::internal;
    return pselect(pcmp_lt(theta, x), x, splat(T(0)));
  }
  /// dx.
  template <Scalar T>
  static Packet<T> through(const Packet<T>& dy, const Packet<T>& x, const Packet<T>& theta) {
    using namespace Eigen::internal;
    return pselect(pcmp_lt(theta, x), dy, splat(T(0)));
  }
  /// What y gains at the threshold.
  template <Scalar T>
  static Packet<T> jump(const Packet<T>&, const Packet<T>& theta) {
    return theta;
  }
  /// In theta the integral of -theta over the window around x0, in x what jump_relu is beside x0.
  static double stated(double bandwidth, double x, double theta, double x0, double theta0) {
    const auto integral = [&](double t) {
      const double within = std::clamp(t, x0 - bandwidth / 2, x0 + bandwidth / 2);
      return -within * within / (2 * bandwidth);
    };
    return (x0 > theta0 ? x : 0.0) + integral(theta) - integral(theta0);
  }
};
using JumpRelu = Threshold<JumpReluFunction>;

}  // namespace hooked
