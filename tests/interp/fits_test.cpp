#include "hooked/interp/fits.hpp"

#include <cmath>

#include "catch.hpp"

using namespace hooked;

TEST_CASE("A fit finds slope, intercept and the share of the variance by hand", "[fits]") {
  // y = 1, 2, 6 over x = 0, 1, 2: mean 3, slope 2.5, intercept 0.5; residuals 0.5, -1, 0.5.
  const Tensor<double> x({3, 1}, {0, 1, 2});
  const Tensor<float> y({3, 2}, {1, 5, 2, 3, 6, 1});
  const LinearFits fits = fit_linear(x, y);
  CHECK(fits.slopes(0, 0) == Approx(2.5));
  CHECK(fits.intercepts(0) == Approx(0.5));
  CHECK(fits.r2(0) == Approx(1.0 - 1.5 / 14.0));
  CHECK(fits.slopes(0, 1) == Approx(-2.0));
  CHECK(fits.r2(1) == Approx(1.0));

  const Tensor<double> there = fits.predict(Tensor<double>({1, 1}, {4.0}));
  CHECK(there(0, 0) == Approx(10.5));
  CHECK(there(0, 1) == Approx(-3.0));
  // R2 of the fit's own predictions is the fit's R2, whoever computes it.
  CHECK(r_squared(y, fits.predict(x))(0) == Approx(fits.r2(0)));
}

TEST_CASE("Two predictors and a constant are told apart", "[fits]") {
  Tensor<float> x({9, 2}), y({9, 1});
  for (Index i = 0; i < 9; ++i) {
    x(i, 0) = static_cast<float>(i / 3), x(i, 1) = static_cast<float>(i % 3);
    y(i, 0) = 2.0f * x(i, 0) - 3.0f * x(i, 1) + 0.5f;
  }
  const LinearFits fits = fit_linear(x, y);
  CHECK(fits.slopes(0, 0) == Approx(2.0));
  CHECK(fits.slopes(1, 0) == Approx(-3.0));
  CHECK(fits.intercepts(0) == Approx(0.5));
}

TEST_CASE("R2 is below zero for a bad model and no number for a constant", "[fits]") {
  const Tensor<double> y({2, 2}, {0, 7, 2, 7}), f({2, 2}, {2, 7, 0, 7});
  CHECK(r_squared(y, f)(0) == Approx(-3.0));
  CHECK(std::isnan(r_squared(y, f)(1)));
  CHECK_THROWS_WITH(r_squared(y, Tensor<double>({3, 2})),
                    "r_squared: y is [2, 2], its model is [3, 2]");
  CHECK_THROWS_WITH(fit_linear(Tensor<double>({3}), y),
                    "fit_linear: x is [3], it must be [n, predictor]");
  CHECK_THROWS_WITH(fit_linear(Tensor<double>({3, 1}), y).predict(y),
                    Catch::Matchers::ContainsSubstring("a has 3 rows but b has 2"));
}
