// Running models: layers, masks, options, configs, parameters, generation, and every error.
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "golden_model.hpp"
#include "hooked/nn/generate.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Equals;

double largest_difference(View<const double> a, View<const double> b) {
  REQUIRE(a.shape() == b.shape());
  double largest = 0.0;
  const Tensor<double> other(b);
  for_each_element(a, [&](Index i, const double& x) {
    if (x != other.data()[i]) largest = std::max(largest, std::abs(x - other.data()[i]));
  });
  return largest;
}
bool equal(View<const double> a, View<const double> b) { return largest_difference(a, b) == 0.0; }
bool close(View<const double> a, View<const double> b) { return largest_difference(a, b) < 1e-12; }

/// a + b, the smaller one broadcast.
Tensor<double> sum(const Tensor<double>& a, View<const double> b) {
  Tensor<double> c(a);
  const Tensor<double> other(b.broadcast(a.shape()));
  for (Index i = 0; i < c.numel(); ++i) c.data()[i] += other.data()[i];
  return c;
}

// The residual stream.

TEST_CASE("What is written to the residual stream adds up") {
  const auto model = golden::model();
  const auto cache =
      model.run_with_cache(golden::tokens(), {.names = {"*", "*.hook_result"}}).cache;
  CHECK(close(sum(cache["hook_embed"], cache["hook_pos_embed"]), cache["resid_pre0"]));
  for (const std::string block : {"blocks.0.", "blocks.1."}) {
    CHECK(close(sum(cache[block + "hook_resid_pre"], cache[block + "hook_attn_out"]),
                cache[block + "hook_resid_mid"]));
    CHECK(close(sum(cache[block + "hook_resid_mid"], cache[block + "hook_mlp_out"]),
                cache[block + "hook_resid_post"]));
    const auto& result = cache[block + "attn.hook_result"];
    const Tensor<double> heads = sum(Tensor<double>(result.select(2, 0)), result.select(2, 1));
    CHECK(close(sum(heads, model[block + "attn.b_O"]), cache[block + "hook_attn_out"]));
  }
  CHECK(equal(cache["resid_post0"], cache["resid_pre1"]));
  CHECK(close(cache["unembed.hook_out"], model(golden::tokens())));
  CHECK(equal(model.run_with_cache(golden::tokens()).cache["unembed.hook_out"],
              model(golden::tokens())));
}

TEST_CASE("With parallel halves, both are added to the block's input") {
  TransformerConfig c = golden::config();
  c.parallel_attn_mlp = true;
  const auto cache = golden::model(c).run_with_cache(golden::tokens()).cache;
  CHECK(close(sum(sum(cache["resid_pre1"], cache["attn_out1"]), cache["mlp_out1"]),
              cache["resid_post1"]));
  CHECK(!cache.contains("blocks.0.hook_resid_mid"));
}

TEST_CASE("One sequence may be given without a batch axis") {
  const auto model = golden::model();
  const Tensor<Token> flat({4}, {1, 2, 3, 4}), batch({1, 4}, {1, 2, 3, 4});
  CHECK(model(flat).shape() == Shape{1, 4, 10});
  CHECK(equal(model(flat), model(batch)));
  CHECK(model.loss(flat) == model.loss(batch));
  CHECK(model.loss_per_token(flat).shape() == Shape{1, 3});
}

TEST_CASE("A model without blocks is an embedding and an unembedding") {
  TransformerConfig c = golden::config();
  c.n_layers = 0, c.normalization = Normalization::none;
  const auto model = golden::model(c);
  const Tensor<double> logits = model(golden::tokens());
  double expected = model["unembed.b_U"](3);  // the first token is 1
  for (Index m = 0; m < 8; ++m) {
    expected +=
        (model["embed.W_E"](1, m) + model["pos_embed.W_pos"](0, m)) * model["unembed.W_U"](m, 3);
  }
  CHECK(logits(0, 0, 3) == Approx(expected));
  CHECK(close(model(golden::tokens(), {.positions = {7}}).select(1, 0), logits.select(1, 7)));
}

TEST_CASE("Without positions, a bidirectional model cannot tell the order of tokens") {
  TransformerConfig c = golden::config();
  c.positional_embedding = PositionalEmbedding::none;
  c.attention_dir = AttentionDirection::bidirectional;
  const auto model = golden::model(c);
  CHECK(!model.parameters().contains("pos_embed.W_pos"));
  const Tensor<double> ab = model(Tensor<Token>({1, 3}, {4, 5, 6}));
  const Tensor<double> ba = model(Tensor<Token>({1, 3}, {6, 5, 4}));
  CHECK(close(ab.select(1, 0), ba.select(1, 2)));
}

// Layers.

TEST_CASE("Stopping at a layer gives the stream before it") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto cache = model.run_with_cache(tokens).cache;
  const Tensor<double> before_0 = model(tokens, {.stop_at_layer = 0});
  CHECK(equal(before_0, cache["blocks.0.hook_resid_pre"]));
  CHECK(equal(model(tokens, {.stop_at_layer = -2}), before_0));
  const Tensor<double> before_1 = model(tokens, {.stop_at_layer = 1});
  CHECK(equal(before_1, cache["blocks.1.hook_resid_pre"]));
  CHECK(equal(model(tokens, {.stop_at_layer = -1}), before_1));
  CHECK(equal(model(tokens, {.stop_at_layer = 2}), cache["blocks.1.hook_resid_post"]));
  // Hooks act on the way.
  const auto ablation = zero("blocks.0.attn.hook_z", {.heads = {1}});
  CHECK(close(model.run_with_hooks(tokens, {ablation}, {.stop_at_layer = 1}),
              model.run_with_cache(tokens, {.hooks = {ablation}}).cache["resid_pre1"]));
}

TEST_CASE("A cache of a run that stops holds the sites that it passed") {
  const auto model = golden::model();
  const auto names_at = [&](Index stop) {
    return model.run_with_cache(golden::tokens(), {.run = {.stop_at_layer = stop}}).cache.names();
  };
  CHECK(names_at(0) == std::vector<std::string>{"hook_embed", "hook_pos_embed"});
  CHECK(names_at(1).back() == "blocks.0.hook_resid_post");
  CHECK(names_at(2).back() == "blocks.1.hook_resid_post");
  CHECK(names_at(-1) == names_at(1));
}

TEST_CASE("Starting at a layer goes on where the stream was taken") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto [logits, cache] = model.run_with_cache(tokens);
  CHECK(close(model.run_from_layer(0, cache["resid_pre0"]), logits));
  CHECK(close(model.run_from_layer(1, cache["resid_pre1"]), logits));
  CHECK(close(model.run_from_layer(-1, cache["resid_pre1"]), logits));
  CHECK(close(model.run_from_layer(2, cache["resid_post1"]), logits));
  CHECK(close(model.run_from_layer(0, cache["resid_pre0"], {}, {.stop_at_layer = 1}),
              cache["resid_pre1"]));
  // Hooks work from there on.
  const auto ablation = zero("blocks.1.attn.hook_z");
  CHECK(close(model.run_from_layer(1, cache["resid_pre1"], {ablation}),
              model.run_with_hooks(tokens, {ablation})));
  const Tensor<double> last = model.run_from_layer(1, cache["resid_pre1"], {}, {.positions = {7}});
  CHECK(close(last.select(1, 0), logits.select(1, 7)));
}

TEST_CASE("Layers outside the model are refused") {
  const auto model = golden::model();
  CHECK_THROWS_WITH(model(golden::tokens(), {.stop_at_layer = 3}),
                    Equals("stop_at_layer is 3, the model has 2 layers"));
  CHECK_THROWS_WITH(model.run_from_layer(-3, Tensor<double>({1, 2, 8})),
                    Equals("start_at_layer is -3, the model has 2 layers"));
  CHECK_THROWS_WITH(model.run_from_layer(0, Tensor<double>({1, 2, 7})),
                    Equals("run_from_layer: the residual stream is [1, 2, 7], it must be "
                           "[batch, pos, 8]"));
}

// Who sees whom.

TEST_CASE("A causal pattern has an upper triangle of zeros and rows that sum to one") {
  const auto model = golden::model();
  const auto cache = model.run_with_cache(golden::tokens()).cache;
  for (const char* name : {"pattern0", "pattern1"}) {
    const auto& pattern = cache[name];
    for (Index h = 0; h < 2; ++h) {
      for (Index query = 0; query < 8; ++query) {
        double row = 0.0;
        for (Index key = 0; key < 8; ++key) {
          const double p = pattern(1, h, query, key);
          if (key > query) CHECK(p == 0.0);
          row += p;
        }
        CHECK(row == Approx(1.0));
      }
    }
  }
}

TEST_CASE("A later token changes nothing before it") {
  const auto model = golden::model();
  const Tensor<double> logits = model(Tensor<Token>({1, 4}, {1, 2, 3, 4}));
  const Tensor<double> changed = model(Tensor<Token>({1, 4}, {1, 2, 3, 9}));
  CHECK(close(logits.slice(1, 0, 3), changed.slice(1, 0, 3)));
  CHECK(!close(logits, changed));
}

TEST_CASE("Masked tokens get no attention, and a query that sees nothing attends to nothing") {
  TransformerConfig c = golden::config();
  SECTION("causal") {}
  SECTION("bidirectional") { c.attention_dir = AttentionDirection::bidirectional; }
  const auto model = golden::model(c);
  const Tensor<Token> tokens({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const RunOptions run{.attention_mask = Tensor<std::uint8_t>({2, 4}, {0, 1, 1, 1, 1, 0, 1, 0})};
  const auto cache = model.run_with_cache(tokens, {.run = run}).cache;
  for (const char* name : {"pattern0", "pattern1"}) {
    const auto& pattern = cache[name];
    for (Index h = 0; h < 2; ++h) {
      for (Index query = 0; query < 4; ++query) {
        CHECK(pattern(0, h, query, 0) == 0.0);
        CHECK(pattern(1, h, query, 1) == 0.0);
        CHECK(pattern(1, h, query, 3) == 0.0);
      }
    }
  }
  const bool causal = c.attention_dir == AttentionDirection::causal;
  CHECK((cache["pattern0"](0, 0, 0, 1) == 0.0) == causal);
  // Padding has no position.
  CHECK(equal(cache["hook_pos_embed"].select(0, 0).select(0, 0), Tensor<double>({8})));
  CHECK(equal(cache["hook_pos_embed"].select(0, 0).select(0, 1),
              model["pos_embed.W_pos"].select(0, 0)));
  CHECK(equal(cache["hook_pos_embed"].select(0, 1).select(0, 2),
              model["pos_embed.W_pos"].select(0, 1)));
}

TEST_CASE("A sequence padded on the left gives what it gives without padding") {
  TransformerConfig c = golden::config();
  c.positional_embedding = GENERATE(PositionalEmbedding::standard, PositionalEmbedding::shortformer,
                                    PositionalEmbedding::rotary, PositionalEmbedding::alibi,
                                    PositionalEmbedding::sinusoidal, PositionalEmbedding::none);
  c.use_local_attn = GENERATE(false, true);
  if (c.use_local_attn)
    c.window_size = 2, c.attn_types = {AttentionType::local, AttentionType::global};
  CAPTURE(static_cast<int>(c.positional_embedding), c.use_local_attn);
  const auto model = golden::model(c);
  const Tensor<double> plain = model(Tensor<Token>({1, 3}, {4, 5, 6}));
  const RunOptions padded{.attention_mask = Tensor<std::uint8_t>({1, 5}, {0, 0, 1, 1, 1})};
  const Tensor<Token> tokens({1, 5}, {9, 9, 4, 5, 6});
  CHECK(close(model(tokens, padded).slice(1, 2, 5), plain));
  CHECK(model.loss(tokens, padded) == Approx(model.loss(Tensor<Token>({1, 3}, {4, 5, 6}))));
}

TEST_CASE("Appending masked tokens leaves the loss alone") {
  const auto model = golden::model();
  const Tensor<Token> tokens({1, 6}, {4, 5, 6, 1, 0, 0});
  const RunOptions padded{.attention_mask = Tensor<std::uint8_t>({1, 6}, {1, 1, 1, 1, 0, 0})};
  const Tensor<Token> plain({1, 4}, {4, 5, 6, 1});
  CHECK(model.loss(tokens, padded) == Approx(model.loss(plain)));
  const Tensor<double> per_token = model.loss_per_token(tokens, padded);
  CHECK(close(per_token.slice(1, 0, 3), model.loss_per_token(plain)));
  CHECK(per_token(0, 3) == 0.0);
  CHECK(per_token(0, 4) == 0.0);
}

TEST_CASE("A mask that hides nothing changes nothing") {
  const auto model = golden::model();
  const RunOptions run{.attention_mask = Tensor<std::uint8_t>({2, 8}, std::uint8_t{1})};
  CHECK(close(model(golden::tokens(), run), model(golden::tokens())));
}

TEST_CASE("The loss is the mean of the losses of the tokens") {
  const auto model = golden::model();
  const Tensor<double> per_token = model.loss_per_token(golden::tokens());
  double total = 0.0;
  for_each_element(per_token.view(), [&](Index, const double& loss) { total += loss; });
  CHECK(model.loss(golden::tokens()) == Approx(total / 14.0));
}

// Options that must not change the result.

TEST_CASE("Optional hook points leave the logits alone") {
  const auto tokens = golden::tokens();
  const Tensor<double> expected = golden::model()(tokens);
  for (const std::vector<SiteSelector>& asked :
       std::vector<std::vector<SiteSelector>>{{"*.hook_result"},
                                              {"*.hook_q_input"},
                                              {"*.hook_v_input", "*.hook_k_input"},
                                              {"*.hook_attn_in"},
                                              {"*.hook_attn_in", "*.hook_q_input"},
                                              {"*.hook_mlp_in"}}) {
    const auto [logits, cache] = golden::model().run_with_cache(tokens, {.names = asked});
    CHECK(cache.size() == 2 * asked.size());
    CHECK(close(logits, expected));
  }
}

TEST_CASE("An edit of one head's query input reaches that head's queries alone") {
  const auto model = golden::model();
  const auto clean =
      model.run_with_cache(golden::tokens(), {.names = {"*", "blocks.0.hook_q_input"}}).cache;
  const auto edited =
      model
          .run_with_cache(golden::tokens(),
                          {.hooks = {zero("blocks.0.hook_q_input", {.heads = {1}})}})
          .cache;
  CHECK(close(edited["q0"].select(2, 0), clean["q0"].select(2, 0)));
  CHECK(!close(edited["q0"].select(2, 1), clean["q0"].select(2, 1)));
  CHECK(equal(edited["k0"], clean["k0"]));
  CHECK(equal(edited["v0"], clean["v0"]));
}

TEST_CASE("An edit of the MLP's input does not reach the stream itself") {
  const auto model = golden::model();
  const auto edited =
      model
          .run_with_cache(golden::tokens(), {.names = {"*", "blocks.0.hook_mlp_in"},
                                             .hooks = {zero("blocks.0.hook_mlp_in")}})
          .cache;
  CHECK(close(sum(edited["resid_mid0"], edited["mlp_out0"]), edited["resid_post0"]));
  CHECK(!equal(edited["resid_mid0"], edited["blocks.0.hook_mlp_in"]));
}

// Parameters.

TEST_CASE("Parameters are counted as by hand") {
  // 2 blocks of 4 * 8 * 4 * 2 attention and 2 * 8 * 12 MLP weights.
  const TransformerConfig c = golden::config();
  CHECK(c.n_params() == 2 * (4 * 8 * 4 * 2 + 2 * 8 * 12));
  TransformerConfig attn_only = c;
  attn_only.attn_only = true;
  CHECK(attn_only.n_params() == 2 * 4 * 8 * 4 * 2);
  TransformerConfig gated = c;
  gated.gated_mlp = true;
  CHECK(gated.n_params() == 2 * (4 * 8 * 4 * 2 + 3 * 8 * 12));
  // All: W_E, W_pos, W_U and b_U; a block's heads with b_Q, b_K, b_V and b_O, norms and MLP.
  const auto total = [](const TransformerConfig& config) {
    return Transformer<float>(config).n_params_total();
  };
  const Index outside = 10 * 8 + 12 * 8 + 8 * 10 + 10;
  const Index heads = 4 * 8 * 4 * 2 + 3 * 2 * 4 + 8;
  const Index mlp = 2 * 8 * 12 + 12 + 8;
  CHECK(total(c) == outside + 2 * (heads + mlp) + 5 * 2 * 8);
  CHECK(total(attn_only) == outside + 2 * heads + 3 * 2 * 8);
  CHECK(total(gated) == outside + 2 * (heads + mlp + 8 * 12) + 5 * 2 * 8);
  TransformerConfig rms = c;
  rms.normalization = Normalization::RMS;
  CHECK(total(rms) == outside + 2 * (heads + mlp) + 5 * 8);
  rms.normalization = Normalization::RMSPre;
  CHECK(total(rms) == outside + 2 * (heads + mlp));
}

TEST_CASE("Parameters have the contract's names and shapes") {
  TransformerConfig c = golden::config();
  c.n_layers = 1, c.d_vocab_out = 11;
  const auto model = golden::model(c);
  const std::vector<std::pair<std::string, Shape>> expected{{"embed.W_E", {10, 8}},
                                                            {"pos_embed.W_pos", {12, 8}},
                                                            {"blocks.0.ln1.w", {8}},
                                                            {"blocks.0.ln1.b", {8}},
                                                            {"blocks.0.attn.W_Q", {2, 8, 4}},
                                                            {"blocks.0.attn.b_Q", {2, 4}},
                                                            {"blocks.0.attn.W_K", {2, 8, 4}},
                                                            {"blocks.0.attn.b_K", {2, 4}},
                                                            {"blocks.0.attn.W_V", {2, 8, 4}},
                                                            {"blocks.0.attn.b_V", {2, 4}},
                                                            {"blocks.0.attn.W_O", {2, 4, 8}},
                                                            {"blocks.0.attn.b_O", {8}},
                                                            {"blocks.0.ln2.w", {8}},
                                                            {"blocks.0.ln2.b", {8}},
                                                            {"blocks.0.mlp.W_in", {8, 12}},
                                                            {"blocks.0.mlp.b_in", {12}},
                                                            {"blocks.0.mlp.W_out", {12, 8}},
                                                            {"blocks.0.mlp.b_out", {8}},
                                                            {"ln_final.w", {8}},
                                                            {"ln_final.b", {8}},
                                                            {"unembed.W_U", {8, 11}},
                                                            {"unembed.b_U", {11}}};
  CHECK(model.parameters().names().size() == expected.size());
  for (const auto& [name, shape] : expected) {
    CAPTURE(name);
    CHECK(model[name].shape() == shape);
  }
}

TEST_CASE("The parameters of all blocks can be stacked") {
  const auto model = golden::model();
  const Tensor<double> W_Q = model.stacked("attn.W_Q");
  CHECK(W_Q.shape() == Shape{2, 2, 8, 4});
  CHECK(equal(W_Q.select(0, 1), model["blocks.1.attn.W_Q"]));
  CHECK_THROWS_AS(model.stacked("attn.W_X"), NameError);
}

TEST_CASE("A wrong parameter name lists the nearest, a wrong shape both shapes") {
  auto model = golden::model();
  CHECK_THROWS_AS(model["blocks.0.attn.WQ"], NameError);
  CHECK_THROWS_WITH(model["blocks.0.attn.WQ"],
                    ContainsSubstring("there is no parameter \"blocks.0.attn.WQ\"; the nearest "
                                      "are: blocks.0.attn.W_Q, "));
  CHECK_THROWS_WITH(model.parameters().set("embed.W_E", Tensor<double>({8, 10})),
                    Equals("parameter embed.W_E is [10, 8], the value given is [8, 10]"));
}

TEST_CASE("Copies of a model are independent values") {
  auto model = golden::model();
  const Tensor<double> logits = model(golden::tokens());
  auto copy = model;
  copy["embed.W_E"](1, 0) += 1.0;
  copy.add_hook(zero("blocks.0.attn.hook_z"));
  CHECK(model.n_hooks() == 0);
  CHECK(equal(model(golden::tokens()), logits));
  CHECK(!equal(copy(golden::tokens()), logits));
  const auto moved = std::move(model);
  CHECK(equal(moved(golden::tokens()), logits));
  copy = moved;
  CHECK(equal(copy(golden::tokens()), logits));
}

// Fresh parameters.

struct Moments {
  double mean, deviation, largest;
};
Moments moments(View<const double> x) {
  double sum = 0.0, squares = 0.0, largest = 0.0;
  for_each_element(x, [&](Index, const double& value) {
    sum += value;
    squares += value * value;
    largest = std::max(largest, std::abs(value));
  });
  const auto n = static_cast<double>(x.numel());
  return {sum / n, std::sqrt(squares / n - sum / n * sum / n), largest};
}

TransformerConfig wide() {
  return {.n_layers = 1, .d_model = 64, .n_ctx = 40, .n_heads = 4, .d_head = 32, .d_vocab = 50};
}

TEST_CASE("Fresh matrices have the spread of their mode") {
  // fan_in and fan_out: W_Q [4, 64, 32] 64 and 4 * 32, W_O [4, 32, 64] 32 and 4 * 64,
  // W_E [50, 64] 50 and 64, W_in [64, 256] 64 and 256.
  const auto check_mode = [](InitMode mode, double range, bool uniform,
                             const std::function<double(double, double)>& spread) {
    TransformerConfig c = wide();
    c.init_mode = mode;
    c.initializer_range = range;
    const Transformer<double> model(c, Seed{5});
    const auto check_parameter = [&](const char* name, double fan_in, double fan_out) {
      CAPTURE(name, static_cast<int>(mode));
      const Moments m = moments(model[name]);
      const double expected = spread(fan_in, fan_out);
      CHECK(m.deviation == Approx(uniform ? expected / std::sqrt(3.0) : expected).epsilon(0.05));
      CHECK(std::abs(m.mean) < 0.06 * m.deviation);
      if (uniform) {
        CHECK(m.largest <= expected);
        CHECK(m.largest > 0.99 * expected);
      } else {
        CHECK(m.largest > 3.0 * expected);
      }
    };
    check_parameter("blocks.0.attn.W_Q", 64, 128);
    check_parameter("blocks.0.attn.W_O", 32, 256);
    check_parameter("embed.W_E", 50, 64);
    check_parameter("blocks.0.mlp.W_in", 64, 256);
  };
  check_mode(InitMode::gpt2, -1, false, [](double, double) { return 0.8 / 8.0; });
  check_mode(InitMode::gpt2, 0.02, false, [](double, double) { return 0.02; });
  check_mode(InitMode::xavier_uniform, -1, true,
             [](double in, double out) { return std::sqrt(6.0 / (in + out)); });
  check_mode(InitMode::xavier_normal, 0.5, false,
             [](double in, double out) { return 0.5 * std::sqrt(2.0 / (in + out)); });
  check_mode(InitMode::kaiming_uniform, -1, true,
             [](double in, double) { return std::sqrt(2.0) * std::sqrt(3.0 / in); });
  check_mode(InitMode::kaiming_normal, -1, false,
             [](double in, double) { return std::sqrt(2.0 / in); });
}

TEST_CASE("The Kaiming bound of the output projection counts one head") {
  TransformerConfig c{.n_layers = 1,
                      .d_model = 256,
                      .n_ctx = 2,
                      .n_heads = 4,
                      .d_head = 64,
                      .d_vocab = 2,
                      .init_mode = InitMode::kaiming_uniform};
  const Transformer<double> model(c);
  CHECK(moments(model["blocks.0.attn.W_O"]).largest == Approx(0.30619).epsilon(1e-3));
  CHECK(moments(model["blocks.0.attn.W_Q"]).largest == Approx(0.15309).epsilon(1e-3));
}

TEST_CASE("muP gives the unembedding its own, small spread") {
  TransformerConfig c = wide();
  c.init_mode = InitMode::muP;
  const Transformer<double> model(c);
  CHECK(moments(model["embed.W_E"]).deviation == Approx(1.0).epsilon(0.05));
  CHECK(moments(model["pos_embed.W_pos"]).deviation == Approx(1.0).epsilon(0.05));
  CHECK(moments(model["unembed.W_U"]).deviation == Approx(1.0 / 64).epsilon(0.05));
  CHECK(moments(model["blocks.0.attn.W_Q"]).deviation == Approx(1.0 / 8).epsilon(0.05));
  CHECK(moments(model["blocks.0.mlp.W_out"]).deviation == Approx(1.0 / 16).epsilon(0.05));
}

TEST_CASE("Fresh norm weights are one and biases zero") {
  const Transformer<double> model(golden::config());
  for (const std::string& name : model.parameters().names()) {
    if (name.find("W_") != std::string::npos) continue;
    CAPTURE(name);
    const double expected = name.ends_with(".w") ? 1.0 : 0.0;
    CHECK(equal(model[name], Tensor<double>(model[name].shape(), expected)));
  }
}

TEST_CASE("A parameter's first values depend on the seed and its own name alone") {
  const TransformerConfig c = golden::config();
  const Transformer<double> model(c, Seed{1}), again(c, Seed{1}), other(c, Seed{2});
  TransformerConfig more = c;
  more.n_layers = 3, more.act_fn = Activation::relu, more.normalization = Normalization::none;
  const Transformer<double> larger(more, Seed{1});
  for (const char* name : {"embed.W_E", "blocks.1.attn.W_O", "unembed.W_U"}) {
    CAPTURE(name);
    CHECK(equal(model[name], again[name]));
    CHECK(equal(model[name], larger[name]));
    CHECK(!equal(model[name], other[name]));
  }
  CHECK(!equal(model["blocks.0.attn.W_Q"], model["blocks.1.attn.W_Q"]));
}

TEST_CASE("Float parameters are the rounded double ones") {
  const Transformer<double> wide_numbers(golden::config(), Seed{1});
  const Transformer<float> numbers(golden::config(), Seed{1});
  const View<const double> W = wide_numbers["blocks.0.attn.W_Q"];
  for_each_element(numbers["blocks.0.attn.W_Q"], [&](Index i, const float& value) {
    CHECK(value == static_cast<float>(Tensor<double>(W).data()[i]));
  });
}

TEST_CASE("Frozen biases are exactly those named b_") {
  TransformerConfig c = golden::config();
  c.freeze_biases = true;
  const Transformer<double> model(c);
  const auto& layout = model.parameters().layout();
  for (const std::string& name : layout.names()) {
    CAPTURE(name);
    CHECK(model.parameters().is_frozen(layout.find(name)) ==
          (name.find(".b_") != std::string::npos));
  }
}

// Configs.

TEST_CASE("A config derives what is left open") {
  const TransformerConfig c =
      TransformerConfig{.n_layers = 1, .d_model = 8, .n_ctx = 4, .d_head = 4, .d_vocab = 6}
          .resolved();
  CHECK(c.n_heads == 2);
  CHECK(c.d_mlp == 32);
  CHECK(c.d_vocab_out == 6);
  CHECK(c.attn_scale == 2.0);
  CHECK(c.attention_divisor(3) == 2.0);
  CHECK(c.initializer_range == Approx(0.8 / std::sqrt(8.0)));
  CHECK(c.resolved() == c);
  TransformerConfig scaled = c;
  scaled.scale_attn_by_inverse_layer_idx = true;
  CHECK(scaled.attention_divisor(3) == 8.0);
  scaled.use_attn_scale = false;
  CHECK(scaled.attention_divisor(3) == 4.0);
}

TEST_CASE("An impossible config says which field, which value and which rule") {
  const auto error_of = [](auto change) {
    TransformerConfig c = golden::config();
    change(c);
    try {
      Transformer<float> model(c);
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  using C = TransformerConfig;
  CHECK(error_of([](C&) {}) == "no error");
  CHECK(error_of([](C& c) { c.d_model = 0; }) == "d_model is 0: it must be at least 1");
  CHECK(error_of([](C& c) { c.d_head = -4; }) == "d_head is -4: it must be at least 1");
  CHECK(error_of([](C& c) { c.n_ctx = 0; }) == "n_ctx is 0: it must be at least 1");
  CHECK(error_of([](C& c) { c.d_vocab = 0; }) == "d_vocab is 0: it must be at least 1");
  CHECK(error_of([](C& c) { c.n_layers = -1; }) == "n_layers is -1: it cannot be negative");
  CHECK(error_of([](C& c) { c.n_heads = 0; }) == "n_heads is 0: it must be at least 1");
  CHECK(
      error_of([](C& c) { c.n_heads = -1, c.d_head = 3; }) ==
      "n_heads is -1 (d_model / d_head), but d_model 8 is not a multiple of d_head 3: set n_heads");
  CHECK(error_of([](C& c) { c.d_mlp = 0; }) == "d_mlp is 0: it must be at least 1");
  CHECK(error_of([](C& c) { c.d_vocab_out = -2; }) == "d_vocab_out is -2: it must be at least 1");
  CHECK(error_of([](C& c) { c.attn_scale = 0; }) ==
        "attn_scale is 0: it must be positive, or -1 for sqrt(d_head)");
  CHECK(error_of([](C& c) { c.eps = -1; }) == "eps is -1: it cannot be negative");
  CHECK(error_of([](C& c) { c.eps = std::nan(""); }) == "eps is nan: it cannot be negative");
  CHECK(error_of([](C& c) { c.initializer_range = -2; }) ==
        "initializer_range is -2: it cannot be negative; -1 takes the default");
  CHECK(error_of([](C& c) { c.final_rms = true, c.normalization = Normalization::none; }) ==
        "final_rms is set but normalization is none: there is no final norm");
  CHECK(error_of([](C& c) { c.attn_only = c.parallel_attn_mlp = true; }) ==
        "parallel_attn_mlp is set but attn_only is too: there is no MLP");
}

// Bad input to a run.

TEST_CASE("Tokens that do not fit the model are refused with their place") {
  const auto model = golden::model();
  const auto error_of = [&](const Tensor<Token>& tokens, const RunOptions& run = {}) {
    std::vector<std::string> texts;
    const std::vector<std::function<void()>> ways{
        [&] { (void)model(tokens, run); }, [&] { (void)model.loss(tokens, run); },
        [&] { (void)model.loss_per_token(tokens, run); },
        [&] { (void)model.run_with_cache(tokens, {.run = run}); }};
    for (const auto& way : ways) {
      try {
        way();
        texts.push_back("no error");
      } catch (const ShapeError& error) {
        texts.push_back(error.what());
      }
    }
    for (const std::string& other : texts) CHECK(other == texts[0]);
    return texts[0];
  };
  CHECK(error_of(Tensor<Token>({2, 2}, {1, 2, 3, 10})) ==
        "token 10 at [1, 1] is outside the vocabulary 0..9");
  CHECK(error_of(Tensor<Token>({3}, {1, -1, 2})) ==
        "token -1 at [0, 1] is outside the vocabulary 0..9");
  CHECK(error_of(Tensor<Token>({1, 13})) ==
        "tokens are [1, 13]: sequences of 13 are longer than n_ctx 12");
  CHECK(error_of(Tensor<Token>({0, 3})) ==
        "tokens are [0, 3], they must be [batch, pos] and not empty");
  CHECK(error_of(Tensor<Token>()) == "tokens are [1, 0], they must be [batch, pos] and not empty");
  CHECK(error_of(Tensor<Token>({1, 2, 3})) ==
        "tokens are [1, 2, 3], they must be [batch, pos] and not empty");
  CHECK(error_of(Tensor<Token>({1, 3}), {.attention_mask = Tensor<std::uint8_t>({1, 2})}) ==
        "attention_mask is [1, 2], the tokens are [1, 3]");
}

TEST_CASE("Wanted positions must rise and lie in the sequence") {
  const auto model = golden::model();
  const auto error_of = [&](std::vector<Token> positions) {
    try {
      (void)model(golden::tokens(), {.positions = std::move(positions)});
    } catch (const ShapeError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(error_of({0, 7}) == "no error");
  CHECK(error_of({3, 2}) == "positions must rise within 0..7, number 1 is 2");
  CHECK(error_of({3, 3}) == "positions must rise within 0..7, number 1 is 3");
  CHECK(error_of({8}) == "positions must rise within 0..7, number 0 is 8");
  CHECK(error_of({-1}) == "positions must rise within 0..7, number 0 is -1");
  Pass<double> pass(model.parameters());
  pass.begin({.positions = {1}});
  CHECK_THROWS_WITH(model.forward(pass, golden::tokens(), {.positions = {2}}),
                    Equals("forward: the wanted positions are those that the pass began with"));
}

TEST_CASE("The next-token loss wants the logits of all positions, and at least one label") {
  const auto model = golden::model();
  CHECK_THROWS_WITH(model.loss(golden::tokens(), {.positions = {7}}),
                    Equals("the next-token loss reads the logits of every position: positions "
                           "cannot be set"));
  CHECK_THROWS_WITH(model.loss_per_token(golden::tokens(), {.stop_at_layer = 1}),
                    Equals("the next-token loss reads the logits of every position: stop_at_layer "
                           "cannot be set"));
  CHECK_THROWS_WITH(model.loss(Tensor<Token>({1, 1})),
                    Equals("cross_entropy: every label is ignored, there is no mean"));
}

TEST_CASE("A label outside the output vocabulary is refused with its place") {
  TransformerConfig c = golden::config();
  c.d_vocab_out = 4;
  const auto model = golden::model(c);
  CHECK_THROWS_WITH(model.loss(Tensor<Token>({1, 3}, {1, 3, 4})),
                    ContainsSubstring("label 4 at row 1 of [1, 3] is outside the 4 tokens of "
                                      "logits [1, 3, 4]"));
}

TEST_CASE("A shape error inside a run names the module") {
  const auto model = golden::model();
  const auto wrong = [](Variable<double> x, const HookPoint&) {
    const auto other = x.tape().constant_copy(Tensor<double>({2, 8, 7}).view());
    return record<Add>({}, x, other);
  };
  CHECK_THROWS_WITH(
      model.run_with_hooks(golden::tokens(), {Hook<double>("blocks.1.mlp.hook_pre", wrong)}),
      ContainsSubstring("[2, 8, 12]") && ContainsSubstring("; at blocks.1.mlp"));
}

// Generation.

TEST_CASE("Greedy generation appends the likeliest token again and again") {
  const auto model = golden::model();
  const Tensor<Token> prompt({2, 2}, {1, 2, 5, 5});
  const Tensor<Token> text = generate(model, prompt, {.max_new_tokens = 4, .do_sample = false});
  CHECK(text.shape() == Shape{2, 6});
  for (Index b = 0; b < 2; ++b) {
    for (Index p = 2; p < 6; ++p) {
      const Tensor<double> logits = model(Tensor<Token>(text.slice(0, b, b + 1).slice(1, 0, p)));
      Index best = 0;
      for (Index v = 1; v < 10; ++v) {
        if (logits(0, p - 1, v) > logits(0, p - 1, best)) best = v;
      }
      CHECK(text(b, p) == best);
    }
  }
  const auto same = [&](const GenerateOptions& options) {
    const Tensor<Token> other = generate(model, prompt, options);
    return std::equal(text.data(), text.data() + text.numel(), other.data());
  };
  CHECK(same({.max_new_tokens = 4, .temperature = 0.0}));
  CHECK(same({.max_new_tokens = 4, .top_k = 1}));
  CHECK(same({.max_new_tokens = 4, .top_p = 1e-9}));
}

TEST_CASE("Sampling follows the probabilities and the seed") {
  TransformerConfig c = golden::config();
  c.d_vocab = c.d_vocab_out = 3;
  auto model = golden::model(c);
  // Logits that do not depend on the input: ln 1, ln 2, ln 5.
  const View<double> W_U = model["unembed.W_U"];
  for_each_element(W_U, [](Index, double& w) { w = 0.0; });
  model.parameters().set("unembed.b_U", Tensor<double>({3}, {0.0, std::log(2.0), std::log(5.0)}));
  const Tensor<Token> prompts({4000, 1}, Token{0});
  const auto shares = [&](GenerateOptions options) {
    options.max_new_tokens = 1;
    const Tensor<Token> text = generate(model, prompts, options);
    std::vector<double> count(3, 0.0);
    for (Index b = 0; b < 4000; ++b) count[static_cast<std::size_t>(text(b, 1))] += 1.0 / 4000;
    return count;
  };
  const auto check_shares = [&](const GenerateOptions& options, double a, double b, double d) {
    const std::vector<double> share = shares(options);
    CHECK(share[0] == Approx(a).margin(0.03));
    CHECK(share[1] == Approx(b).margin(0.03));
    CHECK(share[2] == Approx(d).margin(0.03));
  };
  check_shares({}, 1.0 / 8, 2.0 / 8, 5.0 / 8);
  check_shares({.temperature = 0.5}, 1.0 / 30, 4.0 / 30, 25.0 / 30);
  check_shares({.top_k = 2}, 0.0, 2.0 / 7, 5.0 / 7);
  check_shares({.top_p = 0.7}, 0.0, 2.0 / 7, 5.0 / 7);
  // Every prompt holds one 0, which is penalised by ln 2.
  check_shares({.freq_penalty = std::log(2.0)}, 0.5 / 7.5, 2.0 / 7.5, 5.0 / 7.5);
  // Tokens as likely as the last of the top k stay; where both are given, top_k is the rule.
  model.parameters().set("unembed.b_U", Tensor<double>({3}, {0.0, 0.0, -9.0}));
  check_shares({.top_k = 1}, 0.5, 0.5, 0.0);
  check_shares({.top_k = 2, .top_p = 1e-9}, 0.5, 0.5, 0.0);
  check_shares({.top_k = 99}, 0.5, 0.5, 0.0);
  // The 0 of the prompt: ln 4 halves to ln 2, and -ln 2 doubles to -ln 4.
  model.parameters().set("unembed.b_U", Tensor<double>({3}, {std::log(4.0), 0.0, 0.0}));
  check_shares({.repetition_penalty = 2.0}, 2.0 / 4, 1.0 / 4, 1.0 / 4);
  model.parameters().set("unembed.b_U", Tensor<double>({3}, {-std::log(2.0), 0.0, 0.0}));
  check_shares({.repetition_penalty = 2.0}, 0.25 / 2.25, 1.0 / 2.25, 1.0 / 2.25);
  CHECK(shares({.seed = Seed{3}}) == shares({.seed = Seed{3}}));
  CHECK(shares({.seed = Seed{3}}) != shares({.seed = Seed{4}}));
}

TEST_CASE("Generation stops when every row has ended, and fills ended rows") {
  const auto model = golden::model();
  // From [1, 2, 3] the model goes on with 7 3 8 3 8 1.
  const Tensor<Token> prompt({1, 3}, {1, 2, 3});
  const Tensor<Token> ended =
      generate(model, prompt, {.max_new_tokens = 6, .do_sample = false, .eos_token = 8});
  CHECK(std::vector<Token>(ended.data(), ended.data() + ended.numel()) ==
        std::vector<Token>{1, 2, 3, 7, 3, 8});
  const Tensor<Token> two({2, 3}, {1, 2, 3, 5, 5, 5});
  const Tensor<Token> text =
      generate(model, two, {.max_new_tokens = 6, .do_sample = false, .eos_token = 7});
  for (Index p = 3; p < text.size(1); ++p) CHECK(text(0, p) == 7);
}

TEST_CASE("Hooks act while text is generated") {
  auto model = golden::model();
  model.add_hook(replace("unembed.hook_out", Tensor<double>({10}, {0, 0, 0, 0, 9, 0, 0, 0, 0, 0})));
  const Tensor<Token> text =
      generate(model, Tensor<Token>({1}, {1}), {.max_new_tokens = 2, .do_sample = false});
  CHECK(text(0, 1) == 4);
  CHECK(text(0, 2) == 4);
}

TEST_CASE("Impossible options of generation are refused") {
  const auto model = golden::model();
  const Tensor<Token> prompt({1, 3}, {1, 2, 3});
  const auto error_of = [&](const GenerateOptions& options) {
    try {
      (void)generate(model, prompt, options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(error_of({.max_new_tokens = 10}) == "no error");
  CHECK(error_of({.max_new_tokens = 11}) ==
        "generate: a prompt of 3 tokens and 11 new ones do not fit n_ctx 12");
  CHECK(error_of({.temperature = -1.0}) == "generate: temperature is -1, it cannot be negative");
  CHECK(error_of({.top_k = 0}) == "generate: top_k is 0, it must be at least 1");
  CHECK(error_of({.top_p = 1.5}) == "generate: top_p is 1.5, it must be in (0, 1]");
  CHECK_THROWS_WITH(generate(model, Tensor<Token>({1, 0})),
                    Equals("generate: the prompt is [1, 0], it must be [batch, pos]"));
}

}  // namespace
}  // namespace hooked
