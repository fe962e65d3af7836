#include "hooked/interp/fourier.hpp"

#include "catch.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/reduce.hpp"

using namespace hooked;

namespace {

Tensor<double> random_tensor(const Shape& shape) {
  Tensor<double> x(shape);
  Random random({3}, "a random tensor");
  for (Index i = 0; i < x.numel(); ++i) x.data()[i] = random.normal();
  return x;
}

}  // namespace

TEST_CASE("The basis is orthonormal for odd and for even n", "[fourier]") {
  for (const Index n : {1, 2, 3, 4, 7, 12, 113}) {
    const Tensor<double> F = fourier_basis(n);
    Tensor<double> one({n, n});
    for (Index i = 0; i < n; ++i) one(i, i) = 1.0;
    CHECK(max_norm(matmul(F, F.transpose()) - one).item() < 1e-13);
    CHECK(max_norm(matmul(F.transpose(), F) - one).item() < 1e-13);
  }
  CHECK_THROWS_WITH(fourier_basis(0), "fourier_basis: of functions on 0 points: there must be one");
}

TEST_CASE("Rows are the constant, cosine and sine of 1, 2, ..., and what alternates", "[fourier]") {
  const Tensor<double> F = fourier_basis(4);
  const double r = std::sqrt(0.5);
  const Tensor<double> wanted({4, 4}, {0.5, 0.5, 0.5, 0.5,  //
                                       r, 0.0, -r, 0.0,     //
                                       0.0, r, 0.0, -r,     //
                                       0.5, -0.5, 0.5, -0.5});
  CHECK(max_norm(F - wanted).item() < 1e-15);
}

TEST_CASE("Components along any axis are sums by hand, and lead back", "[fourier]") {
  const Tensor<double> x = random_tensor({3, 5, 4});
  for (int axis = -1; axis < 3; ++axis) {
    const int a = axis < 0 ? 2 : axis;
    const Tensor<double> F = fourier_basis(x.size(axis)), y = fourier(x, axis);
    REQUIRE(y.shape() == x.shape());
    Tensor<double> wanted(x.shape());
    for (Index i = 0; i < 3; ++i) {
      for (Index j = 0; j < 5; ++j) {
        for (Index k = 0; k < 4; ++k) {
          for (Index n = 0; n < x.size(axis); ++n) {
            wanted(i, j, k) += a == 0   ? F(i, n) * x(n, j, k)
                               : a == 1 ? F(j, n) * x(i, n, k)
                                        : F(k, n) * x(i, j, n);
          }
        }
      }
    }
    CHECK(max_norm(y - wanted).item() < 1e-14);
    CHECK(max_norm(inverse_fourier(y, axis) - x).item() < 1e-14);
  }
  CHECK_THROWS_AS(fourier(x, 3), ShapeError);
  CHECK_THROWS_AS(fourier(Tensor<double>({2, 0}), 1), ShapeError);
}

TEST_CASE("A wave's power is at its frequency, and all power is the sum of squares", "[fourier]") {
  for (const Index n : {7, 8}) {
    Tensor<float> wave({n, 2});
    for (Index i = 0; i < n; ++i) {
      const double turn = 2.0 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n);
      wave(i, 0) = static_cast<float>(3.0 * std::cos(2.0 * turn + 0.7));
      wave(i, 1) = static_cast<float>(2.0 + std::cos(static_cast<double>(n / 2) * turn));
    }
    const Tensor<double> power = fourier_power(wave, 0);
    REQUIRE(power.shape() == Shape{n / 2 + 1, 2});
    const auto length = static_cast<double>(n);
    CHECK(power(2, 0) == Approx(4.5 * length));
    CHECK(sum(power, 0)(0) == Approx(4.5 * length));
    CHECK(power(0, 1) == Approx(4.0 * length));
    CHECK(power(n / 2, 1) == Approx(n % 2 == 0 ? length : 0.5 * length));
  }
  const Tensor<double> x = random_tensor({6, 9});
  CHECK(sum(fourier_power(x, 1)).item() == Approx(sum(x * x).item()));
}

TEST_CASE("Keeping frequencies is a projection on their waves", "[fourier]") {
  for (const Index n : {9, 10}) {
    const Tensor<double> x = random_tensor({2, n});
    const Tensor<double> kept = keep_frequencies(x, 1, {0, 2, n / 2, 2});
    Tensor<double> components = fourier(x, 1);
    for (Index r = 0; r < n; ++r) {
      const Index k = (r + 1) / 2;
      if (k == 0 || k == 2 || k == n / 2) continue;
      for (Index line = 0; line < 2; ++line) components(line, r) = 0.0;
    }
    CHECK(max_norm(kept - inverse_fourier(components, 1)).item() < 1e-14);
    CHECK(max_norm(keep_frequencies(kept, 1, {0, 2, n / 2}) - kept).item() < 1e-14);
    CHECK(max_norm(keep_frequencies(x, 1, {})).item() == 0.0);
    CHECK_THROWS_WITH(
        keep_frequencies(x, 1, {n / 2 + 1}),
        Catch::Matchers::StartsWith(text("keep_frequencies: there is no frequency ", n / 2 + 1)));
    CHECK_THROWS_AS(keep_frequencies(x, 1, {-1}), ShapeError);
  }
}
