// shift: y = x + c with a fixed number c. y' = 1.
#pragma once

#include "hooked/ops/elementwise.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct ShiftFunction {
  static constexpr std::string_view name = "shift";
  struct Args {
    double offset = 0.0;
  };
  template <Scalar T>
  static Packet<T> value(const Args& args, const Packet<T>& x) {
    return Eigen::internal::padd(x, splat(static_cast<T>(args.offset)));
  }
  template <Scalar T>
  static Packet<T> slope(const Args&, const Packet<T>&, const Packet<T>&) {
    return splat(T(1));
  }

  template <class Samples>
  static Samples samples() {
    return {{{2.5}, {{3, 4}}}, {{-1.0}, {{2, 3, 5}}}};
  }
};
using Shift = Elementwise<ShiftFunction>;

}  // namespace hooked
