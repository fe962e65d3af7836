// The proof of the story about the maximum: its circuits replaced by formulas in the running model.
#pragma once

#include <algorithm>
#include <vector>

#include "copying.hpp"
#include "hooked/core/softmax.hpp"
#include "lines.hpp"

namespace order_statistics {

/// The scores of "=" with those for numbers on the fitted lines, slope_h x + c_h, for all tuples:
/// [example, head, key]. That for "=" itself stays what the embeddings make it.
inline Tensor<float> scores_on_lines(const AtAnswers& at) {
  const hooked::LinearFits lines = lines_of_scores(at);
  const Index heads = at.model.config().n_heads;
  const View<const float> W_E = at.model["embed.W_E"], W_pos = at.model["pos_embed.W_pos"];
  const Tensor<float> equals =
      W_E.select(0, at.task.equals()) + W_pos.select(0, at.task.at_equals());
  const auto row = equals.view_as({1, equals.numel()});
  const Tensor<float> own = head_scores(at.model, at.layer, row, row);  // [head, 1, 1]
  Tensor<float> scores({at.plain.size(), heads, at.task.tokens()});
  for (Index i = 0; i < at.plain.size(); ++i) {
    for (Index h = 0; h < heads; ++h) {
      for (Index j = 0; j < at.task.length; ++j) {
        const double x = at.plain.tokens(i, j);
        scores(i, h, j) = static_cast<float>(lines.slopes(0, h) * x + lines.intercepts(h));
      }
      scores(i, h, at.task.length) = own(h, 0, 0);
    }
  }
  return scores;
}

/// A perfect copy: every head adds its attention [example, head, key] to the number that it looks
/// at, and the number with most of it is the answer. In percent.
inline double accuracy_of_votes(const AtAnswers& at, const Tensor<float>& pattern) {
  double right = 0.0;
  std::vector<double> votes(static_cast<std::size_t>(at.task.values));
  for (Index i = 0; i < at.plain.size(); ++i) {
    std::fill(votes.begin(), votes.end(), 0.0);
    for (Index j = 0; j < at.task.length; ++j) {
      double& vote = votes[static_cast<std::size_t>(at.plain.tokens(i, j))];
      for (Index h = 0; h < pattern.size(1); ++h) vote += static_cast<double>(pattern(i, h, j));
    }
    const auto said = std::max_element(votes.begin(), votes.end()) - votes.begin();
    right += said == at.plain.labels(i, 0) ? 1.0 : 0.0;
  }
  return 100.0 * right / static_cast<double>(at.plain.size());
}

/// In percent: the model whole; with its scores on lines; with perfect copies; with both.
inline void replaced_circuits(const AtAnswers& at, Report& report) {
  const Tensor<float> scores = scores_on_lines(at);
  const auto logits = logits_with(at.model, at.plain.tokens, at.task.at_equals(),
                                  at.site("attn.hook_attn_scores"), scores, at.threads);
  const Tensor<Index> said = hooked::argmax(logits, 1);
  double right = 0.0;
  for (Index i = 0; i < at.plain.size(); ++i) right += said(i) == at.plain.labels(i, 0) ? 1.0 : 0.0;
  const std::vector<double> accuracy{
      at.accuracy(at.plain, 0, {}), 100.0 * right / static_cast<double>(at.plain.size()),
      accuracy_of_votes(at, at.pattern_at(0)), accuracy_of_votes(at, hooked::softmax(scores))};
  const Rule high{{99.0, 100.0}, {95.0, 100.0}};
  report.add(judge({.claim = "circuits replaced: none, scores, copy, both",
                    .study_says = "the whole QK circuit can be represented ... linear equation",
                    .unit = "%",
                    .definition = "accuracy on 2,000 tuples of the model; with the scores of '=' "
                                  "on each head's fitted line in the running model; with its "
                                  "attention, but the number with most of it over all heads as the "
                                  "answer; with both"},
                   accuracy, {high, high, high, high}));
}

}  // namespace order_statistics
