// relu(x) = max(x, 0); the slope at 0 is taken as 0, as PyTorch does.
#pragma once

#include "hooked/ops/pointwise.hpp"

namespace hooked {

struct ReluFunction {
  static constexpr std::string_view name = "relu";
  template <Scalar T>
  static Packet<T> value(const Packet<T>& x) {
    return Eigen::internal::pmax(x, splat(T(0)));
  }
  template <Scalar T>
  static Packet<T> slope(const Packet<T>& x) {
    const Packet<T> zero = splat(T(0));
    return Eigen::internal::pselect(Eigen::internal::pcmp_lt(zero, x), splat(T(1)), zero);
  }
};
using Relu = Pointwise<ReluFunction>;

}  // namespace hooked
