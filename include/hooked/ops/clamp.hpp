// clamp: y = x, but not less than `low` and not more than `high`; NaN stays. y' = 1 from low to
// high, ends included (as torch.clamp), and 0 outside.
#pragma once

#include <limits>

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct ClampFunction {
  static constexpr std::string_view name = "clamp";
  struct Args {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
  };
  template <Scalar T>
  static Packet<T> value(const Args& args, const Packet<T>& x) {
    using namespace Eigen::internal;
    const Packet<T> low = splat(static_cast<T>(args.low)), high = splat(static_cast<T>(args.high));
    const Packet<T> raised = pselect(pcmp_lt(x, low), low, x);
    return pselect(pcmp_lt(high, raised), high, raised);
  }
  template <Scalar T>
  static Packet<T> slope(const Args& args, const Packet<T>& x, const Packet<T>&) {
    using namespace Eigen::internal;
    const Packet<T> low = splat(static_cast<T>(args.low)), high = splat(static_cast<T>(args.high));
    return pselect(pcmp_lt(x, low), splat(T(0)),
                   Packet<T>(pselect(pcmp_lt(high, x), splat(T(0)), splat(T(1)))));
  }

  template <class Samples>
  static Samples samples() {
    return {{{-0.5, 0.8}, {{3, 4}}}, {{.low = 0.1}, {{2, 3, 5}}}};
  }
};
using Clamp = Elementwise<ClampFunction>;

}  // namespace hooked
