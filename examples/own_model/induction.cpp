// Two attention-only layers on random sequences that repeat after a random number of tokens, drawn
// fresh at every step: which heads attend from a token to what followed it the last time?
#include <hooked/hooked.hpp>
#include <iostream>

#include "task.hpp"

using namespace hooked;

constexpr Index kVocabulary = 24, kLength = 24;

// Random tokens, the last 5 to 12 of which come again: positions alone do not tell where to look.
Dataset repeated(Random random, Index examples) {
  Dataset data{Tensor<Token>({examples, kLength}),
               Tensor<Token>({examples, kLength}, CrossEntropy::kIgnored)};
  for (Index i = 0; i < examples; ++i) {
    const Index period = 5 + random.below(8), again = kLength - period;
    for (Index p = 0; p < kLength; ++p) {
      data.tokens(i, p) =
          p < again ? static_cast<Token>(random.below(kVocabulary)) : data.tokens(i, p - period);
      if (p > again) data.labels(i, p - 1) = data.tokens(i, p);
    }
  }
  return data;
}

// [layer, head]: mean attention from tokens that come again to the one after their first.
Tensor<double> induction_scores(const Transformer<float>& model, const Dataset& data) {
  const auto cache = model.run_with_cache(data.tokens, {.names = {"*.hook_pattern"}}).cache;
  Tensor<double> scores({2, 4});
  double counted = 0;
  for (Index i = 0; i < data.size(); ++i) {
    Index period = 1;
    while (data.labels(i, kLength - 1 - period) != CrossEntropy::kIgnored) ++period;
    for (Index p = kLength - period; p < kLength; ++p, ++counted)
      for (int n = 0; n < 8; ++n)
        scores(n / 4, n % 4) += cache.at("pattern", n / 4)(i, n % 4, p, p - period + 1);
  }
  return (1.0 / counted) * scores;
}

int main(int argc, char** argv) {
  const auto ranks = Ranks::world();
  TransformerConfig config{.n_layers = 2, .d_model = 64, .n_ctx = kLength, .d_head = 16};
  config.d_vocab = kVocabulary;
  config.attn_only = true;
  config.init_mode = InitMode::muP;  // with small embeddings, layer 0 spreads over several tokens
  Transformer<float> model(config, Seed{0});
  const Dataset held_out = repeated(Random(Seed{1}), 100);
  const double before = max(induction_scores(model, held_out)).item();
  TrainOptions options = options_of(argc, argv, ranks);
  options.epochs = 0;
  options.steps = 800;
  train(model, draw(repeated), options);
  const Tensor<double> scores = induction_scores(model, held_out), best = max(scores, 1);
  std::cout << "loss " << evaluate(model, held_out).loss << ", induction scores " << scores
            << "\nbefore training at most " << before << "\n";
  return best(1) > 0.5 && best(1) > best(0) && before < 0.15 ? 0 : 1;
}
