// Two attention-only layers on repeated random sequences, drawn fresh at every step: which heads
// attend from a token to what followed it the last time?
#include <hooked/hooked.hpp>
#include <iostream>

#include "task.hpp"

using namespace hooked;

constexpr Index kVocabulary = 24, kHalf = 10, kLength = 2 * kHalf;

// Random tokens, and then the same again; the next token counts where it can be known.
Dataset repeated(Random& random, Index examples) {
  Dataset data{Tensor<Token>({examples, kLength}),
               Tensor<Token>({examples, kLength}, CrossEntropy::kIgnored)};
  for (Index i = 0; i < examples; ++i) {
    for (Index p = 0; p < kLength; ++p) {
      data.tokens(i, p) =
          p < kHalf ? static_cast<Token>(random.below(kVocabulary)) : data.tokens(i, p - kHalf);
      if (p > kHalf) data.labels(i, p - 1) = data.tokens(i, p);
    }
  }
  return data;
}

// [layer, head]: mean attention from the second half to the token after the first occurrence.
Tensor<double> induction_scores(const Transformer<float>& model, const Dataset& data) {
  const auto cache =
      model.run_with_cache(data.tokens, {.names = {"blocks.*.attn.hook_pattern"}}).cache;
  Tensor<double> scores({2, 4});
  for (int layer = 0; layer < 2; ++layer) {
    const Tensor<float> pattern = mean(cache.at("pattern", layer), 0);  // [head, query, key]
    for (Index head = 0; head < 4; ++head) {
      for (Index p = kHalf; p < kLength; ++p)
        scores(layer, head) += pattern(head, p, p - kHalf + 1) / kHalf;
    }
  }
  return scores;
}

int main(int argc, char** argv) {
  const auto ranks = Ranks::world();
  TransformerConfig config{
      .n_layers = 2, .d_model = 64, .n_ctx = kLength, .d_head = 16, .d_vocab = kVocabulary};
  config.attn_only = true;
  Transformer<float> model(config, Seed{0});
  Random random(Seed{1});
  const Dataset held_out = repeated(random, 100);
  const double before = max(induction_scores(model, held_out)).item();
  TrainOptions options = options_of(argc, argv, ranks);
  options.epochs = 0;
  options.steps = 1500;
  options.batch_size = 64;
  train(model, draw(repeated), options);
  const Tensor<double> scores = induction_scores(model, held_out);
  std::cout << "loss " << evaluate(model, held_out).loss << ", induction scores " << scores
            << "\nbefore training at most " << before << "\n";
  return max(scores).item() > 0.5 && before < 0.2 ? 0 : 1;
}
