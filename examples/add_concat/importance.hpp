// How much a feature matters to a task, and which features are removed to remove a task.
#pragma once

#include <cmath>
#include <vector>

#include "ablation.hpp"
#include "decoder_outputs.hpp"

namespace add_concat {

/// [d_sae]: the mean cross-entropy over all tokens of the answers with the feature ablated, minus
/// that without. `f` are the features of the outputs' h. As hooked::feature_importance, but without
/// a run of the model: ablated logits are z - f_k (W_dec W_U)[k].
inline Tensor<double> importance(const DecoderOutputs& of, const SparseAutoencoder<float>& sae,
                                 const Tensor<float>& f) {
  const Tensor<float> z = of.logits(of.h());
  Tensor<float> directions({f.size(1), z.size(1)});
  directions.matrix().noalias() = sae["W_dec"].matrix() * of.W_U().matrix();
  const auto clean = z.array();
  const auto along = directions.array();
  const auto acts = f.array();
  std::vector<double> before;
  for (Index row = 0; row < of.rows(); ++row) {
    before.push_back(cross_entropy(clean.row(row), of.labels()[static_cast<std::size_t>(row)]));
  }
  Tensor<double> grown({f.size(1)});
  hooked::ThreadPool(of.threads()).run(f.size(1), [&](Index k) {
    Eigen::Array<float, 1, Eigen::Dynamic> line(z.size(1));
    double sum = 0.0;
    for (Index row = 0; row < of.rows(); ++row) {
      if (acts(row, k) == 0.0f) continue;
      const auto r = static_cast<std::size_t>(row);
      line = clean.row(row) - acts(row, k) * along.row(k);
      sum += cross_entropy(line, of.labels()[r]) - before[r];
    }
    grown(k) = sum / static_cast<double>(of.rows());
  });
  return grown;
}

/// The importance of every feature for both tasks.
inline PerTask<Tensor<double>> importances(const PerTask<DecoderOutputs>& of,
                                           const SparseAutoencoder<float>& sae) {
  const auto one = [&](Task task) { return importance(of[task], sae, features_of(sae, of[task])); };
  return {one(Task::add), one(Task::concatenate)};
}

/// The features to ablate so that `target` goes and the other task stays, as the study chooses
/// them: those that matter to the target and not to the other task, and those that matter to that
/// one by less than `tolerance` and by less than to the target. Throws ConfigError for a tolerance
/// below 0.
inline Features selected(const PerTask<Tensor<double>>& importance, Task target, double tolerance) {
  if (!(tolerance >= 0)) {
    hooked::fail<hooked::ConfigError>("tolerance is ", tolerance, ": it must be at least 0");
  }
  Features features;
  for (Index k = 0; k < importance.add.numel(); ++k) {
    const double gone = importance[target](k), kept = importance[other(target)](k);
    if (gone > 0 && (kept <= 0 || (kept < tolerance && kept < gone))) features.push_back(k);
  }
  return features;
}

}  // namespace add_concat
