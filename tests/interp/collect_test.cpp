#include "hooked/interp/collect.hpp"

#include "catch.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/interp/head_maps.hpp"

using namespace hooked;

namespace {

Transformer<double> small_model() {
  return Transformer<double>({.n_layers = 1,
                              .d_model = 8,
                              .n_ctx = 3,
                              .n_heads = 2,
                              .d_head = 4,
                              .d_mlp = 6,
                              .d_vocab = 5,
                              .normalization = Normalization::none},
                             Seed{7});
}

// More than one chunk of sequences.
Tensor<Token> many_tokens() {
  Tensor<Token> tokens({600, 3});
  for (Index i = 0; i < tokens.numel(); ++i) tokens.data()[i] = static_cast<Token>(i * 7 % 5);
  return tokens;
}

}  // namespace

TEST_CASE("What is collected in chunks is what one run caches at the position", "[collect]") {
  const auto model = small_model();
  const Tensor<Token> tokens = many_tokens();
  const auto [logits, cache] =
      collect_at(model, tokens, 1, {"blocks.0.mlp.hook_pre", "blocks.0.attn.hook_pattern"});
  const auto [all_logits, all] = model.run_with_cache(tokens);
  REQUIRE(logits.shape() == Shape{600, 5});
  REQUIRE(cache["blocks.0.mlp.hook_pre"].shape() == Shape{600, 6});
  REQUIRE(cache["blocks.0.attn.hook_pattern"].shape() == Shape{600, 2, 3});
  for (const Index row : {0, 511, 512, 599}) {
    CHECK(logits(row, 3) == Approx(all_logits(row, 1, 3)));
    CHECK(cache["pre0"](row, 5) == Approx(all["pre0"](row, 1, 5)));
    CHECK(cache["pattern0"](row, 1, 0) == Approx(all["pattern0"](row, 1, 1, 0)));
  }
  CHECK_THROWS_AS(collect_at(model, tokens, 1, {"blocks.0.mlp.hook_prae"}), NameError);
}

TEST_CASE("A position is cut from the axis of positions, whatever stands beside it",  // D19
          "[collect]") {
  TransformerConfig config = small_model().config();
  config.positional_embedding = PositionalEmbedding::rotary;
  const Transformer<double> model(config, Seed{7});
  const std::vector<std::string> names{"blocks.0.hook_q_input", "blocks.0.attn.hook_rot_q",
                                       "blocks.0.attn.hook_rot_k"};
  const Tensor<Token> tokens = many_tokens();
  const auto cut = collect_at(model, tokens, 2, names).cache;
  const auto whole = model.run_with_cache(tokens, {.names = {names.begin(), names.end()}}).cache;
  for (const std::string& name : names) {
    CAPTURE(name);
    REQUIRE(cut[name].shape() == Shape{600, 2, name == names[0] ? 8 : 4});
    CHECK(max_norm(cut[name] - whole[name].select(1, 2)).item() < 1e-14);
  }
}

TEST_CASE("An activation replaced by itself changes nothing, by zero it is an ablation",
          "[collect]") {
  const auto model = small_model();
  const Tensor<Token> tokens = many_tokens();
  const std::string post = "blocks.0.mlp.hook_post";
  const auto [logits, cache] = collect_at(model, tokens, 2, {post});
  const auto same = logits_with(model, tokens, 2, post, cache[post]);
  const auto none = logits_with(model, tokens, 2, post, Tensor<double>({600, 6}));
  const auto ablated = collect_at<double>(model, tokens, 2, {}, {zero(post)}).logits;
  for (Index i = 0; i < logits.numel(); ++i) {
    REQUIRE(same.data()[i] == Approx(logits.data()[i]));
    REQUIRE(none.data()[i] == Approx(ablated.data()[i]));
  }
  CHECK(none(0, 0) != Approx(logits(0, 0)));
  CHECK_THROWS_WITH(logits_with(model, tokens, 2, post, Tensor<double>({5, 6})),
                    "logits_with: values are [5, 6] for 600 examples of " + post +
                        ", whose axes but for the position are wanted: [batch, pos, d_mlp]");
  CHECK_THROWS_AS(logits_with(model, tokens, 2, post, Tensor<double>({600})), ShapeError);
}

TEST_CASE("Scores at one position can be replaced, too", "[collect]") {
  const auto model = small_model();
  const Tensor<Token> tokens = many_tokens();
  const std::string site = "blocks.0.attn.hook_attn_scores";
  auto [logits, cache] = collect_at(model, tokens, 1, {site, "blocks.0.attn.hook_pattern"});
  Tensor<double> scores(cache[site]);  // [example, head, key]
  const auto same = logits_with(model, tokens, 1, site, scores);
  for (Index i = 0; i < logits.numel(); ++i) {
    REQUIRE(same.data()[i] == Approx(logits.data()[i]));
  }
  for (Index i = 0; i < 600; ++i) scores(i, 0, 0) += 100.0;  // head 0 looks at the first token
  Tensor<double> pattern(cache["blocks.0.attn.hook_pattern"]);
  for (Index i = 0; i < 600; ++i) pattern(i, 0, 0) = 1.0, pattern(i, 0, 1) = 0.0;
  const auto forced = logits_with(model, tokens, 1, site, scores);
  const auto by_pattern = logits_with(model, tokens, 1, "blocks.0.attn.hook_pattern", pattern);
  for (Index i = 0; i < forced.numel(); ++i) {
    REQUIRE(forced.data()[i] == Approx(by_pattern.data()[i]));
  }
  CHECK_THROWS_AS(logits_with(model, tokens, 1, "blocks.0.attn.hook_scores", scores), NameError);
  CHECK_THROWS_AS(logits_with(model, tokens, 1, site, Tensor<double>({600, 3})), ShapeError);
}

TEST_CASE("A head's map is what it adds to a neuron when it attends to one token", "[head_maps]") {
  auto model = small_model();
  const View<const double> W_E = std::as_const(model)["embed.W_E"];
  const Tensor<double> maps = head_input_maps(model, 0, W_E);
  REQUIRE(maps.shape() == Shape{2, 5, 6});
  // A sequence of one token: both heads attend to it alone. Without position and biases the
  // preactivation is the direct path and both maps.
  model["pos_embed.W_pos"].matrix().setZero();
  const Tensor<Token> token({1, 1}, {3});
  const auto [logits, cache] = model.run_with_cache(token);
  const auto direct = matmul(W_E.slice(0, 3, 4), model["blocks.0.mlp.W_in"]);
  CHECK(cache["pre0"](0, 0, 2) == Approx(maps(0, 3, 2) + maps(1, 3, 2) + direct(0, 2)));
}
