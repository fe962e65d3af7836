// The stream before every block, and the logit lens.
#include "hooked/interp/accumulated_resid.hpp"

#include "hooked/core/einsum.hpp"
#include "hooked/interp/decompose_resid.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

TEST_CASE("The stream before each block is what was written before it") {
  for (const auto& [name, config] : makes()) {
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    const auto all = accumulated_resid(model, cache);
    REQUIRE(all.values.size(0) == config.n_layers + 1);
    for (Index l = 0; l <= config.n_layers; ++l) {
      CAPTURE(name, l);
      CHECK(relative_error(all.values.select(0, l),
                           total(decompose_resid(model, cache, {.layer = l}))) < 1e-14);
    }
  }
}

TEST_CASE("The stream is labelled by where it is read") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto labels = [&](const AccumulatedResidOptions& options) {
    return accumulated_resid(model, cache, options).labels;
  };
  CHECK(labels({}) == Labels{"0_pre", "1_pre", "final_post"});
  CHECK(labels({.layer = 2}) == Labels{"0_pre", "1_pre", "final_post"});
  CHECK(labels({.layer = -1, .incl_mid = true}) ==
        Labels{"0_pre", "0_mid", "1_pre", "1_mid", "final_post"});
  CHECK(labels({.layer = 1, .incl_mid = true}) == Labels{"0_pre", "0_mid", "1_pre"});
  CHECK(labels({.layer = 1, .mlp_input = true}) == Labels{"0_pre", "1_pre", "1_mid"});
  CHECK(labels({.layer = 0}) == Labels{"0_pre"});
  const auto some = accumulated_resid(model, cache, {.incl_mid = true, .positions = {3, -1}});
  REQUIRE(some.values.shape() == Shape{5, 2, 2, 8});
  CHECK(relative_error(some["1_mid"], take(cache["resid_mid1"], 1, std::vector<Index>{3, 7})) == 0);

  TransformerConfig config = golden::config();
  config.parallel_attn_mlp = true;
  const auto parallel = golden::model(config);
  const auto of_parallel = cache_of(parallel);
  CHECK(accumulated_resid(parallel, of_parallel, {.layer = 1, .mlp_input = true}).labels ==
        Labels{"0_pre", "1_pre"});
  const auto read =
      accumulated_resid(parallel, of_parallel, {.layer = 1, .mlp_input = true, .apply_ln = true});
  CHECK(relative_error(read["1_pre"], of_parallel["normalized1ln2"]) < 1e-14);
}

TEST_CASE("The logit lens gives the published logits") {
  const auto model = golden::model();
  const auto [logits, cache] = model.run_with_cache(golden::tokens());
  const auto stack = accumulated_resid(model, cache, {.incl_mid = true, .apply_ln = true});
  const auto lens =
      einsum("cbpd,dv->cbpv", stack.values, model["unembed.W_U"]) + model["unembed.b_U"];
  const std::vector<double> expected{-0.361420804, 1.721928674, -0.1200619884, 0.600901362,
                                     1.130041716};
  for (Index i = 0; i < 5; ++i) CHECK(lens(i, 0, -1, 3) == ten_digits(expected[size_t(i)]));
  CHECK(relative_error(lens.select(0, 4), logits) < 1e-14);
}

TEST_CASE("With the norm at the end each row is what the model would say of it, in every model") {
  for (const auto& [name, config] : makes()) {
    CAPTURE(name);
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    const auto stack = accumulated_resid(model, cache, {.apply_ln = true});
    const auto lens =
        einsum("cbpd,dv->cbpv", stack.values, model["unembed.W_U"]) + model["unembed.b_U"];
    for (Index l = 0; l <= config.n_layers; ++l) {
      const auto stream = accumulated_resid(model, cache).values;
      CHECK(relative_error(lens.select(0, l),
                           model.run_from_layer(config.n_layers, stream.select(0, l))) < 1e-13);
    }
    // Before a block, the scale is the run's.
    const auto before = accumulated_resid(model, cache, {.layer = 1, .apply_ln = true});
    const std::string site = normalized_site(config, 1, false);
    CHECK(relative_error(before["1_pre"], cache[site.empty() ? "resid_pre1" : site]) < 1e-14);
  }
}

TEST_CASE("A middle that blocks do not have is refused") {
  for (const bool parallel : {false, true}) {
    TransformerConfig config = golden::config();
    config.attn_only = !parallel;
    config.parallel_attn_mlp = parallel;
    const auto model = golden::model(config);
    CHECK_THROWS_WITH(accumulated_resid(model, cache_of(model), {.incl_mid = true}),
                      "accumulated_resid: incl_mid, but the blocks have no hook_resid_mid");
  }
  TransformerConfig config = golden::config();
  config.n_layers = 0;
  const auto model = golden::model(config);
  CHECK_THROWS_AS(accumulated_resid(model, cache_of(model)), ConfigError);
}

TEST_CASE("The logit lens needs no scale in the cache") {
  const auto model = golden::model();
  const auto cache =
      model.run_with_cache(golden::tokens(), {.names = {"resid_pre0", "blocks.*.hook_resid_p*"}})
          .cache;
  CHECK(accumulated_resid(model, cache, {.apply_ln = true}).labels.size() == 3);
  CHECK_THROWS_WITH(accumulated_resid(model, cache, {.incl_mid = true}),
                    "accumulated_resid: the cache does not hold \"blocks.0.hook_resid_mid\": keep "
                    "it by run_with_cache's .names = {\"blocks.*.hook_resid_mid\"}");
}

}  // namespace
}  // namespace hooked
