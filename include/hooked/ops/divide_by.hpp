// divide_by: y = x / c with a fixed number c, rounded once. y' = 1 / c.
#pragma once

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct DivideByFunction {
  static constexpr std::string_view name = "divide_by";
  struct Args {
    double divisor = 1.0;
  };
  template <Scalar T>
  static Packet<T> value(const Args& args, const Packet<T>& x) {
    return Eigen::internal::pdiv(x, splat(static_cast<T>(args.divisor)));
  }
  template <Scalar T>
  static Packet<T> slope(const Args& args, const Packet<T>&, const Packet<T>&) {
    return splat(static_cast<T>(1.0 / args.divisor));
  }

  template <class Samples>
  static Samples samples() {
    return {{{3.0}, {{3, 4}}}, {{-0.3}, {{2, 3, 5}}}};
  }
};
using DivideBy = Elementwise<DivideByFunction>;

}  // namespace hooked
