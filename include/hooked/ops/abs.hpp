// abs: y = |x|. y' = the sign of x, 0 at 0.
#pragma once

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct AbsFunction {
  static constexpr std::string_view name = "abs";
  struct Args {};
  template <Scalar T>
  static Packet<T> value(const Args&, const Packet<T>& x) {
    return Eigen::internal::pabs(x);
  }
  template <Scalar T>
  static Packet<T> slope(const Args&, const Packet<T>& x, const Packet<T>&) {
    using namespace Eigen::internal;
    const Packet<T> zero = splat(T(0));
    const Packet<T> below = pselect(pcmp_lt(x, zero), splat(T(-1)), zero);
    return pselect(pcmp_lt(zero, x), splat(T(1)), below);
  }

  template <class Samples>
  static Samples samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}}};
  }
};
using Abs = Elementwise<AbsFunction>;

}  // namespace hooked
