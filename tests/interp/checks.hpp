// What the tests of weights check numbers and refusals with.
#pragma once

#include <string>

#include "catch.hpp"
#include "hooked/core/reduce.hpp"

namespace hooked {

/// Fits a number printed with ten significant digits: half a unit of the tenth.
inline Approx ten_digits(double x) { return Approx(x).epsilon(5.001e-10).margin(1e-15); }

template <TensorLike X, TensorLike Y>
void check_same(const X& x, const Y& y, double error = 1e-12) {
  REQUIRE(x.shape() == y.shape());
  CHECK(max_norm(x - y).item() < error);
}

/// What f is refused with; "" if it is not.
template <class E = Error, class F>
std::string refusal(F f) {
  try {
    (void)f();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

}  // namespace hooked
