#include "hooked/interp/statistics.hpp"

#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "hooked/interp/periodicity.hpp"

using namespace hooked;

namespace {

template <class F>
Tensor<double> square(Index n, F f) {
  Tensor<double> values({n, n});
  for (Index i = 0; i < n * n; ++i) {
    values.data()[i] = f(static_cast<double>(i / n), static_cast<double>(i % n));
  }
  return values;
}

}  // namespace

TEST_CASE("The median is numpy's", "[statistics]") {
  CHECK(median({3.0, 1.0, 2.0}) == 2.0);
  CHECK(median({4.0, 1.0, 2.0, 3.0}) == 2.5);
  CHECK(median({7.0}) == 7.0);
  CHECK(std::isnan(median({})));
  CHECK(std::isnan(median({1.0, std::nan(""), 2.0})));
}

TEST_CASE("Gini's coefficient is 0 for equals and 1 - 1/n where one has everything",
          "[statistics]") {
  CHECK(gini({2.0, 2.0, 2.0}) == Approx(0.0).margin(1e-15));
  CHECK(gini({0.0, 5.0, 0.0, 0.0}) == Approx(0.75));
  // Half of the mean difference over the mean, by the definition: of 1, 2, 6, sum |x_i - x_j| = 20.
  CHECK(gini({6.0, 1.0, 2.0}) == Approx(20.0 / (2.0 * 9.0 * 3.0)));
  CHECK(std::isnan(gini({})));
  CHECK(std::isnan(gini({0.0, 0.0})));
  CHECK(std::isnan(gini({1.0, -1.0})));
  CHECK(std::isnan(gini({1.0, std::nan("")})));
}

TEST_CASE("The strongest frequency of waves, ramps and constants", "[periodicity]") {
  const auto wave = [](double cycles) {
    return [cycles](double a, double b) {
      const double turn = 2.0 * std::numbers::pi * cycles / 100.0;
      return 5.0 + std::cos(turn * a) + std::sin(turn * b);
    };
  };
  CHECK(strongest_frequency(square(100, wave(7))).cycles == 7);
  CHECK(strongest_frequency(square(100, wave(7))).share == Approx(1.0));
  // Two waves of one size share the variance; at half of n there is only a cosine.
  const auto two = [&](double a, double b) { return wave(7)(a, b) + 0.5 * wave(20)(a, b); };
  CHECK(strongest_frequency(square(100, two)).share == Approx(0.8));
  const auto alternating = [](double a, double) { return std::fmod(a, 2.0); };
  CHECK(strongest_frequency(square(10, alternating)).cycles == 5);
  CHECK(strongest_frequency(square(10, alternating)).share == Approx(1.0));
  const auto ramp = [](double a, double b) { return a - b; };
  CHECK(strongest_frequency(square(100, ramp), 3).share < 0.07);
  CHECK(strongest_frequency(square(100, ramp)).cycles == 1);
  // What depends on a and b together only is no wave along either.
  const auto product = [](double a, double b) { return (a - 4.5) * (b - 4.5); };
  CHECK(strongest_frequency(square(10, product)).share == Approx(0.0).margin(1e-12));
  CHECK(strongest_frequency(Tensor<float>({4, 4}, 3.0f)).share == 0.0);
  CHECK(std::isnan(strongest_frequency(Tensor<float>({4, 4}, std::nanf(""))).share));
  CHECK(strongest_frequency(square(10, [&](double a, double b) {
          return 1e9 + alternating(a, b);
        })).share == Approx(1.0));
  CHECK_THROWS_WITH(strongest_frequency(Tensor<float>({2, 3})),
                    "strongest_frequency: f is [2, 3], it must be a square [n, n]");
  CHECK_THROWS_WITH(strongest_frequency(Tensor<float>({4, 4}), 3),
                    "strongest_frequency: at least 3 cycles of at most 2");
}
