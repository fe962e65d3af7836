// Tokens that are read once, with a cache of keys and values, give what reading all of them gives.
#include <string>
#include <vector>

#include "catch.hpp"
#include "golden_model.hpp"
#include "hooked/core/masks.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/nn/generate.hpp"
#include "random_configs.hpp"

namespace hooked {
namespace {

Tensor<Token> random_tokens(const Shape& shape, Index d_vocab, std::uint64_t seed) {
  Random random(Seed{seed}, "tokens");
  Tensor<Token> tokens(shape);
  for_each_element(tokens.view(),
                   [&](Index, Token& t) { t = static_cast<Token>(random.below(d_vocab)); });
  return tokens;
}

/// Padding on the left or, if said so, on the right: 0, 1, 2, 0, ... times `step` tokens of it.
Tensor<std::uint8_t> ragged(Index batch, Index length, bool right = false, Index step = 1) {
  Tensor<std::uint8_t> mask({batch, length}, std::uint8_t{1});
  for (Index b = 0; b < batch; ++b) {
    for (Index p = 0; p < b % 3 * step; ++p) mask(b, right ? length - 1 - p : p) = 0;
  }
  return mask;
}

TEMPLATE_TEST_CASE("Read in pieces, tokens have the logits that they have in one run", "", float,
                   double) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, float> ? 2e-5 : 1e-12;
  const Index batch = 3;
  for (Index i = 0; i < 2 * golden::kPlainConfigs; ++i) {
    const TransformerConfig c = golden::config_number(i);
    if (c.attention_dir != AttentionDirection::causal) continue;
    const auto model = golden::model<T>(c);
    const Index length = c.n_ctx;
    const auto tokens = random_tokens({batch, length}, c.d_vocab, static_cast<std::uint64_t>(i));
    for (const std::string padding : {"none", "left", "right"}) {
      CAPTURE(i, padding);
      const bool padded = padding != "none";
      RunOptions options;
      // On the right so much that some pieces begin with it.
      if (padded) options.attention_mask = ragged(batch, length, padding == "right", 2);
      const Tensor<T> whole = model(tokens, options);
      KeyValueCache<T> past(batch, length);
      for (const Index end : {Index{3}, Index{4}, length}) {
        const Index begin = past.length();
        RunOptions here;
        if (padded) {
          here.attention_mask =
              Tensor<std::uint8_t>(options.attention_mask.view().slice(1, 0, end));
        }
        const Tensor<T> logits = model.run_with_past(tokens.slice(1, begin, end), past, {}, here);
        CHECK(max_norm(logits - whole.slice(1, begin, end)).item() <=
              tolerance * std::max(T(1), max_norm(whole).item()));
        CHECK(past.length() == end);
      }
    }
  }
}

TEST_CASE("Greedy text is the same with and without the cache, padded or not") {
  for (Index i = 0; i < 2 * golden::kPlainConfigs; ++i) {
    TransformerConfig c = golden::config_number(i);
    c.d_vocab_out = c.d_vocab;
    const auto model = golden::model(c);
    const auto prompts = random_tokens({3, 3}, c.d_vocab, static_cast<std::uint64_t>(i));
    GenerateOptions options{.max_new_tokens = c.n_ctx - 2, .do_sample = false};
    for (const bool padded : {false, true}) {
      CAPTURE(i, padded);
      if (padded) options.attention_mask = ragged(3, 3);
      options.use_past_kv_cache = true;
      const auto cached = generate(model, prompts, options);
      options.use_past_kv_cache = false;
      CHECK(all(cached == generate(model, prompts, options)));
    }
  }
}

TEST_CASE("Padded on the left, a prompt goes on as it does alone") {
  for (const auto kind : {PositionalEmbedding::standard, PositionalEmbedding::shortformer,
                          PositionalEmbedding::rotary, PositionalEmbedding::sinusoidal}) {
    TransformerConfig c = golden::config();
    c.positional_embedding = kind;
    const auto model = golden::model(c);
    const Tensor<Token> alone({1, 2}, {3, 7}), padded({2, 4}, {0, 0, 3, 7, 1, 2, 3, 4});
    const auto text = generate(model, alone, {.max_new_tokens = 5, .do_sample = false});
    const auto both =
        generate(model, padded,
                 {.max_new_tokens = 5,
                  .do_sample = false,
                  .attention_mask = Tensor<std::uint8_t>({2, 4}, {0, 0, 1, 1, 1, 1, 1, 1})});
    CHECK(all(text.select(0, 0) == both.select(0, 0).slice(0, 2, 9)));
  }
}

TEST_CASE("Hooks see new tokens as queries and all of them as keys") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  KeyValueCache<double> past(2, 12);
  (void)model.run_with_past(tokens.slice(1, 0, 6), past);
  Shape pattern, keys;
  const auto note = [](Shape& shape) {
    return [&shape](View<const double> x, const HookPoint&) { shape = x.shape(); };
  };
  const auto logits =
      model.run_with_past(tokens.slice(1, 6, 8), past,
                          {Hook<double>("pattern1", note(pattern)), Hook<double>("k1", note(keys)),
                           zero("blocks.1.attn.hook_z", {.heads = {1}})});
  CHECK(pattern == Shape{2, 2, 2, 8});
  CHECK(keys == Shape{2, 2, 2, 4});
  const auto whole = model.run_with_hooks(tokens, {zero("blocks.1.attn.hook_z", {.heads = {1}})});
  CHECK(max_norm(logits - whole.slice(1, 6, 8)).item() < 1e-12);
}

TEST_CASE("A copy of a cache goes on in another way") {
  const auto model = golden::model();
  KeyValueCache<double> past(1, 12);
  (void)model.run_with_past(Tensor<Token>({1, 3}, {1, 2, 3}), past);
  KeyValueCache<double> other = past;
  const auto a = model.run_with_past(Tensor<Token>({1, 1}, {4}), past);
  const auto b = model.run_with_past(Tensor<Token>({1, 1}, {9}), other);
  CHECK(max_norm(a.select(1, 0) - model(Tensor<Token>({4}, {1, 2, 3, 4})).select(1, 3)).item() <
        1e-12);
  CHECK(max_norm(b.select(1, 0) - model(Tensor<Token>({4}, {1, 2, 3, 9})).select(1, 3)).item() <
        1e-12);
}

TEST_CASE("A cache refuses what does not go on from it") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  KeyValueCache<double> past(2, 12);
  (void)model.run_with_past(tokens, past);
  CHECK_THROWS_WITH(model.run_with_past(tokens, past), "after 8 tokens 8 more do not fit n_ctx 12");
  CHECK_THROWS_WITH(model.run_with_past(tokens.slice(0, 0, 1), past),
                    "the cache of keys and values holds 2 sequences, the tokens are 1");
  CHECK(past.length() == 8);  // nothing was lost
  CHECK_THROWS_WITH(
      model.run_with_past(tokens.slice(1, 0, 2), past, {},
                          {.attention_mask = Tensor<std::uint8_t>({2, 2}, std::uint8_t{1})}),
      "attention_mask is [2, 2], the tokens are [2, 10]");
  KeyValueCache<double> large(2, 13);
  CHECK_THROWS_WITH(model.run_with_past(tokens, large),
                    "run_with_past: the cache has room for 13 tokens, the model's n_ctx is 12");
  CHECK_THROWS_AS(KeyValueCache<double>(0, 3), ShapeError);
  CHECK_THROWS_WITH(
      model.run_with_past(tokens.slice(1, 0, 2), past, {}, {.stop_at_layer = 1}),
      "run_with_past: stop_at_layer is 1: blocks that do not run would not know these "
      "tokens later");
  for (const Index layers : {1, 3}) {
    TransformerConfig other = golden::config();
    other.n_layers = layers;
    CHECK_THROWS_AS(golden::model(other).run_with_past(tokens.slice(1, 0, 2), past), Error);
  }
  CHECK(past.length() == 8);
  TransformerConfig c = golden::config();
  c.attention_dir = AttentionDirection::bidirectional;
  CHECK_THROWS_AS(golden::model(c).run_with_past(tokens, past), ConfigError);
  CHECK_THROWS_WITH(
      generate(model, tokens,
               {.max_new_tokens = 2,
                .attention_mask = Tensor<std::uint8_t>({2, 8}, {1, 1, 1, 1, 1, 1, 1, 1,  //
                                                                1, 1, 1, 1, 1, 1, 1, 0})}),
      "generate: prompt 1 ends in padding: pad on the left, so that the new tokens follow the last "
      "one");
  CHECK_THROWS_AS(generate(model, tokens, {.max_new_tokens = 2, .repetition_penalty = 0.0}),
                  ConfigError);
}

TEST_CASE("A repetition penalty keeps a greedy text from saying what it said") {
  const auto model = golden::model();
  const Tensor<Token> prompt({1, 3}, {1, 2, 3});
  const auto text =
      generate(model, prompt, {.max_new_tokens = 6, .do_sample = false, .repetition_penalty = 1e6});
  std::vector<bool> seen(10, false);
  for (Index i = 0; i < text.size(1); ++i) {
    CHECK(!seen[static_cast<std::size_t>(text(0, i))]);
    seen[static_cast<std::size_t>(text(0, i))] = true;
  }
}

}  // namespace
}  // namespace hooked
