// Induction on random tokens that come twice.
#include "hooked/interp/induction.hpp"

#include <cmath>
#include <set>

#include "hooked/testing/bits.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

TEST_CASE("Repeated tokens come twice, behind a token that stands nowhere else") {
  const auto model = golden::model();
  const auto tokens = repeated_tokens(model, {.batch = 40, .bos = 4});
  REQUIRE(tokens.shape() == Shape{40, 11});  // n_ctx is 12
  std::set<Token> seen;
  for (Index b = 0; b < 40; ++b) {
    CHECK(tokens(b, 0) == 4);
    for (Index p = 1; p <= 5; ++p) {
      REQUIRE(tokens(b, p) == tokens(b, p + 5));
      seen.insert(tokens(b, p));
    }
  }
  CHECK(seen == std::set<Token>{0, 1, 2, 3, 5, 6, 7, 8, 9});
  CHECK(repeated_tokens(model).shape() == Shape{10, 12});
  CHECK(repeated_tokens(model, {.batch = 2, .period = 3}).shape() == Shape{2, 6});
}

TEST_CASE("The seed alone says which tokens they are") {
  const auto model = golden::model();
  const auto tokens = repeated_tokens(model, {.seed = Seed{1}});
  CHECK(to_vector(tokens) == to_vector(repeated_tokens(model, {.seed = Seed{1}})));
  CHECK(to_vector(tokens) != to_vector(repeated_tokens(model, {.seed = Seed{2}})));
}

TEST_CASE("Induction scores are the attention to what followed the first time") {
  const auto model = golden::model();
  for (const std::optional<Token> bos : {std::optional<Token>(), std::optional<Token>(0)}) {
    const RepeatedTokensOptions options{.batch = 3, .period = 4, .bos = bos};
    const auto tokens = repeated_tokens(model, options);
    const auto cache = model.run_with_cache(tokens).cache;
    const auto scores = induction_scores(model, options);
    REQUIRE(scores.shape() == Shape{2, 2});
    const Index first = bos ? 1 : 0;
    double expected = 0.0;
    for (Index b = 0; b < 3; ++b) {
      for (Index i = 0; i < 4; ++i) {  // token i of the second half, and i + 1 of the first
        expected += cache["pattern1"](b, 1, first + 4 + i, first + i + 1) / 12;
      }
    }
    CHECK(scores(1, 1) == Approx(expected).epsilon(1e-14));
  }
}

TEST_CASE("A head that does induction scores 1, on any vocabulary") {
  // One layer, no norm; the query of a token at position p asks for position p - 3.
  TransformerConfig config{.n_layers = 1,
                           .d_model = 8,
                           .n_ctx = 8,
                           .n_heads = 1,
                           .d_head = 8,
                           .d_vocab = 3,
                           .normalization = Normalization::none,
                           .attn_only = true};
  Transformer<double> model(config);
  for (const std::string& name : model.parameters().names()) model[name].fill(0.0);
  for (Index p = 0; p < 8; ++p) {
    model["pos_embed.W_pos"](p, p) = 1;
    model["blocks.0.attn.W_K"](0, p, p) = 1;
    if (p >= 3) model["blocks.0.attn.W_Q"](0, p, p - 3) = 200;
  }
  CHECK(induction_scores(model, {.period = 4})(0, 0) == Approx(1.0));
}

TEST_CASE("Induction loss is the mean loss of what the second half predicts") {
  const auto model = golden::model();
  for (const std::optional<Token> bos : {std::optional<Token>(), std::optional<Token>(7)}) {
    const RepeatedTokensOptions options{.batch = 5, .period = 4, .bos = bos, .seed = Seed{3}};
    const auto losses = model.loss_per_token(repeated_tokens(model, options));
    const Index second = bos ? 5 : 4;  // predictions of tokens 1, 2 and 3 of the second half
    CHECK(induction_loss(model, options) ==
          Approx(mean(losses.slice(1, second, second + 3)).item()).epsilon(1e-14));
  }
  // A model that knows nothing.
  Transformer<float> blank(golden::config());
  blank["unembed.W_U"].fill(0);
  CHECK(induction_loss(blank) == Approx(std::log(10.0)));
}

TEST_CASE("Induction says what is wrong") {
  const auto model = golden::model();
  CHECK_THROWS_WITH(repeated_tokens(model, {.period = 7}),
                    "repeated_tokens: period is 7, it must be from 2 to 6, what n_ctx 12 has room "
                    "for twice");
  CHECK_THROWS_AS(repeated_tokens(model, {.period = 6, .bos = 0}), ConfigError);
  CHECK_THROWS_AS(induction_scores(model, {.period = 1}), ConfigError);
  CHECK_THROWS_WITH(repeated_tokens(model, {.batch = 0}), "repeated_tokens: batch is 0");
  CHECK_THROWS_WITH(repeated_tokens(model, {.bos = 10}),
                    "repeated_tokens: bos is 10, the vocabulary is 0..9, and other tokens are "
                    "wanted");
  TransformerConfig config = golden::config();
  config.d_vocab_out = 4;
  CHECK_THROWS_WITH(induction_loss(golden::model(config)),
                    "induction_loss: the model predicts 4 tokens, but reads 10");
}

}  // namespace
}  // namespace hooked
