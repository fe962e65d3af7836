// What parts of the stream add to logits.
#include "hooked/interp/logit_attrs.hpp"

#include "hooked/interp/accumulated_resid.hpp"
#include "hooked/interp/collect.hpp"
#include "hooked/interp/full_resid_decomposition.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

/// Weight 1 and no bias: what is left of ln_final is linear.
Transformer<double> folded(const TransformerConfig& config = golden::config()) {
  auto model = golden::model(config);
  for (const char* name : {"ln_final.w", "ln_final.b"}) {
    if (model.parameters().contains(name)) model[name].fill(name[9] == 'w' ? 1.0 : 0.0);
  }
  return model;
}

TEST_CASE("Parts of the stream have the published attributions") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const LogitAttrsOptions difference_of{.tokens = 3, .incorrect_tokens = 5};
  const std::vector<double> expected{-0.5055910752, -0.09574291265, 0.7221864763,
                                     -0.4214314374, 0.4305941429,   0.9315158152};
  const auto everywhere = logit_attrs(model, cache, decompose_resid(model, cache), difference_of);
  REQUIRE(everywhere.shape() == Shape{6, 2, 8});
  const auto last =
      logit_attrs(model, cache, decompose_resid(model, cache, {.batch = {0}, .positions = {-1}}),
                  difference_of);
  REQUIRE(last.shape() == Shape{6, 1, 1});
  for (Index i = 0; i < 6; ++i) {
    CHECK(everywhere(i, 0, -1) == ten_digits(expected[size_t(i)]));
    CHECK(last(i, 0, 0) == ten_digits(expected[size_t(i)]));
  }
}

TEST_CASE("Attributions of all parts sum to the logit less its bias, in every model") {
  for (const auto& [name, config] : makes()) {
    const auto model = folded(config);
    const auto [logits, cache] = model.run_with_cache(golden::tokens());
    const double b_3 = model["unembed.b_U"](3), b_5 = model["unembed.b_U"](5);
    CAPTURE(name);
    for (const auto& stack : {decompose_resid(model, cache), full_resid_decomposition(model, cache),
                              stack_head_results(model, cache, {.incl_remainder = true})}) {
      CHECK(relative_error(sum(logit_attrs(model, cache, stack, {.tokens = 3}), 0),
                           logits.select(2, 3) - b_3) < 1e-13);
      CHECK(relative_error(
                sum(logit_attrs(model, cache, stack, {.tokens = 3, .incorrect_tokens = 5}), 0),
                logits.select(2, 3) - logits.select(2, 5) - (b_3 - b_5)) < 1e-13);
    }
    const auto streams = accumulated_resid(model, cache);
    CHECK(relative_error(logit_attrs(model, cache, streams, {.tokens = 3}).select(0, -1),
                         logits.select(2, 3) - b_3) < 1e-13);
  }
}

TEST_CASE("Tokens are one for all, one for each sequence or one for each place") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto stack = decompose_resid(model, cache);
  const auto of = [&](Token token) { return logit_attrs(model, cache, stack, {.tokens = token}); };

  const auto of_sequences =
      logit_attrs(model, cache, stack, {.tokens = Tensor<Token>({2}, {4, 9})});
  CHECK(relative_error(of_sequences.select(1, 0), of(4).select(1, 0)) < 1e-14);
  CHECK(relative_error(of_sequences.select(1, 1), of(9).select(1, 1)) < 1e-14);

  const auto tokens = golden::tokens();
  const auto of_places = logit_attrs(model, cache, stack, {.tokens = tokens});
  CHECK(of_places(2, 1, 3) == Approx(of(tokens(1, 3))(2, 1, 3)));
  CHECK(of_places(5, 0, 7) == Approx(of(tokens(0, 7))(5, 0, 7)));

  // Both sides may differ in that.
  const auto mixed = logit_attrs(
      model, cache, stack, {.tokens = tokens, .incorrect_tokens = Tensor<Token>({2}, {1, 8})});
  CHECK(mixed(3, 1, 2) == Approx(of(tokens(1, 2))(3, 1, 2) - of(8)(3, 1, 2)));
  CHECK(max_norm(logit_attrs(model, cache, stack, {.tokens = 7, .incorrect_tokens = 7})).item() ==
        0);

  // Without a batch axis a tensor is of positions.
  auto one = model.run_with_cache(tokens.select(0, 1)).cache;
  one.remove_batch_dim();
  const auto of_positions =
      logit_attrs(model, one, decompose_resid(model, one), {.tokens = tokens.select(0, 1)});
  REQUIRE(of_positions.shape() == Shape{6, 8});
  CHECK(of_positions(2, 3) == Approx(of_places(2, 1, 3)));
}

TEST_CASE("Attributions of chosen examples and positions are those of all") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto tokens = golden::tokens();
  const auto all = logit_attrs(model, cache, stack_head_results(model, cache), {.tokens = tokens});
  const auto some = logit_attrs(
      model, cache, stack_head_results(model, cache, {.batch = {1}, .positions = {4, 6}}),
      {.tokens = Tensor<Token>({1, 2}, {tokens(1, 4), tokens(1, 6)})});
  REQUIRE(some.shape() == Shape{4, 1, 2});
  CHECK(relative_error(some, all.slice(1, 1, 2).slice(2, 4, 7, 2)) < 1e-14);
}

TEST_CASE("A data set read at one position has its attributions, example by example") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto few = collect_at(model, tokens, 6, {"z0", "z1", "ln_final.hook_scale"}).cache;
  const auto stack = stack_head_results(model, few);
  REQUIRE(stack.values.shape() == Shape{4, 2, 8});  // [component, example, d_model]
  const auto cache = cache_of(model);
  const auto everywhere =
      logit_attrs(model, cache, stack_head_results(model, cache), {.tokens = tokens});
  CHECK(relative_error(logit_attrs(model, few, stack, {.tokens = tokens.select(1, 6)}),
                       everywhere.select(2, 6)) < 1e-14);
}

TEST_CASE("Attributions need nothing but the parts and the last scale") {
  const auto model = golden::model();
  const auto few = model
                       .run_with_cache(golden::tokens(),
                                       {.names = {"blocks.*.attn.hook_z", "ln_final.hook_scale"}})
                       .cache;
  const auto cache = cache_of(model);
  CHECK(relative_error(
            logit_attrs(model, few, stack_head_results(model, few), {.tokens = 2}),
            logit_attrs(model, cache, stack_head_results(model, cache), {.tokens = 2})) == 0);
}

TEST_CASE("Attribution says what is wrong") {
  TransformerConfig config = golden::config();
  config.d_vocab_out = 4;
  const auto model = golden::model(config);
  const auto cache = cache_of(model);
  const auto stack = decompose_resid(model, cache, {.positions = {7}});
  const auto throws = [&](const LogitAttrsOptions& options, const std::string& message) {
    CHECK_THROWS_WITH(logit_attrs(model, cache, stack, options), "logit_attrs: " + message);
  };
  throws({.tokens = 4}, "token 4 is outside the output vocabulary 0..3");
  throws({.tokens = -1}, "token -1 is outside the output vocabulary 0..3");
  throws({.tokens = 1, .incorrect_tokens = 4}, "token 4 is outside the output vocabulary 0..3");
  throws({.tokens = Tensor<Token>({8}, 1)},
         "the tokens are [8], they must be one or the first axes of [2, 1]");
  throws({.tokens = Tensor<Token>()},
         "the tokens are [0], they must be one or the first axes of [2, 1]");
  const auto normed = decompose_resid(model, cache, {.apply_ln = true});
  CHECK_THROWS_WITH(logit_attrs(model, cache, normed, {.tokens = 1}),
                    "logit_attrs: the stack has been through a norm already");
  CHECK_THROWS_WITH(logit_attrs(model, ActivationCache<double>(), stack, {.tokens = 1}),
                    "logit_attrs: the cache does not hold \"ln_final.hook_scale\": keep it by "
                    "run_with_cache's .names = {\"ln_final.hook_scale\"}");
}

}  // namespace
}  // namespace hooked
