// Statistics of features, loss recovered and importance, on numbers that one can check by hand and
// beside runs that do the same in other ways.
#include "hooked/interp/feature_statistics.hpp"

#include <cmath>

#include "catch.hpp"
#include "core/check.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/select.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/interp/feature_importance.hpp"
#include "hooked/interp/loss_recovered.hpp"
#include "hooked/nn/splice.hpp"
#include "hooked/train/evaluate.hpp"
#include "nn/golden_model.hpp"

using namespace hooked;

namespace {

const std::string kSite = "blocks.1.hook_resid_pre";

/// The golden tokens, each to be answered by the one after it.
Dataset next_tokens() {
  Dataset data{golden::tokens(), golden::tokens()};
  for (Index i = 0; i < 2; ++i) {
    for (Index p = 0; p < 8; ++p) data.labels(i, p) = data.tokens(i, (p + 1) % 8);
  }
  return data;
}

SparseAutoencoder<double> filled(Index d_in, Index d_sae) {
  SparseAutoencoder<double> sae({.d_in = d_in, .d_sae = d_sae});
  golden::fill_parameters(sae.parameters());
  return sae;
}

}  // namespace

TEST_CASE("Densities, L0, dead features and explained variance are those of the definition") {
  // pre = x W_enc = (a, -a, b, -1), x' = (f_0 - f_1, f_2): exact where b is not negative.
  SparseAutoencoder<double> sae({.d_in = 2, .d_sae = 4});
  sae.parameters().set("W_enc", Tensor<double>({2, 4}, {1, -1, 0, 0, 0, 0, 1, 0}));
  sae.parameters().set("b_enc", Tensor<double>({4}, {0, 0, 0, -1}));
  sae.parameters().set("W_dec", Tensor<double>({4, 2}, {1, 0, -1, 0, 0, 1, 5, 5}));
  const Tensor<double> rows({4, 2}, {1, 2, -3, 0, 2, -2, 0, 4});
  const FeatureStatistics s = feature_statistics(sae, rows);
  CHECK(to_vector(s.density) == std::vector<double>{0.5, 0.25, 0.5, 0});
  CHECK(s.l0 == 1.25);
  CHECK(s.dead == std::vector<Index>{3});
  CHECK(s.mse == 4.0 / 8);  // of (2, -2) the -2 is missed
  // Means are 0 and 1: squares 1 + 9 + 4 + 0 and 1 + 1 + 9 + 9.
  CHECK(s.variance_explained == Approx(1 - 4.0 / 34).epsilon(1e-14));
  const Histogram h = density_histogram(s, 4, -2);  // log10: -0.30, -0.60, -0.30
  CHECK(to_vector(h.counts) == std::vector<double>{0, 0, 1, 2});
  CHECK(std::isnan(feature_statistics(sae, Tensor<double>({3, 2}, 1.0)).variance_explained));
  for (const Shape& wrong : {Shape{0, 2}, Shape{3, 3}, Shape{2, 2, 2}}) {
    CHECK(::error_of<ShapeError>([&] { (void)feature_statistics(sae, Tensor<double>(wrong)); }) ==
          text("feature_statistics: the rows are ", wrong, ", they must be [row, 2]"));
  }
}

TEST_CASE("Statistics over many chunks are those of the whole") {
  const auto sae = filled(3, 5);
  const auto rows = random_tensor<double>({5000, 3}, 1);
  const FeatureStatistics s = feature_statistics(sae, rows);
  const Tensor<double> f = sae.encode(rows), recons = sae(rows);
  for (Index j = 0; j < 5; ++j) {
    CHECK(s.density(j) == static_cast<double>((f.array().col(j) > 0).count()) / 5000);
  }
  CHECK(s.mse == Approx((recons.array() - rows.array()).square().mean()).epsilon(1e-12));
}

TEST_CASE("Loss recovered is the share of the gap to an ablation that the autoencoder closes") {
  const auto model = golden::model();
  const Dataset data = next_tokens();
  const auto sae = filled(8, 20);
  const LossRecovered r = loss_recovered(model, data, kSite, sae);
  const auto h = model.run_with_cache(data.tokens, {.names = {kSite}}).cache[kSite];
  CHECK(r.clean == Approx(evaluate(model, data).loss).epsilon(1e-14));
  CHECK(r.spliced == Approx(evaluate(model, data, {replace(kSite, sae(h))}).loss).epsilon(1e-12));
  CHECK(r.zero_ablated == Approx(evaluate(model, data, {zero(kSite)}).loss).epsilon(1e-14));
  const auto mean_row = mean(h, {0, 1});
  CHECK(r.mean_ablated ==
        Approx(evaluate(model, data, {replace(kSite, mean_row)}).loss).epsilon(1e-12));
  CHECK(r.of_zero() == Approx((r.zero_ablated - r.spliced) / (r.zero_ablated - r.clean)));
  CHECK(r.of_mean() == Approx((r.mean_ablated - r.spliced) / (r.mean_ablated - r.clean)));
  CHECK(std::abs(r.zero_ablated - r.mean_ablated) > 1e-4);
  CHECK(std::isnan(LossRecovered{}.of_zero()));

  // (x, -x) through relu and back: x itself, so nothing is lost.
  SparseAutoencoder<double> exact({.d_in = 8, .d_sae = 16});
  exact.parameters().slab().fill(0.0);
  for (Index i = 0; i < 8; ++i) {
    exact["W_enc"](i, i) = exact["W_dec"](i, i) = 1;
    exact["W_enc"](i, i + 8) = exact["W_dec"](i + 8, i) = -1;
  }
  CHECK(loss_recovered(model, data, kSite, exact).of_mean() == Approx(1).epsilon(1e-12));
  const auto narrow = filled(6, 4);
  CHECK(::error_of<ShapeError>([&] { (void)loss_recovered(model, data, kSite, narrow); }) ==
        "loss_recovered: the activation at blocks.1.hook_resid_pre is [2, 8, 8], the autoencoder "
        "takes rows of 6");
}

TEST_CASE("A feature's importance is the loss without it minus the loss with it") {
  const auto model = golden::model();
  const Dataset data = next_tokens();
  auto sae = filled(8, 20);
  sae["b_enc"](4) = -100;  // never on
  const Tensor<double> importance = feature_importance(model, data, kSite, sae);
  const auto h = model.run_with_cache(data.tokens, {.names = {kSite}}).cache[kSite];
  const Tensor<double> f = sae.encode(h);
  const double clean = evaluate(model, data).loss;
  int some = 0;
  for (Index j = 0; j < 20; ++j) {
    Tensor<double> without(h);
    for_each_element(without.view(), [&](Index i, double& number) {
      number -= f.data()[i / 8 * 20 + j] * sae["W_dec"](j, i % 8);
    });
    const double loss = evaluate(model, data, {replace(kSite, without)}).loss;
    CHECK(importance(j) == Approx(loss - clean).margin(1e-12));
    some += std::abs(importance(j)) > 1e-4 ? 1 : 0;
  }
  CHECK(some > 10);
  CHECK(importance(4) == 0.0);
}
