#include "hooked/interp/pair_waves.hpp"

#include "catch.hpp"
#include "hooked/core/creation.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/reduce.hpp"

using namespace hooked;

namespace {

Tensor<double> random_functions(Index p, Index m) {
  Tensor<double> f({p * p, m});
  Random random({5}, "random functions");
  for (Index i = 0; i < f.numel(); ++i) f.data()[i] = random.normal();
  return f;
}

double turn(Index k, Index p) {
  return 2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(p);
}

/// wave(angle) of unit norm over the pairs, angle = w_k (x + s y): [p*p]; zeros where it is 0.
Tensor<double> unit_wave(Index p, Index k, int sign, double (*wave)(double)) {
  Tensor<double> u({p * p});
  for (Index row = 0; row < p * p; ++row) {
    u(row) = wave(turn(k, p) * static_cast<double>(row / p + sign * (row % p)));
  }
  const double norm = l2_norm(u).item();
  if (norm < 1e-6) return Tensor<double>({p * p});
  for (double& v : std::span(u.data(), static_cast<std::size_t>(u.numel()))) v /= norm;
  return u;
}

double cosine(double angle) { return std::cos(angle); }
double sine(double angle) { return std::sin(angle); }

}  // namespace

TEST_CASE("Means over pairs of one sum, and functions of it", "[pair_waves]") {
  // f(x, y) with p = 3: rows 00, 01, 02, 10, ...
  const Tensor<float> f({9, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const Tensor<double> by_sum = mean_by_sum(f);
  CHECK(by_sum(0, 0) == Approx((1.0 + 6.0 + 8.0) / 3.0));
  CHECK(by_sum(1, 0) == Approx((2.0 + 4.0 + 9.0) / 3.0));
  const Tensor<double> by_difference = mean_by_sum(f, -1);
  CHECK(by_difference(0, 0) == Approx(5.0));                      // 00, 11, 22
  CHECK(by_difference(1, 0) == Approx((4.0 + 8.0 + 3.0) / 3.0));  // 10, 21, 02
  const Tensor<double> g = random_functions(2, 3);                // p = 4
  CHECK(max_norm(mean_by_sum(function_of_sum(g, -1), -1) - g).item() < 1e-14);
  CHECK(function_of_sum(g)(4 * 3 + 2, 1) == g(1, 1));  // 3 + 2 = 1 (mod 4)
}

TEST_CASE("The projection on sums is u u^T f + v v^T f", "[pair_waves]") {
  for (const Index p : {7, 8}) {
    for (const int sign : {1, -1}) {
      const Tensor<double> f = random_functions(p, 2);
      Tensor<double> wanted(f.shape());
      for (const Index k : {Index{1}, p / 2}) {
        for (const auto wave : {cosine, sine}) {
          const Tensor<double> u = unit_wave(p, k, sign, wave);
          for (Index m = 0; m < 2; ++m) {
            const double along = sum(u * f.select(1, m)).item();
            for (Index row = 0; row < p * p; ++row) wanted(row, m) += along * u(row);
          }
        }
      }
      CHECK(max_norm(project_on_sums(f, {1, p / 2}, sign) - wanted).item() < 1e-13);
    }
  }
}

TEST_CASE("Frequency shares are squares of eight waves over the variance", "[pair_waves]") {
  for (const Index p : {7, 8}) {
    const Tensor<double> f = random_functions(p, 2);
    const Tensor<double> shares = frequency_shares(f);
    REQUIRE(shares.shape() == Shape{p / 2 + 1, 2});
    for (Index k = 1; k <= p / 2; ++k) {
      double power = 0.0;
      for (int x_wave = 0; x_wave < 3; ++x_wave) {  // constant, cosine, sine
        for (int y_wave = 0; y_wave < 3; ++y_wave) {
          if (x_wave + y_wave == 0) continue;
          const auto wave = [&](int which, Index at) {
            const double angle = turn(k, p) * static_cast<double>(at);
            return which == 0 ? 1.0 : which == 1 ? std::cos(angle) : std::sin(angle);
          };
          double along = 0.0, norm = 0.0;
          for (Index row = 0; row < p * p; ++row) {
            const double u = wave(x_wave, row / p) * wave(y_wave, row % p);
            along += u * f(row, 1), norm += u * u;
          }
          if (norm > 1e-9) power += along * along / norm;
        }
      }
      CHECK(shares(k, 1) == Approx(power / (var(f, 0)(1) * static_cast<double>(p * p))));
    }
    CHECK(shares(0, 1) == 0.0);
  }
}

TEST_CASE("Shares of some frequencies are those among all", "[pair_waves]") {
  for (const Index p : {7, 8}) {
    const Tensor<double> f = randn<double>({p * p, 3}, Seed{5});
    const Tensor<double> all = frequency_shares(f), some = frequency_shares(f, {p / 2, 1});
    REQUIRE(some.shape() == Shape{2, 3});
    for (Index u = 0; u < 3; ++u) {
      CHECK(some(0, u) == Approx(all(p / 2, u)));
      CHECK(some(1, u) == Approx(all(1, u)));
    }
  }
  CHECK(frequency_shares(Tensor<float>({9, 2}), {}).shape() == Shape{0, 2});
  CHECK_THROWS_AS(frequency_shares(Tensor<float>({9, 2}), {2}), ShapeError);
}

TEST_CASE("A neuron of one frequency has all its variance there", "[pair_waves]") {
  const Index p = 11;
  Tensor<float> f({p * p, 2}, 1.0f);
  for (Index row = 0; row < p * p; ++row) {
    const double x = turn(3, p) * static_cast<double>(row / p);
    const double y = turn(3, p) * static_cast<double>(row % p);
    f(row, 0) = static_cast<float>(2.0 + std::cos(x) + 0.5 * std::sin(y) + std::cos(x + y + 0.3));
  }
  const Tensor<double> shares = frequency_shares(f);
  CHECK(shares(3, 0) == Approx(1.0));
  CHECK(argmax(shares, 0)(0) == 3);
  CHECK(std::isnan(shares(3, 1)));  // does not vary
}

TEST_CASE("What is kept of a frequency explains the share of it, and is kept again",
          "[pair_waves]") {
  for (const Index p : {7, 8}) {
    const Tensor<double> f = random_functions(p, 3);
    const std::vector<Index> frequencies{1, p / 2, 2};
    const Tensor<double> kept = keep_pair_frequency(f, frequencies);
    CHECK(max_norm(keep_pair_frequency(kept, frequencies) - kept).item() < 1e-13);
    CHECK(max_norm(mean(kept, 0) - mean(f, 0)).item() < 1e-14);
    const Tensor<double> shares = frequency_shares(f);
    for (Index u = 0; u < 3; ++u) {
      const Index k = frequencies[static_cast<std::size_t>(u)];
      CHECK(var(kept, 0)(u) / var(f, 0)(u) == Approx(shares(k, u)));
      CHECK(frequency_shares(kept)(k, u) == Approx(1.0));
    }
  }
}

TEST_CASE("Coefficients of answers are inner products with cos(w (x + s y - z))", "[pair_waves]") {
  for (const Index p : {5, 6}) {
    for (const int sign : {1, -1}) {
      const Tensor<double> logits = random_functions(p, p);
      const Tensor<double> coefficients = answer_coefficients(logits, sign);
      REQUIRE(coefficients.shape() == Shape{p / 2 + 1});
      for (Index k = 0; k <= p / 2; ++k) {
        double along = 0.0, norm = 0.0;
        for (Index row = 0; row < p * p; ++row) {
          for (Index z = 0; z < p; ++z) {
            const Index d = row / p + sign * (row % p) - z;
            const double u = std::cos(turn(k, p) * static_cast<double>(d));
            along += u * logits(row, z), norm += u * u;
          }
        }
        CHECK(coefficients(k) == Approx(along / std::sqrt(norm)));
      }
    }
  }
}

TEST_CASE("Functions of pairs have p*p rows, s is 1 or -1", "[pair_waves]") {
  const Tensor<float> wrong({10, 2}), pairs({9, 2});
  CHECK_THROWS_WITH(mean_by_sum(wrong),
                    "mean_by_sum: f is [10, 2], it must be [p*p, m], a row for each pair");
  CHECK_THROWS_AS(frequency_shares(Tensor<float>({9})), ShapeError);
  CHECK_THROWS_WITH(mean_by_sum(pairs, 2), "waves in x + s y: s is 2, it must be 1 or -1");
  CHECK_THROWS_AS(project_on_sums(pairs, {2}), ShapeError);
  CHECK_THROWS_WITH(answer_coefficients(pairs),
                    "answer_coefficients: logits are [9, 2], they must be [p*p, p]");
  CHECK_THROWS_WITH(keep_pair_frequency(pairs, {1}),
                    "keep_pair_frequency: f is [9, 2], with 1 frequencies: each column needs one");
  CHECK_THROWS_WITH(
      keep_pair_frequency(pairs, {1, 0}),
      "keep_pair_frequency: there is no frequency 0 of functions on 3 points: they are "
      "1 to 1");
  CHECK_THROWS_AS(function_of_sum(Tensor<float>({3})), ShapeError);
}
