// power: y = x^p with a fixed number p, by the standard library; p = 2 is x x. y' = p x^(p-1),
// and 0 for p = 0.
#pragma once

#include <cmath>

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct PowerFunction {
  static constexpr std::string_view name = "power";
  struct Args {
    double exponent = 1.0;  ///< a fixed number
  };
  template <Scalar T>
  static Packet<T> value(const Args& args, const Packet<T>& x) {
    if (args.exponent == 2.0) return Eigen::internal::pmul(x, x);
    return each<T>(x, [p = static_cast<T>(args.exponent)](T v) { return std::pow(v, p); });
  }
  template <Scalar T>
  static Packet<T> slope(const Args& args, const Packet<T>& x, const Packet<T>&) {
    using Eigen::internal::pmul;
    const double p = args.exponent;
    if (p == 0.0) return splat(T(0));
    if (p == 2.0) return pmul(splat(T(2)), x);
    const Packet<T> power = each<T>(x, [q = static_cast<T>(p - 1)](T v) { return std::pow(v, q); });
    return pmul(splat(static_cast<T>(p)), power);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{2.0}, {{3, 4}}}, {{3.0}, {{3, 4}}}, {{-1.5}, {{2, 3, 5}}, 0.2, 2.0}, {{0.0}, {{4}}}};
  }
};
using Power = Elementwise<PowerFunction>;

}  // namespace hooked
