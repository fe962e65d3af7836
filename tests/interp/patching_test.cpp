// Patching by partial runs against patching by whole runs with a hook.
#include "hooked/interp/patching.hpp"

#include <vector>

#include "catch.hpp"
#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/autograd/select.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/testing/bits.hpp"
#include "interp/sequence.hpp"
#include "nn/golden_model.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;

/// The contract's way: a whole run for each layer and position, with the clean stream put in.
Tensor<double> by_hooks(const Transformer<double>& model, const Tensor<Token>& clean,
                        const Tensor<Token>& corrupted, const Metric<double>& metric,
                        const std::vector<Token>& positions) {
  Tape<double> tape;
  const auto cache = model.run_with_cache(clean).cache;
  Tensor<double> result({model.config().n_layers, clean.size(0)});
  for (Index l = 0; l < result.size(0); ++l) {
    for (Index p = 0; p < result.size(1); ++p) {
      const std::string site = text("blocks.", l, ".hook_resid_pre");
      const Tensor<double> logits = model.run_with_hooks(
          corrupted, {patch(site, cache, {.positions = {p}})}, {.positions = positions});
      result(l, p) = value_of<double>(metric, tape, logits);
    }
  }
  return result;
}

TEST_CASE(
    "Patching the residual stream gives what a whole run with the clean stream put in gives") {
  TransformerConfig c = golden::config();
  c.n_ctx = 21;
  c.n_layers = 3;
  std::vector<Token> positions;
  SECTION("causal, all positions read") {}
  SECTION("the last position read") { positions = {18}; }
  SECTION("some positions read, and patches behind them change nothing") { positions = {2, 9}; }
  SECTION("bidirectional") { c.attention_dir = AttentionDirection::bidirectional; }
  SECTION("no norm, attention only") {
    c.normalization = Normalization::none;
    c.attn_only = true;
  }
  SECTION("parallel blocks, RMS") {
    c.parallel_attn_mlp = true;
    c.normalization = Normalization::RMS;
  }
  const auto model = golden::model(c);
  const auto clean = sequence(19, 3), corrupted = sequence(19, 7);
  // Every number of the logits counts.
  const auto metric = [](Variable<double> logits) {
    double sum = 0.0;
    for_each_element(logits.value(),
                     [&](Index i, const double& x) { sum += x * std::sin(double(i)); });
    return logits.tape().constant_copy(Tensor<double>::scalar(sum));
  };
  const auto expected = by_hooks(model, clean, corrupted, metric, positions);
  const auto result =
      patch_resid_pre<double>(model, clean, corrupted, metric, {.positions = positions});
  REQUIRE(result.shape() == Shape{3, 19});
  for (Index l = 0; l < 3; ++l) {
    for (Index p = 0; p < 19; ++p) {
      CAPTURE(l, p);
      CHECK(result(l, p) == Approx(expected(l, p)).epsilon(1e-10).margin(1e-10));
    }
  }
  for (const int threads : {1, 2, 3}) {
    CHECK(testing::bit_difference(
              patch_resid_pre<double>(model, clean, corrupted, metric,
                                      {.positions = positions, .threads = threads}),
              result) == "");
  }
}

TEST_CASE("Patching the golden model's stream gives the published logit differences") {
  const Tensor<Token> clean({8}, {1, 2, 3, 4, 1, 2, 3, 4}),
      corrupted({8}, {1, 2, 3, 4, 5, 2, 3, 4});
  const auto result =
      patch_resid_pre<double>(golden::model(), clean, corrupted, [](Variable<double> logits) {
        return element(logits, {0, -1, 3}) - element(logits, {0, -1, 5});
      });
  const Tensor<double> expected({2, 8}, {0.662781, 0.662781, 0.662781, 0.662781,  //
                                         0.791725, 0.662781, 0.662781, 0.662781,  //
                                         0.662781, 0.662781, 0.662781, 0.662781,  //
                                         0.571460, 0.665543, 0.671726, 0.846315});
  CHECK(max_norm(result - expected).item() < 5.001e-7);
}

TEST_CASE("A path from one head to another's queries is patched at the queries' own input") {
  const auto model = golden::model();
  const auto clean = sequence(8, 3), corrupted = sequence(8, 7);
  const std::vector<SiteSelector> names{"*", "result0", "blocks.1.hook_q_input"};
  const auto of_clean = model.run_with_cache(clean, {.names = names}).cache,
             of_corrupted = model.run_with_cache(corrupted, {.names = names}).cache;
  // What head L0H1 would have written, in place of what it writes, for the queries of L1H0 alone.
  const auto along = [&](const ActivationCache<double>& source) {
    const auto change = source["result0"].select(2, 1) - of_corrupted["result0"].select(2, 1);
    const auto input = of_corrupted["blocks.1.hook_q_input"].select(2, 0) + change;
    const auto patched =
        replace("blocks.1.hook_q_input", input.reshape({1, 8, 1, 8}), {.heads = {0}});
    return model.run_with_cache(corrupted, {.names = names, .hooks = {patched}});
  };
  const auto [logits, found] = along(of_clean);
  CHECK(max_norm(found["q1"].select(2, 1) - of_corrupted["q1"].select(2, 1)).item() < 1e-14);
  CHECK(max_norm(found["k1"] - of_corrupted["k1"]).item() == 0);
  CHECK(max_norm(found["resid_pre1"] - of_corrupted["resid_pre1"]).item() == 0);
  CHECK(max_norm(logits - model(corrupted)).item() > 1e-3);
  // By hand, through ln1: (x - mean) / scale * w + b.
  const auto x = of_corrupted["resid_pre1"].select(0, 0) +
                 of_clean["result0"].select(2, 1).select(0, 0) -
                 of_corrupted["result0"].select(2, 1).select(0, 0);  // [pos, d_model]
  const auto centred = x - mean(x, -1, Keep::yes);
  const auto scale = sqrt(mean(centred * centred, -1, Keep::yes) + model.config().eps);
  const auto read = centred / scale * model["blocks.1.ln1.w"] + model["blocks.1.ln1.b"];
  const auto q = matmul(read, model["blocks.1.attn.W_Q"].select(0, 0)) +
                 model["blocks.1.attn.b_Q"].select(0, 0);
  CHECK(max_norm(found["q1"].select(2, 0).select(0, 0) - q).item() < 1e-13);
  // Nothing happens where the runs are one.
  CHECK(max_norm(along(of_corrupted).logits - model(corrupted)).item() < 1e-14);
}

TEST_CASE("Patched runs know where their tokens stand, whatever the positions are made of") {
  const auto clean = sequence(11, 1), corrupted = sequence(11, 2);
  const auto metric = [](Variable<double> logits) {
    double sum = 0.0;
    for_each_element(logits.value(),
                     [&](Index i, const double& x) { sum += x * std::sin(double(i)); });
    return logits.tape().constant_copy(Tensor<double>::scalar(sum));
  };
  for (const auto kind : {PositionalEmbedding::shortformer, PositionalEmbedding::rotary,
                          PositionalEmbedding::alibi, PositionalEmbedding::sinusoidal}) {
    TransformerConfig c = golden::config();
    c.positional_embedding = kind;
    c.use_local_attn = true, c.window_size = 4;
    c.attn_types = {AttentionType::local, AttentionType::global};
    c.n_key_value_heads = 1;
    const auto model = golden::model(c);
    const auto expected = by_hooks(model, clean, corrupted, metric, {});
    const auto result = patch_resid_pre<double>(model, clean, corrupted, metric);
    CAPTURE(static_cast<int>(kind));
    for (Index l = 0; l < 2; ++l) {
      for (Index p = 0; p < 11; ++p) {
        CAPTURE(l, p);
        CHECK(result(l, p) == Approx(expected(l, p)).epsilon(1e-10).margin(1e-10));
      }
    }
    const auto cache = model.run_with_cache(clean).cache;
    const auto from_1 = model.run_from_layer(1, cache["resid_pre1"].view());
    CHECK(max_norm(from_1 - model(clean)).item() < 1e-12);
  }
}

TEST_CASE("The metric of a patched run sees logits of the shape that a run has") {
  const auto model = golden::model();
  const auto shape_seen = [&](const SweepOptions& options) {
    Shape seen;
    (void)patch_resid_pre<double>(
        model, sequence(5, 1), sequence(5, 2),
        [&](Variable<double> logits) {
          seen = logits.shape();
          return mean(logits);
        },
        options);
    return seen;
  };
  CHECK(shape_seen({}) == Shape{1, 5, 10});
  CHECK(shape_seen({.positions = {1, 4}}) == Shape{1, 2, 10});
}

TEST_CASE("Patching refuses what it cannot do") {
  auto model = golden::model();
  const auto metric = [](Variable<double> logits) { return mean(logits); };
  CHECK_THROWS_WITH(
      patch_resid_pre<double>(model, sequence(5, 1), sequence(6, 1), metric),
      "patch_resid_pre: clean is [1, 5], corrupted is [1, 6]: both must be of the same "
      "length");
  const auto no_scalar = [](Variable<double> logits) { return logits; };
  CHECK_THROWS_WITH(patch_resid_pre<double>(model, sequence(5, 1), sequence(5, 2), no_scalar),
                    "a metric must give a scalar, this one gave [1, 5, 10] for logits [1, 5, 10]");
  CHECK_THROWS_AS(
      patch_resid_pre<double>(model, sequence(5, 1), sequence(5, 2), metric, {.positions = {5}}),
      ShapeError);
  CHECK_THROWS_AS(
      patch_resid_pre<double>(model, sequence(5, 1), sequence(5, 2), metric, {.positions = {3, 1}}),
      ShapeError);
  model.add_hook(zero("blocks.0.hook_attn_out"));
  CHECK_THROWS_WITH(patch_resid_pre<double>(model, sequence(5, 1), sequence(5, 2), metric),
                    ContainsSubstring("the model has hooks"));
}

}  // namespace
}  // namespace hooked
