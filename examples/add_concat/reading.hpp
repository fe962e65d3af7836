// What every analysis reads: a model, its autoencoder, items, and the decoder's outputs for them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hooked/report/report.hpp"
#include "probes.hpp"
#include "tolerance_sweep.hpp"

namespace add_concat {

using hooked::Claim;
using hooked::Figure;
using hooked::judge;
using hooked::Report;
using hooked::Rule;

constexpr Index kLearntFrom = 1000;  // training items of each task by which features are chosen

/// The first training items of each task.
inline PerTask<Items> first_learnt(const ItemSplit& split) {
  PerTask<Items> first;
  for (const Item& item : split.train) {
    if (static_cast<Index>(first[item.task].size()) < kLearntFrom) first[item.task].push_back(item);
  }
  return first;
}

/// A model with its autoencoder, which both must outlive this.
struct Reading {
  const EncoderDecoder<float>& body;
  const SparseAutoencoder<float>& sae;
  ItemSplit split;
  double lambda;  // of the training
  int threads;

  PerTask<DecoderOutputs> validation;   // all validation items
  PerTask<DecoderOutputs> probes;       // the study's
  PerTask<DecoderOutputs> learnt_from;  // of the training items, answered exactly
  Judged on_validation, on_probes, on_learnt;

  Reading(const EncoderDecoder<float>& model, const SparseAutoencoder<float>& autoencoder,
          ItemSplit items, double lambda_of_training, int n_threads)
      : body(model),
        sae(autoencoder),
        split(std::move(items)),
        lambda(lambda_of_training),
        threads(n_threads),
        validation(outputs_of(body, split.validation, threads)),
        probes(answered(body, draw_probes(split, kProbes, {0}), threads)),
        learnt_from(answered(body, first_learnt(split), threads)),
        on_validation(validation, sae),
        on_probes(probes, sae),
        on_learnt(learnt_from, sae) {}
  /// The same outputs, read by another autoencoder of the same body.
  Reading(const Reading& at, const SparseAutoencoder<float>& autoencoder)
      : body(at.body),
        sae(autoencoder),
        split(at.split),
        lambda(at.lambda),
        threads(at.threads),
        validation(at.validation),
        probes(at.probes),
        learnt_from(at.learnt_from),
        on_validation(validation, sae),
        on_probes(probes, sae),
        on_learnt(learnt_from, sae) {}
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
};

inline double percent(double share) { return 100.0 * share; }

}  // namespace add_concat
