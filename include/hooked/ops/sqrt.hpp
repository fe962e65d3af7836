// sqrt: y = the square root of x, rounded right; NaN below 0. y' = 1 / (2 y).
#pragma once

#include <cmath>

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct SqrtFunction {
  static constexpr std::string_view name = "sqrt";
  struct Args {};
  template <Scalar T>
  static Packet<T> value(const Args&, const Packet<T>& x) {
    return each<T>(x, [](T v) { return std::sqrt(v); });
  }
  template <Scalar T>
  static Packet<T> slope(const Args&, const Packet<T>&, const Packet<T>& y) {
    return Eigen::internal::pdiv(splat(T(0.5)), y);
  }

  template <class Samples>
  static Samples samples() {
    return {{{}, {{3, 4}}, 0.2, 1.5}, {{}, {{2, 3, 5}}, 1.0, 9.0}};
  }
};
using Sqrt = Elementwise<SqrtFunction>;

}  // namespace hooked
