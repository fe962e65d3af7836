// The stream as the sum of what layers write.
#include "hooked/interp/decompose_resid.hpp"

#include "hooked/interp/full_resid_decomposition.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

TEST_CASE("What layers write sums to the stream, before every block and MLP of every model") {
  for (const Make& make : makes()) {
    const auto& config = make.config;
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    for_each_end(config, [&](Index layer, bool mlp_input, const std::string& site) {
      CAPTURE(make.name, layer, mlp_input);
      const auto parts = decompose_resid(model, cache, {.layer = layer, .mlp_input = mlp_input});
      CHECK(relative_error(total(parts), cache[site]) < 1e-14);
      CHECK_FALSE(parts.normalized);

      const auto read =
          decompose_resid(model, cache, {.layer = layer, .mlp_input = mlp_input, .apply_ln = true});
      const std::string normalized = normalized_site(config, layer, mlp_input);
      CHECK(relative_error(total(read), cache[normalized.empty() ? site : normalized]) < 1e-13);
      CHECK(read.normalized);
      CHECK(read.labels == parts.labels);
    });
  }
}

TEST_CASE("The parts of a stream stand in the order in which they are written") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto labels = [&](const DecomposeResidOptions& options) {
    return decompose_resid(model, cache, options).labels;
  };
  const Labels all{"embed", "pos_embed", "0_attn_out", "0_mlp_out", "1_attn_out", "1_mlp_out"};
  CHECK(labels({}) == all);
  CHECK(labels({.layer = -1}) == all);
  CHECK(labels({.layer = 2}) == all);
  CHECK(labels({.layer = 1}) == Labels{"embed", "pos_embed", "0_attn_out", "0_mlp_out"});
  CHECK(labels({.layer = 1, .mlp_input = true}) ==
        Labels{"embed", "pos_embed", "0_attn_out", "0_mlp_out", "1_attn_out"});
  CHECK(labels({.layer = 0}) == Labels{"embed", "pos_embed"});
  CHECK(labels({.mode = ResidMode::mlp}) == Labels{"embed", "pos_embed", "0_mlp_out", "1_mlp_out"});
  CHECK(labels({.layer = 1, .mlp_input = true, .mode = ResidMode::mlp}) ==
        Labels{"embed", "pos_embed", "0_mlp_out"});
  CHECK(labels({.mode = ResidMode::attn, .incl_embeds = false}) ==
        Labels{"0_attn_out", "1_attn_out"});
  CHECK(labels({.layer = 0, .incl_embeds = false}).empty());

  const auto parts = decompose_resid(model, cache);
  REQUIRE(parts.values.shape() == Shape{6, 2, 8, 8});
  CHECK(relative_error(parts["pos_embed"], cache["hook_pos_embed"]) == 0);
  CHECK(relative_error(parts["1_mlp_out"], cache["mlp_out1"]) == 0);
  CHECK(decompose_resid(model, cache, {.layer = 0, .incl_embeds = false}).values.shape() ==
        Shape{0, 2, 8, 8});
}

TEST_CASE("A stream is decomposed at some examples and positions as it is everywhere") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  for (const bool apply_ln : {false, true}) {
    const auto all = decompose_resid(model, cache, {.apply_ln = apply_ln});
    const auto last = decompose_resid(model, cache, {.apply_ln = apply_ln, .positions = {-1}});
    REQUIRE(last.values.shape() == Shape{6, 2, 1, 8});
    CHECK(relative_error(last.values, all.values.slice(2, 7, 8)) == 0);

    const auto some = decompose_resid(
        model, cache, {.apply_ln = apply_ln, .batch = {1}, .positions = {6, 0, -3}});
    REQUIRE(some.values.shape() == Shape{6, 1, 3, 8});
    CHECK(relative_error(some.values,
                         take(all.values.slice(1, 1, 2), 2, std::vector<Index>{6, 0, 5})) == 0);
  }
}

TEST_CASE("A cache without a batch axis gives parts without one") {
  const auto model = golden::model();
  auto cache = model.run_with_cache(golden::tokens().slice(0, 1, 2)).cache;
  const auto of_batch = decompose_resid(model, cache, {.apply_ln = true, .positions = {2, 3}});
  cache.remove_batch_dim();
  const auto of_one = decompose_resid(model, cache, {.apply_ln = true, .positions = {2, 3}});
  REQUIRE(of_one.values.shape() == Shape{6, 2, 8});
  CHECK(relative_error(of_one.values, of_batch.values.select(1, 0)) == 0);
  CHECK_THROWS_WITH(decompose_resid(model, cache, {.batch = {0}}),
                    "decompose_resid: batch: hook_embed is [8, 8], it has none");
}

TEST_CASE("Positions that are not in the stream are not among its parts") {  // D10
  TransformerConfig config = golden::config();
  config.positional_embedding = PositionalEmbedding::none;
  const auto model = golden::model(config);
  auto cache = cache_of(model);
  cache.insert("hook_pos_embed", Tensor<double>({2, 8, 8}, 1.0));
  const auto parts = decompose_resid(model, cache);
  const Labels without{"embed", "0_attn_out", "0_mlp_out", "1_attn_out", "1_mlp_out"};
  CHECK(parts.labels == without);
  CHECK(relative_error(total(parts), cache["resid_post1"]) < 1e-14);
  for (const auto kind : {PositionalEmbedding::shortformer, PositionalEmbedding::rotary,
                          PositionalEmbedding::alibi, PositionalEmbedding::sinusoidal}) {
    CAPTURE(static_cast<int>(kind));
    config.positional_embedding = kind;
    const auto other = golden::model(config);
    const auto run = cache_of(other);
    const auto found = decompose_resid(other, run);
    CHECK((found.labels == without) == (kind != PositionalEmbedding::sinusoidal));
    CHECK(relative_error(total(found), run["resid_post1"]) < 1e-14);
    CHECK(relative_error(total(full_resid_decomposition(other, run)), run["resid_post1"]) < 1e-13);
  }
}

TEST_CASE("A model without blocks has embeddings alone in its stream") {
  TransformerConfig config = golden::config();
  config.n_layers = 0;
  const auto model = golden::model(config);
  const auto cache = cache_of(model);
  const auto parts = decompose_resid(model, cache, {.apply_ln = true});
  CHECK(parts.labels == Labels{"embed", "pos_embed"});
  CHECK(relative_error(total(parts), cache["ln_final.hook_normalized"]) < 1e-14);
  CHECK_THROWS_WITH(decompose_resid(model, cache, {.incl_embeds = false}),
                    "decompose_resid: the model has no blocks to read a stream from");
}

TEST_CASE("An edit of the stream does not reach what was kept before it") {  // D12
  const auto model = golden::model();
  const auto edited =
      model.run_with_cache(golden::tokens(), {.hooks = {scale("blocks.1.hook_resid_pre", 2.0)}})
          .cache;
  const auto parts = decompose_resid(model, edited, {.layer = 1});
  CHECK(relative_error(total(parts), edited["resid_post0"]) < 1e-14);
  CHECK(relative_error(2 * total(parts), edited["resid_pre1"]) < 1e-14);
}

TEST_CASE("Streams of padded sequences are decomposed, too") {
  const auto model = golden::model();
  Tensor<std::uint8_t> mask({2, 8}, 1);
  mask(1, 0) = mask(1, 1) = 0;
  const auto cache =
      model.run_with_cache(golden::tokens(), {.run = {.attention_mask = mask}}).cache;
  const auto parts = decompose_resid(model, cache);
  CHECK(max_norm(parts["pos_embed"].select(0, 1).slice(0, 0, 2)).item() == 0);
  CHECK(relative_error(total(parts), cache["resid_post1"]) < 1e-14);
}

TEST_CASE("Where heads have inputs of their own, their scale is that of the stream") {  // D18, D19
  const auto model = golden::model();
  const auto plain = cache_of(model);
  const auto split =
      model.run_with_cache(golden::tokens(), {.names = {"*", "blocks.*.hook_q_input"}}).cache;
  REQUIRE(split["scale1ln1"].shape() == Shape{2, 8, 2, 1});
  const DecomposeResidOptions options{.layer = 1, .apply_ln = true, .positions = {-1, 2}};
  CHECK(relative_error(decompose_resid(model, split, options).values,
                       decompose_resid(model, plain, options).values) < 1e-14);

  const auto edited =
      model
          .run_with_cache(golden::tokens(),
                          {.names = {"*", "blocks.*.hook_q_input"},
                           .hooks = {scale("blocks.1.hook_v_input", 2.0, {.heads = {1}})}})
          .cache;
  CHECK_THROWS_WITH(decompose_resid(model, edited, options),
                    "decompose_resid: the inputs of heads were edited, so that "
                    "blocks.1.ln1.hook_scale differs between heads 0 and 1: there is no one scale");
}

TEST_CASE("Decomposing says what is wrong") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto throws = [&](const DecomposeResidOptions& options, const std::string& message) {
    CHECK_THROWS_WITH(decompose_resid(model, cache, options), "decompose_resid: " + message);
  };
  throws({.layer = 3}, "layer is 3, it must be from 0 to 2, the end, which is also -1");
  throws({.layer = -2}, "layer is -2, it must be from 0 to 2, the end, which is also -1");
  throws({.mlp_input = true}, "mlp_input, but layer 2 is the end of the stream, no block");
  throws({.positions = {8}}, "positions: 8 is outside of 8");
  throws({.positions = {0, -9}}, "positions: -9 is outside of 8");
  throws({.batch = {2}}, "batch: 2 is outside of 2");
  throws({.positions = Indices(std::vector<Index>{})}, "positions: none are chosen");

  const auto few =
      model.run_with_cache(golden::tokens(), {.names = {"hook_embed", "attn_out0"}}).cache;
  CHECK_THROWS_WITH(decompose_resid(model, few),
                    "decompose_resid: the cache does not hold \"hook_pos_embed\": keep it by "
                    "run_with_cache's .names = {\"hook_pos_embed\", \"blocks.*.hook_mlp_out\", "
                    "\"blocks.*.hook_attn_out\"}");
  CHECK_THROWS_AS(decompose_resid(model, few), NameError);
  CHECK_THROWS_WITH(
      decompose_resid(
          model, few,
          {.layer = 1, .mode = ResidMode::attn, .incl_embeds = false, .apply_ln = true}),
      "decompose_resid: the cache does not hold \"blocks.1.ln1.hook_scale\": keep it by "
      "run_with_cache's .names = {\"blocks.*.ln1.hook_scale\"}");

  TransformerConfig config = golden::config();
  config.attn_only = true;
  const auto attention = golden::model(config);
  const auto of_attention = cache_of(attention);
  CHECK_THROWS_WITH(decompose_resid(attention, of_attention, {.mode = ResidMode::mlp}),
                    "decompose_resid: mode is mlp, but there are no MLPs");
  CHECK_THROWS_WITH(decompose_resid(attention, of_attention, {.layer = 0, .mlp_input = true}),
                    "decompose_resid: mlp_input, but there are no MLPs");
}

}  // namespace
}  // namespace hooked
