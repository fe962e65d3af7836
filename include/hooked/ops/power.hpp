// power: y = x^p with a fixed number p, p 1, 2 and 3 by products. y' = p x^(p-1),
// and 0 for p = 0.
#pragma once

#include <cmath>

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct PowerFunction {
  static constexpr std::string_view name = "power";
  struct Args {
    double exponent = 1.0;
  };
  template <Scalar T>
  static Packet<T> value(const Args& args, const Packet<T>& x) {
    using Eigen::internal::pmul;
    const double p = args.exponent;
    if (p == 1.0) return x;
    if (p == 2.0) return pmul(x, x);
    if (p == 3.0) return pmul(Packet<T>(pmul(x, x)), x);
    return each<T>(x, [q = static_cast<T>(p)](T v) { return std::pow(v, q); });
  }
  template <Scalar T>
  static Packet<T> slope(const Args& args, const Packet<T>& x, const Packet<T>&) {
    const double p = args.exponent;
    if (p == 0.0) return splat(T(0));
    return Eigen::internal::pmul(splat(static_cast<T>(p)), value<T>({p - 1}, x));
  }

  template <class Samples>
  static Samples samples() {
    return {{{2.0}, {{3, 4}}}, {{3.0}, {{3, 4}}}, {{-1.5}, {{2, 3, 5}}, 0.2, 2.0}, {{0.0}, {{4}}}};
  }
};
using Power = Elementwise<PowerFunction>;

}  // namespace hooked
