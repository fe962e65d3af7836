// log: y = the natural logarithm of x, -inf at 0 and NaN below. y' = 1 / x.
#pragma once

#include <cmath>

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct LogFunction {
  static constexpr std::string_view name = "log";
  struct Args {};
  template <Scalar T>
  static Packet<T> value(const Args&, const Packet<T>& x) {
    if constexpr (Eigen::internal::packet_traits<T>::HasLog) return Eigen::internal::plog(x);
    return each<T>(x, [](T v) { return std::log(v); });
  }
  template <Scalar T>
  static Packet<T> slope(const Args&, const Packet<T>& x, const Packet<T>&) {
    return Eigen::internal::pdiv(splat(T(1)), x);
  }

  template <class Samples>
  static Samples samples() {
    return {{{}, {{3, 4}}, 0.2, 1.5}, {{}, {{2, 3, 5}}, 1.0, 9.0}};
  }
};
using Log = Elementwise<LogFunction>;

}  // namespace hooked
