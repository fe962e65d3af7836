// silu(x) = x s, s = 1 / (1 + exp(-x)). silu'(x) = s (1 + x (1 - s)).
#pragma once

#include "hooked/ops/pointwise.hpp"

namespace hooked {

struct SiluFunction {
  static constexpr std::string_view name = "silu";
  template <Scalar T>
  static Packet<T> value(const Packet<T>& x) {
    return Eigen::internal::pmul(x, sigmoid<T>(x));
  }
  template <Scalar T>
  static Packet<T> slope(const Packet<T>& x) {
    using namespace Eigen::internal;
    const Packet<T> one = splat(T(1)), s = sigmoid<T>(x);
    return pmul(s, pmadd(x, psub(one, s), one));
  }

 private:
  template <Scalar T>
  static Packet<T> sigmoid(const Packet<T>& x) {
    using namespace Eigen::internal;
    const Packet<T> one = splat(T(1));
    return pdiv(one, padd(one, pexp(pnegate(x))));
  }
};
using Silu = Pointwise<SiluFunction>;

}  // namespace hooked
