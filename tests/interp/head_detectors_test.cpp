// Which heads look as kinds of heads do.
#include "hooked/interp/head_detectors.hpp"

#include "hooked/interp/attention_by.hpp"
#include "hooked/testing/bits.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

void check(const Tensor<double>& x, const std::vector<double>& expected) {
  REQUIRE(x.shape() == Shape{2, 2});
  for (Index i = 0; i < 4; ++i) CHECK(x.data()[i] == ten_digits(expected[size_t(i)]));
}

TEST_CASE("Kinds of heads look where their definitions say") {
  const Tensor<Token> tokens({5}, {1, 2, 1, 1, 2});
  const auto is = [](const Tensor<double>& D, const std::vector<double>& expected) {
    CHECK(to_vector(D) == expected);
  };
  is(detection_matrix(HeadKind::previous_token, tokens), {0, 0, 0, 0, 0,  //
                                                          1, 0, 0, 0, 0,  //
                                                          0, 1, 0, 0, 0,  //
                                                          0, 0, 1, 0, 0,  //
                                                          0, 0, 0, 1, 0});
  is(detection_matrix(HeadKind::duplicate_token, tokens), {0, 0, 0, 0, 0,  //
                                                           0, 0, 0, 0, 0,  //
                                                           1, 0, 0, 0, 0,  //
                                                           1, 0, 1, 0, 0,  //
                                                           0, 1, 0, 0, 0});
  // Behind each earlier appearance; behind the one just before it, that is the token itself.
  is(detection_matrix(HeadKind::induction, tokens), {0, 0, 0, 0, 0,  //
                                                     0, 0, 0, 0, 0,  //
                                                     0, 1, 0, 0, 0,  //
                                                     0, 1, 0, 1, 0,  //
                                                     0, 0, 1, 0, 0});
  CHECK_THROWS_WITH(detection_matrix(HeadKind::induction, golden::tokens()),
                    "detection_matrix: the tokens are [2, 8], they must be [pos]");
}

TEST_CASE("Detectors give the published scores") {
  const auto model = golden::model();
  const Tensor<Token> row(golden::tokens().select(0, 0));
  check(detect_head(model, row, HeadKind::previous_token),
        {0.1095336227, 0.2123651148, 0.2606596055, 0.2733192976});
  check(detect_head(model, row, HeadKind::previous_token, {.error_measure = ErrorMeasure::abs}),
        {-0.656, -0.45, -0.354, -0.328});
  check(detect_head(model, row, HeadKind::induction),
        {0.1417152293, 0.09862514687, 0.02807922683, 0.0408697969});
  check(detect_head(model, row, HeadKind::induction, {.error_measure = ErrorMeasure::abs}),
        {-0.217, -0.303, -0.444, -0.418});
  check(detect_head(model, row, HeadKind::previous_token,
                    {.exclude_bos = true, .exclude_current_token = true}),
        {0.1485226078, 0.1855914945, 0.3556823867, 0.4250972625});
}

TEST_CASE("A batch gives the mean over its sequences, with every option") {  // D17
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  for (const auto measure : {ErrorMeasure::mul, ErrorMeasure::abs}) {
    for (const bool exclude : {false, true}) {
      const DetectHeadOptions options{.heads = {{{.layer = 0, .head = 1}, {.layer = 1, .head = 0}}},
                                      .exclude_bos = exclude,
                                      .exclude_current_token = exclude,
                                      .error_measure = measure};
      const auto both = detect_head(model, tokens, HeadKind::duplicate_token, options);
      const auto first =
          detect_head(model, tokens.select(0, 0), HeadKind::duplicate_token, options);
      const auto second =
          detect_head(model, tokens.select(0, 1), HeadKind::duplicate_token, options);
      REQUIRE(both.shape() == Shape{2, 2});
      CHECK(both(0, 0) == -1);
      CHECK(both(1, 1) == -1);
      CHECK(both(0, 1) == Approx((first(0, 1) + second(0, 1)) / 2).epsilon(1e-14));
      CHECK(both(1, 0) == Approx((first(1, 0) + second(1, 0)) / 2).epsilon(1e-14));
      CHECK(first(0, 1) != second(0, 1));
    }
  }
}

TEST_CASE("A cache serves as well as the model, and keeps its patterns") {  // D17
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto cache = cache_of(model);
  const DetectHeadOptions options{.exclude_bos = true, .exclude_current_token = true};
  const auto from_cache = detect_head(cache, tokens, HeadKind::induction, options);
  CHECK(testing::bit_difference(from_cache,
                                detect_head(model, tokens, HeadKind::induction, options)) == "");
  CHECK(testing::bit_difference(cache["pattern0"], cache_of(model)["pattern0"]) == "");
}

TEST_CASE("A head that does what is looked for scores 1") {
  ActivationCache<float> cache;
  const Tensor<Token> tokens({1, 4}, {5, 3, 5, 3});
  Tensor<float> pattern({1, 2, 4, 4});
  for (Index i = 0; i < 4; ++i) {
    pattern(0, 0, i, std::max<Index>(i - 1, 0)) = 1;  // the token before; the first one itself
    pattern(0, 1, i, 0) = 1;                          // always the first
  }
  cache.insert("blocks.0.attn.hook_pattern", pattern);
  CHECK(detect_head(cache, tokens, HeadKind::previous_token)(0, 0) == 0.75);
  CHECK(detect_head(cache, tokens, HeadKind::previous_token, {.exclude_current_token = true})(
            0, 0) == 1);
  // |A - D| is 1 at the first token's own place.
  CHECK(detect_head(cache, tokens, HeadKind::previous_token, {.error_measure = ErrorMeasure::abs})(
            0, 0) == 0.75);
  // Where nothing counts, nothing is found.
  CHECK(detect_head(cache, tokens, HeadKind::previous_token, {.exclude_bos = true})(0, 1) == 0);
}

TEST_CASE("A matrix of one's own is looked for in every sequence") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  Tensor<double> first({8, 8});
  for (Index i = 0; i < 8; ++i) first(i, 0) = 1;
  const auto scores = detect_head(model, tokens, first);
  const auto cache = cache_of(model);
  for (Index l = 0; l < 2; ++l) {
    for (Index h = 0; h < 2; ++h) {
      const auto to_first =
          cache.at("pattern", int(l)).select(1, h).select(2, 0);  // [batch, query]
      CHECK(scores(l, h) == Approx(mean(to_first).item()).epsilon(1e-14));
    }
  }
  first(2, 5) = 0.5;
  CHECK_THROWS_WITH(detect_head(model, tokens, first),
                    "detect_head: the matrix is 0.5 at [2, 5], above its diagonal it must be 0");
  CHECK_THROWS_WITH(detect_head(model, tokens, Tensor<double>({7, 7})),
                    "detect_head: the matrix is [7, 7], the sequences have 8 positions");
}

TEST_CASE("A sequence as long as the model's context is looked at, one of a single token is not") {
  const auto model = golden::model();
  CHECK(detect_head(model, Tensor<Token>({12}, 3), HeadKind::induction).numel() == 4);
  CHECK_THROWS_WITH(
      detect_head(model, Tensor<Token>({1}, 3), HeadKind::induction),
      "detect_head: the tokens are [1, 1], they must be [batch, pos] with two positions at least");
}

TEST_CASE("Detecting says what is wrong") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto throws = [&](const DetectHeadOptions& options, const std::string& message) {
    CHECK_THROWS_WITH(detect_head(model, tokens, HeadKind::induction, options),
                      "detect_head: " + message);
  };
  throws({.heads = {{{.layer = 2, .head = 0}}}},
         "there is no head 0 of layer 2, the patterns are of [2, 2] [layer, head]");
  throws({.heads = {{{.layer = 0, .head = -1}}}},
         "there is no head -1 of layer 0, the patterns are of [2, 2] [layer, head]");
  throws({.heads = std::vector<HeadNumber>{}}, "heads: none are chosen");
  CHECK_THROWS_WITH(
      detect_head(cache_of(model), tokens.slice(1, 0, 7), HeadKind::induction),
      "detect_head: the tokens are [2, 7], the patterns are [2, 2, 2, 8, 8]: [layer, batch, head, "
      "query, key]");
  CHECK_THROWS_AS(detect_head(ActivationCache<double>(), tokens, HeadKind::induction), NameError);
}

}  // namespace
}  // namespace hooked
