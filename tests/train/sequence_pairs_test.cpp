// Encoder-decoders learn pairs of sequences.
#include "hooked/train/sequence_pairs.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/nn/encoder_decoder.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/train/train.hpp"
#include "io/scratch.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;
using scratch::error_of;

constexpr Token kPadding = 0, kBegin = 1, kEnd = 2;

/// Strings of one to five of four letters, padded to `length`, and the same strings backwards.
SequencePairs reversed(Random random, Index examples, Index length = 6) {
  Tensor<Token> source({examples, length}, kPadding), text({examples, length + 2}, kPadding);
  for (Index i = 0; i < examples; ++i) {
    const Index letters = 1 + random.below(5);
    text(i, 0) = kBegin, text(i, letters + 1) = kEnd;
    for (Index p = 0; p < letters; ++p) {
      source(i, p) = text(i, letters - p) = static_cast<Token>(3 + random.below(4));
    }
  }
  return sequence_pairs(source, text, kPadding);
}
const EncoderDecoderConfig kSmall{.d_model = 32, .n_heads = 4, .d_vocab = 7, .n_ctx = 10};

TEST_CASE("Texts become targets and labels, one shifted from the other, without their padding") {
  const auto pairs = sequence_pairs(Tensor<Token>({2, 3}, {5, 6, 0, 4, 0, 0}),
                                    Tensor<Token>({2, 4}, {1, 6, 5, 2, 1, 4, 2, 0}), 0);
  CHECK(to_vector(pairs.target) == std::vector<Token>{1, 6, 5, 1, 4, 2});
  CHECK(to_vector(pairs.labels) == std::vector<Token>{6, 5, 2, 4, 2, CrossEntropy::kIgnored});
  CHECK(to_vector(pairs.source_mask) == std::vector<std::uint8_t>{1, 1, 0, 1, 0, 0});
  CHECK(to_vector(pairs.target_mask) == std::vector<std::uint8_t>{1, 1, 1, 1, 1, 0});
  CHECK(error_of<ShapeError>([] {
          (void)sequence_pairs({}, Tensor<Token>({2, 1}), 0);
        }) ==
        "sequence_pairs: texts are [2, 1], they must be [examples, length] with at least two "
        "tokens");
}

TEST_CASE("An encoder-decoder learns to reverse every string") {
  const auto [train_set, test_set] = split(reversed(Random(Seed{3}), 400), 300, Seed{0});
  EncoderDecoder<float> model(kSmall, Seed{1});
  const auto result = train(model, train_set,
                            {.optimizer = AdamW{.lr = 3e-3},
                             .epochs = 60,
                             .batch_size = 50,
                             .validation = &test_set,
                             .progress = false});
  CHECK(result.evaluation->accuracy == 1.0);
  CHECK(result.evaluation->loss < 0.05);
  CHECK(evaluate(model, test_set).loss == result.evaluation->loss);
  CHECK(evaluate(model, test_set, {zero("hook_memory")}).accuracy < 0.6);
  const Tensor<Token> begin({test_set.size(), 1}, kBegin);
  const auto said = generate(model, test_set.source, begin,
                             {.max_new_tokens = 7,
                              .do_sample = false,
                              .eos_token = kEnd,
                              .attention_mask = test_set.source_mask});
  Index wrong = 0;
  const Tensor<Token>& labels = test_set.labels;
  for_each_element(labels.view(), [&](Index i, const Token& label) {
    const Index at = i % labels.size(1) + 1;
    if (label == CrossEntropy::kIgnored) return;
    wrong += at < said.size(1) && said(i / labels.size(1), at) == label ? 0 : 1;
  });
  CHECK(wrong == 0);
}

TEST_CASE("More padding, other threads and other slices change no step") {
  const auto weights_after = [](const SequencePairs& pairs, int lanes, int threads) {
    EncoderDecoder<double> model(kSmall, Seed{1});
    train(model, pairs,
          {.steps = 5, .batch_size = 40, .progress = false, .lanes = lanes, .threads = threads});
    return model.parameters().slab();
  };
  const auto pairs = reversed(Random(Seed{5}), 80), padded = reversed(Random(Seed{5}), 80, 8);
  const auto one = weights_after(pairs, 4, 1);
  CHECK(testing::bit_difference(weights_after(pairs, 4, 2), one) == "");
  CHECK(max_norm(weights_after(pairs, 3, 1) - one).item() < 1e-9);
  CHECK(max_norm(weights_after(padded, 4, 1) - one).item() < 1e-9);
}

TEST_CASE("An objective reads what the decoder hands to the unembedding") {
  const auto pairs = reversed(Random(Seed{5}), 60);
  EncoderDecoder<float> model(kSmall, Seed{1});
  const std::string site = "unembed.hook_in";
  const auto mean_square = [&] {
    const auto cache = model.run_with_cache(pairs.input(), {.names = {site}}).cache;
    return mean(cache[site] * cache[site]).item();
  };
  const auto before = mean_square();
  const Objective objective{
      [&](Pass<float>& pass, const SequencePairs& batch) {
        const auto logits = model.forward(pass, batch.input());
        const auto h = pass.activation(site);
        CHECK(h.shape() == Shape{batch.size(), 7, 32});
        return sum(CrossEntropyLoss{}.losses(logits, batch)) + 0.1 * sum(h * h);
      },
      [](const SequencePairs& batch) { return CrossEntropyLoss{}.divisor(batch); }};
  train(model, pairs, objective,
        {.optimizer = AdamW{.lr = 1e-2},
         .steps = 30,
         .activations = {site},
         .progress = false,
         .lanes = 1});
  CHECK(mean_square() < 0.5 * before);
}

TEST_CASE("Pairs may be drawn fresh, and count as much as their weights say") {
  EncoderDecoder<float> model(kSmall, Seed{1});
  const auto result =
      train(model, draw([](Random& random, Index examples) { return reversed(random, examples); }),
            {.steps = 3, .batch_size = 16, .progress = false});
  CHECK(result.steps == 3);
  SequencePairs pairs = reversed(Random(Seed{2}), 2);
  const auto loss_of = [&](Index i) {
    return evaluate(model, subset(pairs, std::vector<Index>{i})).loss;
  };
  const double first = loss_of(0), second = loss_of(1);
  CHECK(first != second);
  pairs.weights = Tensor<float>({2}, {1.0f, 0.0f});
  CHECK(evaluate(model, pairs).loss == Approx(first).epsilon(1e-6));
}

TEST_CASE("Pairs that do not fit themselves or the model are refused") {
  EncoderDecoder<float> model(kSmall, Seed{1});
  const auto error = [&](auto change) {
    SequencePairs pairs = reversed(Random(Seed{1}), 8);
    change(pairs);
    return error_of<ShapeError>([&] { train(model, pairs, {.steps = 1, .progress = false}); });
  };
  using P = SequencePairs;
  const std::string what = "train: the training set";
  CHECK(error([](P& p) { p = {}; }) == what + " is empty");
  CHECK_THAT(error([](P& p) {
               p.target = Tensor<Token>({9, 7}, 1);
             }),
             ContainsSubstring("has parts [8, 6] and [9, 7]"));
  CHECK(error([](P& p) { p.source(2, 1) = 7; }) ==
        what + ": the source: token 7 at [2, 1] is outside the vocabulary 0..6");
  CHECK(error([](P& p) { p.target(2, 0) = -1; }) ==
        what + ": the target: token -1 at [2, 0] is outside the vocabulary 0..6");
  CHECK(error([](P& p) { p.labels(2, 0) = 7; }) ==
        what + " has label 7 at [2, 0], outside the vocabulary 0..6");
  CHECK(error([](P& p) {
          p.labels = Tensor<Token>({8, 6});
        }) ==
        what +
            " has targets [8, 7] and labels [8, 6]: there must be a label for each target token");
  CHECK(error([](P& p) {
          p.source = Tensor<Token>({8, 11}, 3), p.source_mask = {};
        }) == what + ": the source: tokens are [8, 11]: sequences of 11 are longer than n_ctx 10");
  CHECK(error([](P& p) { p.source_mask.array().row(3) = 0; }) ==
        what + ": source 3 is all padding: there is nothing to read");
  CHECK_THAT(error([](P& p) {
               p.source_mask = Tensor<std::uint8_t>({8, 5}, 1);
             }),
             ContainsSubstring("the mask of the source is [8, 5]"));
  CHECK_THAT(error([](P& p) {
               p.weights = Tensor<float>({8, 3});
             }),
             ContainsSubstring("has weights [8, 3]"));
  CHECK_THAT(error([](P& p) { p.weights = Tensor<float>({8}, -1); }),
             ContainsSubstring("it must be >= 0"));
}

}  // namespace
}  // namespace hooked
