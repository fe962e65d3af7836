// gelu(x) = x Phi(x), Phi the standard normal distribution: Hendrycks and Gimpel,
// "Gaussian error linear units" (2016). Exact, through erf. gelu'(x) = Phi(x) + x phi(x).
#pragma once

#include <cmath>
#include <numbers>

#include "hooked/ops/pointwise.hpp"

namespace hooked {

struct GeluFunction {
  static constexpr std::string_view name = "gelu";
  template <Scalar T>
  static T value(T x) {
    return x * Phi(x);
  }
  template <Scalar T>
  static T slope(T x) {
    // phi(x) = exp(-x^2 / 2) / sqrt(2 pi)
    constexpr T kInvSqrt2Pi = std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
    return Phi(x) + x * kInvSqrt2Pi * std::exp(T(-0.5) * x * x);
  }

 private:
  template <Scalar T>
  static T Phi(T x) {
    return T(0.5) * (T(1) + std::erf(x / std::numbers::sqrt2_v<T>));
  }
};
using Gelu = Pointwise<GeluFunction>;

}  // namespace hooked
