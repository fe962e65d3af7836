#include "hooked/interp/progress_measures.hpp"

#include "catch.hpp"
#include "hooked/core/random.hpp"
#include "hooked/nn/transformer.hpp"

using namespace hooked;

namespace {

/// Logits over the pairs of 0..6 that are cos(w_2 (x + y - z)), and something else beside.
Tensor<double> planted(double of_waves, double of_rest) {
  constexpr Index p = 7;
  Tensor<double> logits({p * p, p});
  Random random({9}, "the rest");
  for (Index row = 0; row < p * p; ++row) {
    for (Index z = 0; z < p; ++z) {
      const auto d = static_cast<double>(row / p + row % p - z);
      logits(row, z) =
          of_waves * std::cos(4.0 * std::numbers::pi * d / 7.0) + of_rest * random.normal();
    }
  }
  return logits;
}

}  // namespace

TEST_CASE("Excluded logits are without the waves, restricted ones with nothing else",
          "[progress_measures]") {
  const Tensor<double> waves = planted(3.0, 0.0);
  CHECK(max_norm(excluded_logits(waves, {2})).item() < 1e-14);
  CHECK(max_norm(restricted_logits(waves, {2}) - waves).item() < 1e-14);
  CHECK(max_norm(excluded_logits(waves, {1, 3}) - waves).item() < 1e-14);

  const Tensor<double> mixed = planted(3.0, 1.0);
  const Tensor<double> projected = project_on_sums(mixed, {2});
  CHECK(max_norm(excluded_logits(mixed, {2}) - (mixed - projected)).item() < 1e-14);
  // The mean of each output over all pairs is what it was.
  const Tensor<double> restricted = restricted_logits(mixed, {2});
  CHECK(max_norm(mean(restricted, 0) - mean(mixed, 0)).item() < 1e-14);
  CHECK(max_norm(restricted - mean(restricted, 0, Keep::yes) - projected).item() < 1e-13);
}

TEST_CASE("The sum of squares is over all parameters", "[progress_measures]") {
  Transformer<float> model({.n_layers = 1, .d_model = 4, .n_ctx = 3, .d_head = 2, .d_vocab = 5});
  double total = 0.0;
  for (const std::string& name : model.parameters().names()) {
    total += std::pow(l2_norm(Tensor<double>(cast<double>(model[name]))).item(), 2);
  }
  CHECK(sum_of_squares(model.parameters()) == Approx(total));
}
