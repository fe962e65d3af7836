// exp: y = e^x, exactly 0 where that is less than the smallest normal number. y' = e^x.
#pragma once

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct ExpFunction {
  static constexpr std::string_view name = "exp";
  struct Args {};
  template <Scalar T>
  static Packet<T> value(const Args&, const Packet<T>& x) {
    return exp_or_zero<T>(x);
  }
  template <Scalar T>
  static Packet<T> slope(const Args& args, const Packet<T>& x, const Packet<T>&) {
    return value<T>(args, x);
  }

  template <class Samples>
  static Samples samples() {
    return {{{}, {{3, 4}}}, {{}, {{2, 3, 5}}, 3.0}};
  }
};
using Exp = Elementwise<ExpFunction>;

}  // namespace hooked
