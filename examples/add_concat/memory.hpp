// Features of the memory, which the encoder hands to the decoder: there the operation still is a
// token.
#pragma once

#include <array>
#include <string>

#include "ablation.hpp"
#include "front.hpp"
#include "hooked/nn/ablate_features.hpp"
#include "operation.hpp"
#include "reading.hpp"

namespace add_concat {

/// Where the decoder reads it: [item, prompt pos, d_model].
inline const std::string kMemory = "hook_memory";

/// The memory of items, a row for each token: [item * kPromptTokens, d_model].
inline Tensor<float> memory_of(const EncoderDecoder<float>& body, const Items& items, int threads) {
  const SequencePairs pairs = pairs_of(items);
  const auto cache =
      body.run_with_cache(pairs.input(), {.names = {kMemory}, .run = {.threads = threads}}).cache;
  const View<const float> memory = cache[kMemory];
  return Tensor<float>(memory.view_as({memory.size(0) * memory.size(1), memory.size(2)}));
}
/// That of each task's training items.
inline PerTask<Tensor<float>> learnt_memory(const Reading& at) {
  PerTask<Items> items;
  for (const Item& item : at.split.train) items[item.task].push_back(item);
  return {memory_of(at.body, items.add, at.threads),
          memory_of(at.body, items.concatenate, at.threads)};
}

/// The share of questions in which a feature is on at any token of `memory`: [d_sae].
inline Tensor<double> shares_on(const SparseAutoencoder<float>& sae, const Tensor<float>& memory,
                                int threads) {
  const Tensor<float> f = features_of(sae, memory, threads);
  const Index questions = f.size(0) / kPromptTokens;
  Tensor<double> shares({f.size(1)});
  for (Index q = 0; q < questions; ++q) {
    const auto on = f.slice(0, q * kPromptTokens, (q + 1) * kPromptTokens);
    for (Index j = 0; j < f.size(1); ++j) {
      if ((on.matrix().col(j).array() > 0.0f).any()) shares(j) += 1.0;
    }
  }
  shares.array() /= static_cast<double>(questions);
  return shares;
}

/// Features that are on in any question of the target, and in at most the share `most` of the other
/// task's.
inline Features exclusive_to(const PerTask<Tensor<double>>& shares, Task target, double most) {
  Features features;
  for (Index j = 0; j < shares.add.numel(); ++j) {
    if (shares[target](j) > 0 && shares[other(target)](j) <= most) features.push_back(j);
  }
  return features;
}

/// Of an autoencoder of the memory: for each task what ablating all features removes that are, in
/// the memory of the training items, exclusive to it, or nearly. A point for each share of the
/// other task's questions in which they may be on; sets only grow with it, so those of a size are
/// equal.
inline PerTask<std::vector<Removal>> points_of_memory(const Reading& at,
                                                      const SparseAutoencoder<float>& sae,
                                                      const PerTask<Tensor<float>>& learnt) {
  constexpr std::array<double, 3> kHardlyAny{0.0, 0.001, 0.01};
  const PerTask<Tensor<double>> shares{shares_on(sae, learnt.add, at.threads),
                                       shares_on(sae, learnt.concatenate, at.threads)};
  PerTask<std::vector<Removal>> points;
  for (const Task target : kTasks) {
    for (const double most : kHardlyAny) {
      const Features features = exclusive_to(shares, target, most);
      const auto count = static_cast<Index>(features.size());
      if (!points[target].empty() && points[target].back().features == count) continue;
      const PerTask<double> after =
          accuracies(at.body, at.validation, {hooked::ablate_features(kMemory, sae, features)});
      points[target].push_back(removal(at.validation, target, after));
      points[target].back().setting = most;
      points[target].back().features = count;
    }
  }
  return points;
}

}  // namespace add_concat
