#include "hooked/interp/shapley.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "catch.hpp"
#include "hooked/core/creation.hpp"

using namespace hooked;

namespace {

/// A game of n players by a function of the coalition.
template <class F>
Tensor<double> game(Index n, F value) {
  Tensor<double> v({Index{1} << n});
  for (Index S = 0; S < v.numel(); ++S) v(S) = value(S);
  return v;
}

}  // namespace

TEST_CASE("In an additive game each player has what he brings, and nobody interacts", "[shapley]") {
  const std::vector<double> brings{3.0, -1.0, 0.0, 0.5};
  const auto v = game(4, [&](Index S) {
    double sum = 7.0;  // what is there without anybody is nobody's
    for (std::size_t i = 0; i < 4; ++i) sum += (S >> i & 1) != 0 ? brings[i] : 0.0;
    return sum;
  });
  for (Index i = 0; i < 4; ++i) {
    CHECK(shapley_values(v)(i) == Approx(brings[static_cast<std::size_t>(i)]).margin(1e-12));
    for (Index j = 0; j < 4; ++j) {
      CHECK(shapley_interactions(v)(i, j) == Approx(0.0).margin(1e-12));
    }
  }
}

TEST_CASE("Who is needed shares alike: the unanimity game of two among three", "[shapley]") {
  // Players 0 and 2 make 1 together, and nothing alone; player 1 changes nothing.
  const auto v = game(3, [](Index S) { return (S & 5) == 5 ? 1.0 : 0.0; });
  const Tensor<double> phi = shapley_values(v), I = shapley_interactions(v);
  CHECK(phi(0) == Approx(0.5));
  CHECK(phi(1) == Approx(0.0).margin(1e-15));
  CHECK(phi(2) == Approx(0.5));
  CHECK(I(0, 2) == Approx(1.0));
  CHECK(I(2, 0) == Approx(1.0));
  CHECK(I(0, 1) == Approx(0.0).margin(1e-15));
  CHECK(I(1, 1) == 0.0);
  // Either of two is enough: each does the other's work.
  const auto either = game(2, [](Index S) { return S == 0 ? 0.0 : 1.0; });
  CHECK(shapley_interactions(either)(0, 1) == Approx(-1.0));
  // Of the unanimity game of all n, the interaction is 1 / (n - 1): the last two to come.
  const auto all = game(4, [](Index S) { return S == 15 ? 1.0 : 0.0; });
  CHECK(shapley_values(all)(3) == Approx(0.25));
  CHECK(shapley_interactions(all)(1, 3) == Approx(1.0 / 3.0));
}

TEST_CASE("A value is the mean over all orders in which players can come", "[shapley]") {
  const auto v = randn<double>({32}, Seed{4});
  std::vector<double> mean(5, 0.0);
  std::vector<Index> order(5);
  std::iota(order.begin(), order.end(), Index{0});
  do {
    Index S = 0;
    for (const Index i : order) {
      const Index with_i = S | Index{1} << i;
      mean[static_cast<std::size_t>(i)] += (v(with_i) - v(S)) / 120.0;
      S = with_i;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  const Tensor<double> phi = shapley_values(v);
  double sum = 0.0;
  for (Index i = 0; i < 5; ++i) {
    CHECK(phi(i) == Approx(mean[static_cast<std::size_t>(i)]));
    sum += phi(i);
  }
  CHECK(sum == Approx(v(31) - v(0)));
}

TEST_CASE("Coalitions that are no power of two are refused", "[shapley]") {
  CHECK_THROWS_WITH(shapley_values(Tensor<double>({6})),
                    "shapley_values: the values of coalitions are [6], they must be [2^n] of 1 to "
                    "20 players");
  CHECK_THROWS_AS(shapley_values(Tensor<double>({1})), ShapeError);
  CHECK_THROWS_AS(shapley_values(Tensor<double>({2, 2})), ShapeError);
  CHECK_THROWS_WITH(shapley_interactions(Tensor<double>({2})),
                    "shapley_interactions: the values of coalitions are [2], they must be [2^n] of "
                    "2 to 20 players");
}
