// tanh: y = (e^x - e^-x) / (e^x + e^-x). y' = 1 - y^2.
#pragma once

#include <cmath>

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct TanhFunction {
  static constexpr std::string_view name = "tanh";
  struct Args {};
  template <Scalar T>
  static Packet<T> value(const Args&, const Packet<T>& x) {
    if constexpr (std::same_as<T, double>) {
      return each<T>(x, [](T v) { return std::tanh(v); });
    } else {
      return Eigen::internal::ptanh(x);
    }
  }
  template <Scalar T>
  static Packet<T> slope(const Args&, const Packet<T>&, const Packet<T>& y) {
    using namespace Eigen::internal;
    return psub(splat(T(1)), Packet<T>(pmul(y, y)));
  }

  template <class Samples>
  static Samples samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}, 3.0}};
  }
};
using Tanh = Elementwise<TanhFunction>;

}  // namespace hooked
