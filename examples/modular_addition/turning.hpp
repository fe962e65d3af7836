// A causal test of what W_E's key frequencies mean: turned, x is another number to the model.
#pragma once

#include "ablations.hpp"
#include "hooked/hooks/edits.hpp"

namespace addition {

/// For which share of all pairs the model says of (x, y) what is right for (x + d, y), and for
/// which what is right for (x, y), when x's embedding is row x of `rows` [p, d_model] instead.
struct Answers {
  double moved = 0.0, stayed = 0.0;
};
inline Answers answers_with(const AtEquals& at, const Tensor<double>& rows, Index d) {
  Answers answers;
  const auto pairs = static_cast<double>(at.p * at.p);
  for (Index x = 0; x < at.p; ++x) {
    const auto turned =
        hooked::replace(kEmbed, cast<float>(rows.select(0, x)), {.positions = {kPositionX}});
    const auto logits =
        at.model.run_with_hooks(at.tokens.slice(0, at.p * x, at.p * (x + 1)), {turned},
                                {.positions = {kPositionEquals}, .threads = at.threads});
    const Tensor<Index> likeliest = argmax(logits.select(1, 0), 1);
    for (Index y = 0; y < at.p; ++y) {
      answers.moved += likeliest(y) == at.labels(at.p * ((x + d) % at.p) + y, 0) ? 1.0 : 0.0;
      answers.stayed += likeliest(y) == at.labels(at.p * x + y, 0) ? 1.0 : 0.0;
    }
  }
  return {answers.moved / pairs, answers.stayed / pairs};
}

/// W_E's rows with their waves of some frequencies from the number d further on:
/// W(x) - W_k(x) + W_k(x + d).
inline Tensor<double> turned_by(const Tensor<double>& W, const std::vector<Index>& frequencies,
                                Index d) {
  const Tensor<double> waves = keep_frequencies(W, 0, frequencies);
  Tensor<double> turned = W - waves;
  for (Index x = 0; x < W.size(0); ++x) {
    turned.select(0, x).array() += waves.select(0, (x + d) % W.size(0)).array();
  }
  return turned;
}

inline void turned_embedding(const AtEquals& at, Report& report) {
  const Tensor<double> W = embedding(at.model);
  const Index d = std::max<Index>(1, at.p / 3);
  const Answers by_key = answers_with(at, turned_by(W, at.key, d), d);
  double stayed = 0.0;
  for (const std::vector<Index>& others : other_frequencies(at)) {
    stayed += answers_with(at, turned_by(W, others, d), d).stayed / 5.0;
  }
  report.add(judge({.claim = "x's key frequencies turned by d: answer of x + d; as many others "
                             "turned: answer of x",
                    .unit = "%",
                    .definition = "the embedding of x is that of x, with its waves of the key "
                                  "frequencies from x + d, d = p / 3, so that all other waves are "
                                  "those of x: share of all pairs for which the likeliest answer "
                                  "is that of (x + d, y); with the waves of as many other "
                                  "frequencies from x + d, the mean of five draws: share of the "
                                  "pairs that get the answer of (x, y)"},
                   {100.0 * by_key.moved, 100.0 * stayed},
                   {{{98.0, 100.0}, {80.0, 100.0}}, {{98.0, 100.0}, {80.0, 100.0}}}));
}

}  // namespace addition
