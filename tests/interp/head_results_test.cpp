// What heads write to the stream.
#include "hooked/interp/head_results.hpp"

#include "interp/streams.hpp"

namespace hooked {
namespace {

ActivationCache<double> with_results(const Transformer<double>& model) {
  return model.run_with_cache(golden::tokens(), {.names = {"*", "blocks.*.attn.hook_result"}})
      .cache;
}

TEST_CASE(
    "Results of heads are the same from z as from the run, and sum to what attention writes") {
  for (const auto& [name, config] : makes()) {
    const auto model = golden::model(config);
    const auto from_z = cache_of(model), from_run = with_results(model);
    for (Index l = 0; l < config.n_layers; ++l) {
      CAPTURE(name, l);
      const auto results = head_results(model, from_z, l);
      CHECK(relative_error(results, from_run.at("result", int(l))) < 1e-14);
      CHECK(relative_error(head_results(model, from_run, l), from_run.at("result", int(l))) == 0);
      CHECK(relative_error(sum(results, 2) + model[text("blocks.", l, ".attn.b_O")],
                           from_z.at("attn_out", int(l))) < 1e-14);
    }
  }
}

TEST_CASE("Edited results are what the run had") {
  const auto model = golden::model();
  const auto cache =
      model
          .run_with_cache(golden::tokens(), {.names = {"*", "blocks.*.attn.hook_result"},
                                             .hooks = {scale("result0", 3.0, {.heads = {1}})}})
          .cache;
  const auto stack = stack_head_results(model, cache, {.layer = 1});
  CHECK(relative_error(stack["L0H1"], cache["result0"].select(2, 1)) == 0);
}

TEST_CASE("Heads stand layer by layer, and what else is in the stream comes last") {
  for (const auto& [name, config] : makes()) {
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    for (Index layer = 0; layer <= config.n_layers; ++layer) {
      CAPTURE(name, layer);
      const std::string stream = stream_site(config, layer);
      const auto heads = stack_head_results(model, cache, {.layer = layer});
      const auto all = stack_head_results(model, cache, {.layer = layer, .incl_remainder = true});
      Labels labels;
      for (Index l = 0; l < layer; ++l) {
        for (Index h = 0; h < config.n_heads; ++h) labels.push_back(text("L", l, "H", h));
      }
      CHECK(heads.labels == labels);
      labels.push_back("remainder");
      CHECK(all.labels == labels);
      CHECK(heads.values.shape() == Shape{layer * config.n_heads, 2, 8, 8});
      CHECK(relative_error(total(all), cache[stream]) < 1e-14);

      const auto read = stack_head_results(
          model, cache, {.layer = layer, .incl_remainder = true, .apply_ln = true});
      const std::string normalized = normalized_site(config, layer, false);
      CHECK(relative_error(total(read), cache[normalized.empty() ? stream : normalized]) < 1e-13);
    }
  }
}

TEST_CASE("Before block 0 there are no heads, and the remainder is what was embedded") {  // D11
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto none = stack_head_results(model, cache, {.layer = 0});
  CHECK(none.labels.empty());
  CHECK(none.values.shape() == Shape{0, 2, 8, 8});
  CHECK(stack_head_results(model, cache, {.layer = 0, .apply_ln = true, .positions = {1}})
            .values.shape() == Shape{0, 2, 1, 8});
  const auto rest = stack_head_results(model, cache, {.layer = 0, .incl_remainder = true});
  CHECK(relative_error(rest["remainder"], cache["hook_embed"] + cache["hook_pos_embed"]) < 1e-14);
}

TEST_CASE("Heads are read at some examples and positions as everywhere, from z and from the run") {
  const auto model = golden::model();
  auto cache = cache_of(model);
  for (const auto& each : {cache, with_results(model)}) {
    const auto all = stack_head_results(model, each, {.incl_remainder = true, .apply_ln = true});
    const auto some = stack_head_results(
        model, each,
        {.incl_remainder = true, .apply_ln = true, .batch = {-1}, .positions = {5, 1}});
    REQUIRE(some.values.shape() == Shape{5, 1, 2, 8});
    CHECK(relative_error(some.values,
                         take(all.values.slice(1, 1, 2), 2, std::vector<Index>{5, 1})) < 1e-14);
    const auto results = head_results(model, each, -1, {.batch = {1}, .positions = {3}});
    REQUIRE(results.shape() == Shape{1, 1, 2, 8});
    CHECK(relative_error(results.select(2, 1),
                         stack_head_results(model, each)["L1H1"].slice(0, 1, 2).slice(1, 3, 4)) <
          1e-14);
  }
  auto one = model.run_with_cache(golden::tokens().select(0, 0)).cache;
  one.remove_batch_dim();
  CHECK(relative_error(stack_head_results(model, one)["L1H0"],
                       stack_head_results(model, cache)["L1H0"].select(0, 0)) < 1e-14);
  CHECK(head_results(model, one, 0).shape() == Shape{8, 2, 8});
}

TEST_CASE("Reading heads says what is wrong") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  CHECK_THROWS_WITH(head_results(model, cache, 2),
                    "head_results: there is no block 2, the model has 2");
  CHECK_THROWS_WITH(head_results(model, cache, 0, {.positions = {8}}),
                    "head_results: positions: 8 is outside of 8");
  CHECK_THROWS_AS(stack_head_results(model, cache, {.layer = 3}), ShapeError);
  const auto few = model.run_with_cache(golden::tokens(), {.names = {"z0"}}).cache;
  const std::string rest =
      ": the cache does not hold \"blocks.1.attn.hook_z\": keep it by run_with_cache's .names = "
      "{\"blocks.*.attn.hook_z\"}";
  CHECK_THROWS_WITH(stack_head_results(model, few), "stack_head_results" + rest);
  CHECK_THROWS_WITH(head_results(model, few, 1), "head_results" + rest);
  CHECK_THROWS_WITH(stack_head_results(model, few, {.layer = 1, .incl_remainder = true}),
                    "stack_head_results: the cache does not hold \"blocks.1.hook_resid_pre\": keep "
                    "it by run_with_cache's .names = {\"blocks.*.hook_resid_pre\"}");
}

}  // namespace
}  // namespace hooked
