// silu(x) = x s, s = 1 / (1 + exp(-x)). silu'(x) = s (1 + x (1 - s)).
#pragma once

#include <cmath>

#include "hooked/ops/pointwise.hpp"

namespace hooked {

struct SiluFunction {
  static constexpr std::string_view name = "silu";
  template <Scalar T>
  static T value(T x) {
    return x * sigmoid(x);
  }
  template <Scalar T>
  static T slope(T x) {
    const T s = sigmoid(x);
    return s * (T(1) + x * (T(1) - s));
  }

 private:
  template <Scalar T>
  static T sigmoid(T x) {
    return T(1) / (T(1) + std::exp(-x));
  }
};
using Silu = Pointwise<SiluFunction>;

}  // namespace hooked
