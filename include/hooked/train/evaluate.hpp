// evaluate: loss and accuracy of a model over a whole data set.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/thread_pool.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/nn/network.hpp"
#include "hooked/nn/transformer.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/evaluation.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/objective.hpp"
#include "hooked/train/ranks.hpp"
#include "hooked/train/trained_model.hpp"

namespace hooked {

namespace detail {

/// Runs the examples in fixed chunks, spread over the pool and over `ranks`; the result depends on
/// neither, and all ranks get it. With hooks, one thread of rank 0 does it all.
template <Scalar T>
Evaluation evaluate(const Together<T>& models, const Evaluated<T>& set, ThreadPool& pool,
                    const std::vector<SiteSelector>& activations, const std::vector<Hook<T>>& hooks,
                    const Ranks& ranks);

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

/// The same over any other LabelledBatch.
template <class Network, LabelledBatch B>
Evaluation evaluate(const Model<Network>& model, const B& set,
                    const std::vector<Hook<typename Model<Network>::T>>& hooks = {},
                    const EvaluateOptions& options = {}) {
  return evaluate(model, set, CrossEntropyLoss{}, hooks, options);
}

#ifdef HOOKED_COMPILED
namespace detail {
extern template Evaluation evaluate(const Together<float>&, const Evaluated<float>&, ThreadPool&,
                                    const std::vector<SiteSelector>&,
                                    const std::vector<Hook<float>>&, const Ranks&);
extern template Evaluation evaluate(const Together<double>&, const Evaluated<double>&, ThreadPool&,
                                    const std::vector<SiteSelector>&,
                                    const std::vector<Hook<double>>&, const Ranks&);
}  // namespace detail
extern template Evaluation evaluate(const Model<TransformerNetwork<float>>&, const Dataset&,
                                    const std::vector<Hook<float>>&, const EvaluateOptions&);
extern template Evaluation evaluate(const Model<TransformerNetwork<double>>&, const Dataset&,
                                    const std::vector<Hook<double>>&, const EvaluateOptions&);
#endif

}  // namespace hooked

#ifndef HOOKED_COMPILED
#include "hooked/train/evaluating.hpp"
#endif
