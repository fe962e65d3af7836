// The erf of gelu and the tanh of gelu_new, held against the standard library's in double.
#include "hooked/ops/gelu.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/ops/gelu_new.hpp"

using namespace hooked;

namespace {

/// The largest difference between `f` on packets and `exact`, relative to numbers above 1.
template <class T, class F, class Exact>
double worst_difference(F f, Exact exact) {
  double worst = 0;
  for (int i = -12000; i <= 12000; ++i) {
    const T x = static_cast<T>(i) / T(1000);
    T y = 0;
    map_packets(1, &y, f, &x);
    const double expected = exact(static_cast<double>(x));
    worst = std::max(
        worst, std::abs(static_cast<double>(y) - expected) / std::max(1.0, std::abs(expected)));
  }
  return worst;
}

double Phi(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double phi(double x) {
  return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}
double tanh_u(double x) {
  return std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x));
}

#ifdef __FMA__
constexpr double kTanhSlope = 4e-6;
#else
constexpr double kTanhSlope = 5e-6;  // 4.2e-6, where products are rounded before they are added
#endif

template <class T>
constexpr double tolerance(double of_float) {
  return std::same_as<T, float> ? of_float : 1e-15;
}

}  // namespace

TEMPLATE_TEST_CASE("gelu and its slope are as exact as the error function", "", float, double) {
  using T = TestType;
  CHECK(worst_difference<T>([](const Packet<T>& x) { return GeluFunction::value<T>(x); },
                            [](double x) { return x * Phi(x); }) <= tolerance<T>(4e-7));
  CHECK(worst_difference<T>([](const Packet<T>& x) { return GeluFunction::slope<T>(x); },
                            [](double x) { return Phi(x) + x * phi(x); }) <= tolerance<T>(4e-7));
}

TEMPLATE_TEST_CASE(
    "gelu_new is as exact as tanh, and its slope as 1 - tanh^2 is where tanh is almost 1", "",
    float, double) {
  using T = TestType;
  CHECK(worst_difference<T>([](const Packet<T>& x) { return GeluNewFunction::value<T>(x); },
                            [](double x) { return x / 2 * (1 + tanh_u(x)); }) <=
        tolerance<T>(1e-6));
  CHECK(worst_difference<T>([](const Packet<T>& x) { return GeluNewFunction::slope<T>(x); },
                            [](double x) {
                              const double t = tanh_u(x);
                              const double du =
                                  std::sqrt(2 / std::numbers::pi) * (1 + 0.134145 * x * x);
                              return (1 + t) / 2 + x / 2 * (1 - t * t) * du;
                            }) <= tolerance<T>(kTanhSlope));
}
