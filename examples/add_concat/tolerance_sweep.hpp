// The study's ablation over tolerances.
#pragma once

#include <cmath>
#include <vector>

#include "front.hpp"
#include "importance.hpp"

namespace add_concat {

/// Tolerances in nats a token: 0, and then from 10^-4 to 10, three to a decade.
inline std::vector<double> tolerances() {
  std::vector<double> all{0.0};
  for (int step = -12; step <= 3; ++step) all.push_back(std::pow(10.0, step / 3.0));
  return all;
}

/// Items, and what an autoencoder sees in them: what ablations are judged on.
struct Judged {
  const PerTask<DecoderOutputs>& outputs;
  const SparseAutoencoder<float>& sae;
  PerTask<Tensor<float>> f;

  Judged(const PerTask<DecoderOutputs>& of, const SparseAutoencoder<float>& by)
      : outputs(of), sae(by), f{features_of(by, of.add), features_of(by, of.concatenate)} {}

  /// What ablating these features at once does.
  Removal without(Task target, const Features& features) const {
    Removal found = removal(outputs, target, [&](Task task) {
      const auto left = [&](Index first, Index last) {
        return add_concat::without(sae, outputs[task].h().slice(0, first, last),
                                   f[task].slice(0, first, last), features);
      };
      return outputs[task].answers_of(left).accuracy();
    });
    found.features = static_cast<Index>(features.size());
    return found;
  }
};

/// One point for each tolerance at which the selection is another than at the one before.
inline std::vector<Removal> tolerance_sweep(const Judged& judged,
                                            const PerTask<Tensor<double>>& importance,
                                            Task target) {
  std::vector<Removal> points;
  for (const double tolerance : tolerances()) {
    const Features features = selected(importance, target, tolerance);
    const auto count = static_cast<Index>(features.size());
    if (!points.empty() && points.back().features == count) continue;  // selections only grow
    points.push_back(judged.without(target, features));
    points.back().setting = tolerance;
  }
  return points;
}

}  // namespace add_concat
