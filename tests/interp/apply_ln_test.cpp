// Parts of a stream as the norm that reads it sees them.
#include "hooked/interp/apply_ln.hpp"

#include <cmath>

#include "hooked/core/creation.hpp"
#include "hooked/interp/decompose_resid.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

TEST_CASE("The norm of parts is linear: centred where it centres, over the run's scale") {
  for (const Make& make : makes()) {
    const auto& config = make.config;
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    for_each_end(config, [&](Index layer, bool mlp_input, const std::string& site) {
      CAPTURE(make.name, layer, mlp_input);
      // Any numbers that sum to the stream will do.
      ResidualStack<double> stack{.labels = {"a", "b"},
                                  .values = randn<double>({2, 2, 8, 8}, Seed{1})};
      const Tensor<double> rest = cache[site] - stack["a"];
      copy(rest, stack.values.select(0, 1));
      const auto normed =
          apply_ln_to_stack(model, cache, stack, {.layer = layer, .mlp_input = mlp_input});
      const std::string normalized = normalized_site(config, layer, mlp_input);
      CHECK(relative_error(total(normed), cache[normalized.empty() ? site : normalized]) < 1e-14);
      CHECK(normed.normalized);
      if (normalized.empty()) return;
      const bool at_end = layer == config.n_layers;
      const bool centres = (config.normalization == Normalization::LN ||
                            config.normalization == Normalization::LNPre) &&
                           !(at_end && config.final_rms);
      CHECK((std::abs(sum(normed["a"].select(0, 1).select(0, 2)).item()) < 1e-13) == centres);
    });
  }
}

TEST_CASE("A final RMS norm does not centre") {
  TransformerConfig config = golden::config();
  config.final_rms = true;
  const auto model = golden::model(config);
  const auto cache = cache_of(model);
  const auto parts = decompose_resid(model, cache);
  const auto normed = apply_ln_to_stack(model, cache, parts);
  CHECK(normed["embed"](1, 3, 5) ==
        Approx(parts["embed"](1, 3, 5) / cache["ln_final.hook_scale"](1, 3, 0)).epsilon(1e-14));
}

TEST_CASE("Recomputed, each part gets a scale of its own, a weight and a bias") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto parts = decompose_resid(model, cache, {.positions = {4}});
  const auto own = apply_ln_to_stack(model, cache, parts, {.recompute_ln = true});
  const auto x = parts["0_attn_out"].select(0, 1).select(0, 0);  // [d_model]
  double mean = 0, square = 0;
  for (Index i = 0; i < 8; ++i) mean += x(i) / 8;
  for (Index i = 0; i < 8; ++i) square += (x(i) - mean) * (x(i) - mean) / 8;
  for (Index i = 0; i < 8; ++i) {
    const double n = (x(i) - mean) / std::sqrt(square + 1e-5);
    CHECK(own["0_attn_out"](1, 0, i) ==
          Approx(n * model["ln_final.w"](i) + model["ln_final.b"](i)).epsilon(1e-13));
  }
}

TEST_CASE("The scale is that of a stack's own examples and positions") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  ResidualStack<double> stack{
      .labels = {"stream"},
      .values = Tensor<double>(cache["resid_post1"].slice(0, 1, 2).slice(1, 2, 6, 3))
                    .reshape({1, 1, 2, 8}),
      .batch = {1},
      .positions = {2, 5}};
  CHECK(relative_error(apply_ln_to_stack(model, cache, stack)["stream"],
                       cache["ln_final.hook_normalized"].slice(0, 1, 2).slice(1, 2, 6, 3)) < 1e-14);
  stack.positions = {};
  CHECK_THROWS_WITH(apply_ln_to_stack(model, cache, stack),
                    "apply_ln_to_stack: the parts are [1, 1, 2, 8], but ln_final.hook_scale is "
                    "[1, 8, 1] there");
}

TEST_CASE("Normalizing says what is wrong") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto parts = decompose_resid(model, cache);
  const auto normed = apply_ln_to_stack(model, cache, parts);
  CHECK_THROWS_WITH(apply_ln_to_stack(model, cache, normed),
                    "apply_ln_to_stack: the stack has been through a norm already");
  CHECK_THROWS_WITH(apply_ln_to_stack(model, cache, parts, {.layer = 1, .recompute_ln = true}),
                    "apply_ln_to_stack: recompute_ln, but layer 1 is not the end of 2");
  CHECK_THROWS_WITH(
      apply_ln_to_stack(model, cache, {.labels = {"a"}, .values = Tensor<double>({1, 2, 8, 7})}),
      "apply_ln_to_stack: the parts are [1, 2, 8, 7], they must be [component, batch, pos, 8]");
  CHECK_THROWS_AS(
      apply_ln_to_stack(model, cache, {.labels = {"a"}, .values = Tensor<double>({1, 8, 8})}),
      ShapeError);
  CHECK_THROWS_AS(apply_ln_to_stack(model, cache, parts, {.layer = 5}), ShapeError);
  CHECK_THROWS_AS(apply_ln_to_stack(model, ActivationCache<double>(), parts), NameError);
}

}  // namespace
}  // namespace hooked
