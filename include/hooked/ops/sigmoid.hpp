// sigmoid: y = 1 / (1 + e^-x). y' = y (1 - y).
#pragma once

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct SigmoidFunction {
  static constexpr std::string_view name = "sigmoid";
  struct Args {};
  template <Scalar T>
  static Packet<T> value(const Args&, const Packet<T>& x) {
    using namespace Eigen::internal;
    const Packet<T> one = splat(T(1));
    return pdiv(one, Packet<T>(padd(one, Packet<T>(pexp(Packet<T>(pnegate(x)))))));
  }
  template <Scalar T>
  static Packet<T> slope(const Args&, const Packet<T>&, const Packet<T>& y) {
    using namespace Eigen::internal;
    return pmul(y, Packet<T>(psub(splat(T(1)), y)));
  }

  template <class Samples>
  static Samples samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}, 3.0}};
  }
};
using Sigmoid = Elementwise<SigmoidFunction>;

}  // namespace hooked
