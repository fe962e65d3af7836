// The stream as heads, neurons, embeddings and biases.
#include "hooked/interp/full_resid_decomposition.hpp"

#include "hooked/core/creation.hpp"
#include "hooked/core/einsum.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

TEST_CASE("Heads, neurons, embeddings and biases sum to the stream, everywhere in every model") {
  for (const Make& make : makes()) {
    const auto& config = make.config;
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    for_each_end(config, [&](Index layer, bool mlp_input, const std::string& site) {
      for (const bool neurons : {true, false}) {
        CAPTURE(make.name, layer, mlp_input, neurons);
        const auto parts = full_resid_decomposition(
            model, cache, {.layer = layer, .mlp_input = mlp_input, .expand_neurons = neurons});
        CHECK(relative_error(total(parts), cache[site]) < 1e-14);
        CHECK(static_cast<Index>(parts.labels.size()) == parts.values.size(0));

        const auto read = full_resid_decomposition(
            model, cache,
            {.layer = layer, .mlp_input = mlp_input, .expand_neurons = neurons, .apply_ln = true});
        const std::string normalized = normalized_site(config, layer, mlp_input);
        CHECK(relative_error(total(read), cache[normalized.empty() ? site : normalized]) < 1e-13);
      }
    });
  }
}

TEST_CASE("A full decomposition has its parts in the contract's order") {
  TransformerConfig config = golden::config();
  config.d_mlp = 2;
  const auto model = golden::model(config);
  const auto cache = cache_of(model);
  const auto labels = [&](const FullResidDecompositionOptions<double>& options) {
    return full_resid_decomposition(model, cache, options).labels;
  };
  CHECK(labels({}) == Labels{"L0H0", "L0H1", "L1H0", "L1H1", "L0N0", "L0N1", "L1N0", "L1N1",
                             "embed", "pos_embed", "bias"});
  CHECK(labels({.expand_neurons = false}) == Labels{"L0H0", "L0H1", "L1H0", "L1H1", "0_mlp_out",
                                                    "1_mlp_out", "embed", "pos_embed", "bias"});
  CHECK(labels({.layer = 1, .mlp_input = true}) ==
        Labels{"L0H0", "L0H1", "L1H0", "L1H1", "L0N0", "L0N1", "embed", "pos_embed", "bias"});
  CHECK(labels({.layer = 0}) == Labels{"embed", "pos_embed", "bias"});

  const auto parts = full_resid_decomposition(model, cache);
  for (Index d = 0; d < 8; ++d) {
    CHECK(parts["bias"](1, 3, d) ==
          Approx(model["blocks.0.attn.b_O"](d) + model["blocks.0.mlp.b_out"](d) +
                 model["blocks.1.attn.b_O"](d) + model["blocks.1.mlp.b_out"](d)));
  }
}

TEST_CASE("Models with attention alone are decomposed with no option said") {  // D9
  TransformerConfig config = golden::config();
  config.attn_only = true;
  const auto model = golden::model(config);
  const auto cache = cache_of(model);
  const Labels expected{"L0H0", "L0H1", "L1H0", "L1H1", "embed", "pos_embed", "bias"};
  CHECK(full_resid_decomposition(model, cache).labels == expected);
  CHECK(full_resid_decomposition(model, cache, {.expand_neurons = false}).labels == expected);
}

TEST_CASE("Projecting a decomposition as it is made is projecting what was made") {
  const auto one = randn<double>({8}, Seed{5}), two = randn<double>({8, 2}, Seed{6});
  for (const auto& [name, config] : makes()) {
    const auto model = golden::model(config);
    const auto from_z = cache_of(model);
    const auto from_results =
        model.run_with_cache(golden::tokens(), {.names = {"*", "blocks.*.attn.hook_result"}}).cache;
    for (const auto* cache : {&from_z, &from_results}) {
      for (const bool apply_ln : {false, true}) {
        CAPTURE(name, apply_ln);
        const auto stack = [&](const Tensor<double>& onto) {
          return full_resid_decomposition(
              model, *cache,
              {.apply_ln = apply_ln, .positions = {-1, 2}, .project_output_onto = onto});
        };
        const auto whole = stack({});
        REQUIRE(whole.values.rank() == 4);
        CHECK(relative_error(stack(one).values, einsum("cbpd,d->cbp", whole.values, one)) < 1e-13);
        CHECK(relative_error(stack(two).values, einsum("cbpd,do->cbpo", whole.values, two)) <
              1e-13);
      }
    }
  }
}

TEST_CASE("A full decomposition says what the cache lacks") {
  const auto model = golden::model();
  const auto few =
      model.run_with_cache(golden::tokens(), {.names = {"blocks.*.attn.hook_z"}}).cache;
  CHECK_THROWS_WITH(
      full_resid_decomposition(model, few),
      "full_resid_decomposition: the cache does not hold \"blocks.0.mlp.hook_post\": "
      "keep it by run_with_cache's .names = {\"blocks.*.mlp.hook_post\", \"hook_embed\", "
      "\"hook_pos_embed\"}");
  CHECK_THROWS_WITH(
      full_resid_decomposition(model, few, {.expand_neurons = false}),
      "full_resid_decomposition: the cache does not hold \"blocks.0.hook_mlp_out\": keep it by "
      "run_with_cache's .names = {\"blocks.*.hook_mlp_out\", \"hook_embed\", \"hook_pos_embed\"}");
  const auto enough =
      model
          .run_with_cache(golden::tokens(),
                          {.names = {"blocks.*.attn.hook_z", "blocks.*.mlp.hook_post", "hook_embed",
                                     "hook_pos_embed"}})
          .cache;
  CHECK(full_resid_decomposition(model, enough).labels.size() == 31);
}

}  // namespace
}  // namespace hooked
