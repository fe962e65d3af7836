// evaluate: loss and accuracy of a model over a whole data set.
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/cuts.hpp"
#include "hooked/core/thread_pool.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/lane.hpp"
#include "hooked/train/ranks.hpp"

namespace hooked {

/// Means over all examples and, for token models, for each position where labels are given.
struct Evaluation {
  double loss = 0.0;  // of the objective: of token models in nats, over all labels that count
  /// Of the likeliest token, over all labels that count; NaN for an objective without labels.
  double accuracy = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> loss_at = {};      // [label position]
  std::vector<double> accuracy_at = {};  // [label position]
};

namespace detail {

/// Runs the examples in fixed chunks, spread over the pool and over `ranks`; the result depends on
/// neither, and all ranks get it. With hooks, one thread of rank 0 does it all.
template <Scalar T>
Evaluation evaluate(const Together<T>& models, const Evaluated<T>& set, ThreadPool& pool,
                    const std::vector<SiteSelector>& activations, const std::vector<Hook<T>>& hooks,
                    const Ranks& ranks) {
  const Cuts chunks = Cuts::of(set.examples(), 512);
  const Index width = set.width();
  const bool serial = !hooks.empty() || models.have_hooks();
  const Shares shares =
      ranks.share(chunks.parts() * 3 * width, (serial ? chunks.parts() : 1) * 3 * width);
  Tensor<double> sums({chunks.parts(), 3, width});  // losses, right ones, counted ones
  const auto work = [&](Index c, Bound<T>& bound, Share<T>& share) {
    share.load(chunks.begin(c), chunks.end(c));
    bound.begin({.gradients = false, .positions = share.positions()});
    share.measure(bound.pass(), sums.data() + c * 3 * width);
    for (std::size_t i = 0; i < bound.size(); ++i) bound.plan(i).check_all_fired();
  };
  ranks.agree([&] {
    const Index first = shares.begin() / (3 * width), count = shares.count() / (3 * width);
    // Each part has memory of its own and takes one chunk after the other.
    const Cuts parts = Cuts::into(count, serial ? 1 : std::min<Index>(count, 4 * pool.size()));
    pool.run(parts.parts(), [&](Index i) {
      Bound<T> bound(models, activations);
      for (const Hook<T>& hook : hooks) bound.plan(0).add(hook);
      const auto share = set.share();
      for (Index c = parts.begin(i); c < parts.end(i); ++c) work(first + c, bound, *share);
    });
  });
  ranks.gather(sums.data(), shares);

  const auto zeros = std::vector<double>(static_cast<std::size_t>(width), 0.0);
  Evaluation result{.loss_at = zeros, .accuracy_at = zeros};
  double counted = 0.0, all_right = 0.0;
  for (Index at = 0; at < width; ++at) {
    double loss = 0.0, right = 0.0, here = 0.0;
    for (Index c = 0; c < chunks.parts(); ++c) {
      loss += sums(c, 0, at), right += sums(c, 1, at), here += sums(c, 2, at);
    }
    result.loss += loss, all_right += right, counted += here;
    const auto i = static_cast<std::size_t>(at);
    result.loss_at[i] = here > 0 ? loss / here : 0.0;
    result.accuracy_at[i] = here > 0 ? right / here : 0.0;
  }
  if (counted > 0) result.loss /= counted, all_right /= counted;
  if (set.has_accuracy()) {
    result.accuracy = all_right;
  } else {
    result.loss_at = result.accuracy_at = {};
  }
  return result;
}

}  // namespace detail

/// What an evaluation may be told.
struct EvaluateOptions {
  int threads = 0;               // 0: all processors; changes nothing but time
  const Ranks* ranks = nullptr;  // who evaluates together; null: this process alone
};

/// Loss and accuracy of `objective` over a set (any Batch). Hooks of the model act, and `hooks`
/// after them; then one thread does it all. The result depends on no number of threads or ranks.
/// Throws ShapeError when the data does not fit the model.
template <class Network, Batch B, class O>
requires(!std::convertible_to<const O&, std::vector<Hook<typename Model<Network>::T>>>) Evaluation
    evaluate(const Model<Network>& model, const B& set, const O& objective,
             const std::vector<Hook<typename Model<Network>::T>>& hooks = {},
             const EvaluateOptions& options = {}) {
  using T = typename Model<Network>::T;
  const Together<T> models({frozen("model", model)});
  const Ranks& ranks = options.ranks != nullptr ? *options.ranks : Ranks::alone();
  std::unique_ptr<Evaluated<T>> evaluated;
  ranks.agree([&] {
    evaluated = std::make_unique<detail::EvaluatedOf<T, Model<Network>, B, O>>(
        model, set, objective, "evaluate: the data set");
  });
  Evaluation result;
  model.workspace().with_threads(ranks.threads(options.threads), [&](ThreadPool& pool) {
    result = detail::evaluate(models, *evaluated, pool, {}, hooks, ranks);
  });
  return result;
}

/// Cross-entropy and accuracy of a token model:
/// `evaluate(model, test_set, {zero("blocks.0.hook_attn_out")})`.
template <class Network>
Evaluation evaluate(const Model<Network>& model, const Dataset& set,
                    const std::vector<Hook<typename Model<Network>::T>>& hooks = {},
                    const EvaluateOptions& options = {}) {
  return evaluate(model, set, CrossEntropyLoss{}, hooks, options);
}

}  // namespace hooked
