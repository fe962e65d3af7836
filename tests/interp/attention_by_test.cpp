// Attention by classes of keys, scores that vectors would give each other, and all orders.
#include "hooked/interp/attention_by.hpp"

#include "catch.hpp"
#include "hooked/interp/head_maps.hpp"
#include "hooked/interp/orders.hpp"

using namespace hooked;

namespace {

Transformer<double> model_of(Normalization normalization = Normalization::none) {
  return Transformer<double>({.n_layers = 1,
                              .d_model = 8,
                              .n_ctx = 4,
                              .n_heads = 2,
                              .d_head = 3,
                              .d_mlp = 6,
                              .d_vocab = 5,
                              .normalization = normalization},
                             Seed{3});
}

}  // namespace

TEST_CASE("Attention is summed over the keys of a class and averaged over examples",
          "[attention_by]") {
  // Two examples, one head, three keys.
  const Tensor<float> pattern({2, 1, 3}, {0.5f, 0.25f, 0.25f, 0.125f, 0.75f, 0.125f});
  const Tensor<Index> classes({2, 3}, {0, 1, 0, 1, -1, 1});
  const Tensor<double> mean = attention_by_class(pattern, classes, 2);
  REQUIRE(mean.shape() == Shape{1, 2});
  CHECK(mean(0, 0) == Approx(0.75 / 2));
  CHECK(mean(0, 1) == Approx((0.25 + 0.25) / 2));
  CHECK_THROWS_WITH(attention_by_class(pattern, classes, 1),
                    "attention_by_class: a class is 1 of 1");
  CHECK_THROWS_WITH(attention_by_class(pattern, Tensor<Index>({2, 2}), 1),
                    "attention_by_class: the pattern is [2, 1, 3], classes are [2, 2]: [example, "
                    "head, key] and [example, key] are wanted");
}

TEST_CASE("Scores of what stands in the residual stream are those of the run", "[attention_by]") {
  auto model = model_of();
  model["blocks.0.attn.b_Q"](1, 2) = 0.3;  // biases take part
  model["blocks.0.attn.b_K"](0, 1) = -0.7;
  const Tensor<Token> tokens({1, 4}, {4, 0, 2, 1});
  const auto cache = model.run_with_cache(tokens).cache;
  const auto resid = cache["resid_pre0"].select(0, 0);
  const Tensor<double> scores = head_scores(model, 0, resid, resid);
  REQUIRE(scores.shape() == Shape{2, 4, 4});
  for (Index h = 0; h < 2; ++h) {
    for (Index q = 0; q < 4; ++q) {
      for (Index k = 0; k <= q; ++k) {
        REQUIRE(scores(h, q, k) == Approx(cache["attn_scores0"](0, h, q, k)));
      }
    }
  }
}

TEST_CASE("Heads that share keys have scores all the same", "[attention_by]") {
  const Transformer<double> model({.n_layers = 1,
                                   .d_model = 8,
                                   .n_ctx = 4,
                                   .n_heads = 4,
                                   .d_head = 3,
                                   .d_vocab = 5,
                                   .normalization = Normalization::none,
                                   .n_key_value_heads = 2},
                                  Seed{3});
  const Tensor<Token> tokens({1, 4}, {4, 0, 2, 1});
  const auto cache = model.run_with_cache(tokens).cache;
  const auto resid = cache["resid_pre0"].select(0, 0);
  const Tensor<double> scores = head_scores(model, 0, resid, resid);
  for (Index h = 0; h < 4; ++h) CHECK(scores(h, 3, 1) == Approx(cache["attn_scores0"](0, h, 3, 1)));
  CHECK(head_input_maps(model, 0, resid).shape() == Shape{4, 4, 32});
}

TEST_CASE("All orders of the first tokens, and how alike activations are over them", "[orders]") {
  const Tensor<Token> sequence({4}, {3, 1, 2, 4});
  const Tensor<Token> all = all_orders(sequence, 3);
  REQUIRE(all.shape() == Shape{6, 4});
  const std::vector<std::vector<Token>> expected{{3, 1, 2, 4}, {3, 2, 1, 4}, {1, 3, 2, 4},
                                                 {1, 2, 3, 4}, {2, 3, 1, 4}, {2, 1, 3, 4}};
  for (Index i = 0; i < 6; ++i) {
    for (Index j = 0; j < 4; ++j) {
      CHECK(all(i, j) == expected[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)]);
    }
  }
  CHECK_THROWS_WITH(all_orders(sequence, 5),
                    "all_orders: of 5 tokens of a sequence [4]: it must be from 1 to 7 of [pos]");

  auto model = model_of();
  const std::string post = "blocks.0.mlp.hook_pre";
  const auto alike = similarity_of_orders(model, sequence, 3, post, 3);
  REQUIRE(alike.shape() == Shape{6, 6});
  CHECK(alike(2, 2) == Approx(1.0));
  CHECK(alike(0, 3) < 1.0 - 1e-6);
  // Without positions the last token sees a set.
  model["pos_embed.W_pos"].fill(0.0);
  const auto same = similarity_of_orders(model, sequence, 3, post, 3);
  for (Index i = 0; i < 36; ++i) REQUIRE(same.data()[i] == Approx(1.0));
}
