// number_over: y = c / x with a fixed number c. y' = -c / x^2.
#pragma once

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct NumberOverFunction {
  static constexpr std::string_view name = "number_over";
  struct Args {
    double number = 1.0;
  };
  template <Scalar T>
  static Packet<T> value(const Args& args, const Packet<T>& x) {
    return Eigen::internal::pdiv(splat(static_cast<T>(args.number)), x);
  }
  template <Scalar T>
  static Packet<T> slope(const Args& args, const Packet<T>& x, const Packet<T>&) {
    using namespace Eigen::internal;
    return pnegate(Packet<T>(pdiv(value<T>(args, x), x)));
  }

  template <class Samples>
  static Samples samples() {
    return {{{3.0}, {{3, 4}}, 0.3, 2.0}, {{-0.5}, {{2, 3, 5}}, 0.3, -2.0}};
  }
};
using NumberOver = Elementwise<NumberOverFunction>;

}  // namespace hooked
