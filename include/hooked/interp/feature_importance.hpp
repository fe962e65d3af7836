// The importance of features: how much a model's loss grows without each of them.
#pragma once

#include <vector>

#include "hooked/autograd/variable.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/nn/ablate_features.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/evaluate.hpp"
#include "hooked/train/objective.hpp"

namespace hooked {

/// [d_sae]: the loss over a set of probes with a feature ablated at `site` (ablate_features), minus
/// the clean loss, for each feature alone; by any objective over any set (Batch). A feature that is
/// off on all probes changes nothing: its 0 is not computed. Throws what evaluate throws.
template <class Network, Batch B, class O, Scalar T>
Tensor<double> feature_importance(const Model<Network>& model, const B& probes, const O& objective,
                                  const SiteSelector& site, const SparseAutoencoder<T>& sae) {
  const Index d_sae = sae.options().d_sae;
  std::vector<bool> is_on(static_cast<std::size_t>(d_sae), false);
  const Hook<T> watch(site, [&](Variable<T> x, const HookPoint&) {
    Pass<T> pass(sae.parameters(), x.tape());
    const Variable<T> f =
        sae.run_within(pass, [&] { return sae.network().encode(pass, x.detach()).acts; });
    const auto acts = f.value().array();
    for (Index j = 0; j < d_sae; ++j) {
      if ((acts.col(j) != T(0)).any()) is_on[static_cast<std::size_t>(j)] = true;
    }
    return x;
  });
  const double clean = evaluate(model, probes, objective, {watch}).loss;
  Tensor<double> importance({d_sae});
  for (Index j = 0; j < d_sae; ++j) {
    if (!is_on[static_cast<std::size_t>(j)]) continue;
    const auto ablated = ablate_features(site, sae, {j});
    importance(j) = evaluate(model, probes, objective, {ablated}).loss - clean;
  }
  return importance;
}

/// By the cross-entropy of a token model.
template <class Network, Scalar T>
Tensor<double> feature_importance(const Model<Network>& model, const Dataset& probes,
                                  const SiteSelector& site, const SparseAutoencoder<T>& sae) {
  return feature_importance(model, probes, CrossEntropyLoss{}, site, sae);
}

}  // namespace hooked
