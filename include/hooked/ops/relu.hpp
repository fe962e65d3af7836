// relu(x) = max(x, 0); the slope at 0 is taken as 0, as PyTorch does.
#pragma once

#include "hooked/ops/pointwise.hpp"

namespace hooked {

struct ReluFunction {
  static constexpr std::string_view name = "relu";
  template <Scalar T>
  static T value(T x) {
    return x > T(0) ? x : T(0);
  }
  template <Scalar T>
  static T slope(T x) {
    return x > T(0) ? T(1) : T(0);
  }
};
using Relu = Pointwise<ReluFunction>;

}  // namespace hooked
