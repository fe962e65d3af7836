// The logit lens: what the model would predict if the blocks from some layer on were not there.
#pragma once

#include <cstdio>

#include "hooked/interp/accumulated_resid.hpp"
#include "hooked/nn/transformer.hpp"
#include "predictions.hpp"

namespace inspect {

/// The stream before every block and at the end through ln_final and the unembedding
/// (nostalgebraist, "interpreting GPT: the logit lens", 2020): how well that predicts what follows,
/// and what it predicts at the last position of the first sequence.
inline void print_lens(const hooked::Transformer<float>& model,
                       const hooked::ActivationCache<float>& cache, const Tensor<Token>& tokens,
                       bool follows, const hooked::RunOptions& run) {
  const auto streams = hooked::accumulated_resid(model, cache);
  const Index end = model.config().n_layers;
  std::printf("\nlogit lens%s  at the end of sequence 0: token, logit, probability\n",
              follows ? "     loss      rank  right" : "");
  for (std::size_t i = 0; i < streams.labels.size(); ++i) {
    const View<const float> stream = streams.values.select(0, static_cast<Index>(i));
    const Tensor<float> logits = model.run_from_layer(end, stream, {}, run);
    std::printf("%-10s", streams.labels[i].c_str());
    if (follows) {
      const Fit fit = fit_of(logits, tokens);
      std::printf("%9.4f %9.1f %5.1f%%", fit.loss, fit.rank, 100 * fit.right);
    }
    print_top(Row(logits.select(0, 0).select(0, -1)), 1);
  }
}

}  // namespace inspect
