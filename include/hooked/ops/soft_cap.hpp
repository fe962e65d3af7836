// soft_cap: y = c tanh(x / c), which keeps y between -c and c. y' = 1 - (y / c)^2.
#pragma once

#include <cmath>

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/tanh.hpp"

namespace hooked {

struct SoftCapFunction {
  static constexpr std::string_view name = "soft_cap";
  struct Args {
    double cap = 1.0;  ///< c, positive
  };
  template <Scalar T>
  static Packet<T> value(const Args& args, const Packet<T>& x) {
    using Eigen::internal::pmul;
    const Packet<T> shrunk = pmul(x, splat(static_cast<T>(1.0 / args.cap)));
    return pmul(TanhFunction::value<T>({}, shrunk), splat(static_cast<T>(args.cap)));
  }
  template <Scalar T>
  static Packet<T> slope(const Args& args, const Packet<T>&, const Packet<T>& y) {
    using namespace Eigen::internal;
    const Packet<T> share = pmul(y, splat(static_cast<T>(1.0 / args.cap)));
    return psub(splat(T(1)), Packet<T>(pmul(share, share)));
  }

  template <class Samples>
  static Samples samples() {
    return {{{2.0}, {{3, 4}}}, {{0.5}, {{2, 3, 5}}, 3.0}};
  }
};
using SoftCap = Elementwise<SoftCapFunction>;

}  // namespace hooked
