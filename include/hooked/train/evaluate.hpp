// evaluate: loss and accuracy of a model over a whole data set.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "hooked/train/lanes.hpp"

namespace hooked {

/// Means over all examples, for each position where labels are given.
struct Evaluation {
  double loss = 0.0;                     // nats, over all labels that count
  double accuracy = 0.0;                 // of the likeliest token, over all labels that count
  std::vector<double> loss_at = {};      // [label position]
  std::vector<double> accuracy_at = {};  // [label position]
};

/// Runs the examples in fixed chunks, spread over the pool; the result does not depend on its size.
/// `positions` as in Pass: where the labels stand (empty: all). Hooks of the model act.
template <Scalar T>
Evaluation evaluate(const Transformer<T>& model, const Dataset& data,
                    const std::vector<Token>& positions, ThreadPool& pool,
                    std::vector<Hook<T>> hooks = {}) {
  constexpr Index kChunk = 512;
  const Index chunks = (data.size() + kChunk - 1) / kChunk, width = data.labels.size(1);
  struct Sums {
    std::vector<double> loss, right, counted;
  };
  const auto zeros = std::vector<double>(static_cast<std::size_t>(width), 0.0);
  std::vector<Sums> sums(static_cast<std::size_t>(chunks), {zeros, zeros, zeros});
  const auto work = [&](Index c) {
    const Index first = c * kChunk, last = std::min(first + kChunk, data.size());
    Pass<T> pass(model.parameters());
    HookPlan<T> plan = model.plan(hooks);
    pass.begin({.gradients = false, .positions = positions}, &plan);
    const auto logits = model.forward(pass, data.tokens.slice(0, first, last));
    const View<const Token> labels = data.labels.slice(0, first, last);
    const auto losses = record<CrossEntropy>({labels.data()}, logits);
    plan.check_all_fired();
    Sums& sum = sums[static_cast<std::size_t>(c)];
    const auto rows = logits.value().matrix();
    for (Index r = 0; r < rows.rows(); ++r) {
      const Token label = labels.data()[r];
      if (label == CrossEntropy::kIgnored) continue;
      Index likeliest = 0;
      rows.row(r).maxCoeff(&likeliest);
      const auto at = static_cast<std::size_t>(r % width);
      sum.loss[at] += static_cast<double>(losses.value().data()[r]);
      sum.right[at] += likeliest == label ? 1.0 : 0.0;
      sum.counted[at] += 1.0;
    }
  };
  if (hooks.empty() && model.n_hooks() == 0) {
    pool.run(chunks, work);
  } else {
    for (Index c = 0; c < chunks; ++c) work(c);
  }

  Evaluation result{.loss_at = zeros, .accuracy_at = zeros};
  double counted = 0.0;
  for (std::size_t at = 0; at < zeros.size(); ++at) {
    double loss = 0.0, right = 0.0, here = 0.0;
    for (const Sums& sum : sums) {
      loss += sum.loss[at], right += sum.right[at], here += sum.counted[at];
    }
    result.loss += loss, result.accuracy += right, counted += here;
    result.loss_at[at] = here > 0 ? loss / here : 0.0;
    result.accuracy_at[at] = here > 0 ? right / here : 0.0;
  }
  if (counted > 0) result.loss /= counted, result.accuracy /= counted;
  return result;
}

}  // namespace hooked
