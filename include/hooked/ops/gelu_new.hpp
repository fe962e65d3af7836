// gelu_new(x) = x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3): the tanh form of gelu, as in
// GPT-2. gelu_new'(x) = (1 + tanh u)/2 + x/2 (1 - tanh^2 u) u', u' = sqrt(2/pi) (1 + 0.134145 x^2).
#pragma once

#include <cmath>
#include <numbers>

#include "hooked/ops/pointwise.hpp"

namespace hooked {

struct GeluNewFunction {
  static constexpr std::string_view name = "gelu_new";
  template <Scalar T>
  static T value(T x) {
    return T(0.5) * x * (T(1) + std::tanh(u(x)));
  }
  template <Scalar T>
  static T slope(T x) {
    const T t = std::tanh(u(x));
    const T du = kSqrt2OverPi<T> * (T(1) + T(3 * 0.044715) * x * x);
    return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * du;
  }

 private:
  template <Scalar T>
  static constexpr T kSqrt2OverPi = std::numbers::sqrt2_v<T>* std::numbers::inv_sqrtpi_v<T>;
  template <Scalar T>
  static T u(T x) {
    return kSqrt2OverPi<T> * (x + T(0.044715) * x * x * x);
  }
};
using GeluNew = Pointwise<GeluNewFunction>;

}  // namespace hooked
