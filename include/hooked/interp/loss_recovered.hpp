// Loss recovered: what of a model's loss is kept when an autoencoder stands in for an activation.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/tensor.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"
#include "hooked/nn/splice.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/evaluate.hpp"
#include "hooked/train/objective.hpp"

namespace hooked {

/// Losses of a model over a set, and what of the gap to an ablation an autoencoder closes:
/// (L_ablated - L_spliced) / (L_ablated - L_clean), 1 where it costs nothing, 0 where it does as
/// badly as the ablation, NaN where the ablation itself costs nothing.
struct LossRecovered {
  double clean = 0.0;         ///< as the model is
  double spliced = 0.0;       ///< with x' in place of x
  double zero_ablated = 0.0;  ///< with 0 in place of x
  double mean_ablated = 0.0;  ///< with the mean row of x over the set in place of x

  /// Of zero ablation (Bricken et al., 2023).
  double of_zero() const { return share(zero_ablated); }
  /// Of mean ablation, the harder one.
  double of_mean() const { return share(mean_ablated); }

 private:
  double share(double ablated) const {
    const double gap = ablated - clean;
    return gap != 0 ? (ablated - spliced) / gap : std::numeric_limits<double>::quiet_NaN();
  }
};

/// Loss recovered by `sae` at `site`, by any objective over any set (Batch); the site is any
/// selector whose activations are d_in wide. Throws what evaluate throws, ShapeError for
/// activations of another width.
template <class Network, Batch B, class O, Scalar T>
LossRecovered loss_recovered(const Model<Network>& model, const B& set, const O& objective,
                             const SiteSelector& site, const SparseAutoencoder<T>& sae) {
  Tensor<double> sum({sae.options().d_in});
  double rows = 0.0;
  const Hook<T> watch(site, [&](View<const T> x, const HookPoint& point) {
    if (x.size(-1) != sum.numel()) {
      fail<ShapeError>("loss_recovered: the activation at ", point.name(), " is ", x.shape(),
                       ", the autoencoder takes rows of ", sum.numel());
    }
    const auto X = x.array();
    for (Index i = 0; i < sum.numel(); ++i) sum(i) += X.col(i).template cast<double>().sum();
    rows += static_cast<double>(X.rows());
  });
  const auto loss = [&](const Hook<T>& hook) {
    return evaluate(model, set, objective, {hook}).loss;
  };
  LossRecovered found;
  found.clean = loss(watch);
  Tensor<T> mean({sum.numel()});
  for (Index i = 0; i < sum.numel(); ++i) mean(i) = static_cast<T>(sum(i) / rows);
  found.spliced = loss(splice(site, sae));
  found.zero_ablated = loss(zero(site));
  found.mean_ablated = loss(replace(site, mean));
  return found;
}

/// By the cross-entropy of a token model.
template <class Network, Scalar T>
LossRecovered loss_recovered(const Model<Network>& model, const Dataset& set,
                             const SiteSelector& site, const SparseAutoencoder<T>& sae) {
  return loss_recovered(model, set, CrossEntropyLoss{}, site, sae);
}

}  // namespace hooked
