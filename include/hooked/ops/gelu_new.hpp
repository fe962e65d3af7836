// gelu_new(x) = x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3): the tanh form of gelu, as in
// GPT-2. gelu_new'(x) = (1 + tanh u)/2 + x/2 (1 - tanh^2 u) u', u' = sqrt(2/pi) (1 + 0.134145 x^2).
#pragma once

#include <cmath>
#include <numbers>

#include "hooked/ops/pointwise.hpp"

namespace hooked {

namespace detail {

/// x/2 (1 + tanh(a (x + 0.044715 x^3))), a being what Constant says.
template <class Constant>
struct GeluTanh {
  template <Scalar T>
  static Packet<T> value(const Packet<T>& x) {
    using namespace Eigen::internal;
    const Packet<T> half_x = pmul(x, splat(T(0.5)));
    return pmadd(half_x, tanh_u<T>(x), half_x);
  }
  template <Scalar T>
  static Packet<T> slope(const Packet<T>& x) {
    using namespace Eigen::internal;
    const Packet<T> half = splat(T(0.5)), one = splat(T(1)), t = tanh_u<T>(x);
    const Packet<T> du =
        pmul(pmadd(pmul(x, x), splat(T(3 * 0.044715)), one), splat(Constant::template a<T>));
    const Packet<T> dt = pmul(psub(one, pmul(t, t)), du);
    // Far out t is 1 or -1 and dt is 0, but x^2 may be infinite.
    const Packet<T> x_dt = pselect(pcmp_eq(pmul(t, t), one), splat(T(0)), pmul(x, dt));
    return pmul(half, padd(padd(one, t), x_dt));
  }

 private:
  template <Scalar T>
  static Packet<T> tanh_u(const Packet<T>& x) {
    using namespace Eigen::internal;
    const Packet<T> cube = pmul(pmul(x, x), x);
    const Packet<T> u = pmul(pmadd(cube, splat(T(0.044715)), x), splat(Constant::template a<T>));
    if constexpr (std::same_as<T, double>) {
      return each<T>(u, [](T v) { return std::tanh(v); });
    } else {
      return ptanh(u);
    }
  }
};

struct Sqrt2OverPi {
  template <Scalar T>
  static constexpr T a = std::numbers::sqrt2_v<T>* std::numbers::inv_sqrtpi_v<T>;
};
struct Sqrt2OverPiToTenDigits {
  template <Scalar T>
  static constexpr T a = T(0.7978845608);
};

}  // namespace detail

struct GeluNewFunction : detail::GeluTanh<detail::Sqrt2OverPi> {
  static constexpr std::string_view name = "gelu_new";
};
using GeluNew = Pointwise<GeluNewFunction>;

/// gelu_new with sqrt(2/pi) to ten digits, as some checkpoints have it.
struct GeluFastFunction : detail::GeluTanh<detail::Sqrt2OverPiToTenDigits> {
  static constexpr std::string_view name = "gelu_fast";
};
using GeluFast = Pointwise<GeluFastFunction>;

}  // namespace hooked
