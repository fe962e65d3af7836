// Is a removed ability gone, or hidden? How much of it a short training brings back.
#pragma once

#include "ablation.hpp"
#include "decoder_outputs.hpp"
#include "hooked/nn/ablate_features.hpp"
#include "hooked/train/train.hpp"

namespace add_concat {

constexpr Index kRelearningSteps = 100;

/// Accuracies: of the removed task before anything, with its features ablated, and after training
/// on it with them ablated still; what the other task has then; and what the same training makes of
/// a model that begins with nothing.
struct Relearning {
  double before = 0.0, ablated = 0.0, returned = 0.0, kept = 0.0, from_nothing = 0.0;
};

/// Trains the whole body on the target's items, AdamW, a hundred steps of 128 items, while the
/// features stay ablated. `learnt` are the items to learn from, of `judged` all is measured.
inline Relearning relearn(const EncoderDecoder<float>& body, const SparseAutoencoder<float>& sae,
                          const Features& features, Task target, const Items& learnt,
                          const PerTask<Items>& judged, hooked::Seed seed, int threads) {
  Items of_target;
  for (const Item& item : learnt) {
    if (item.task == target) of_target.push_back(item);
  }
  const hooked::SequencePairs pairs = pairs_of(of_target);
  const auto taught = [&](EncoderDecoder<float>& model) {
    hooked::train(model, pairs,
                  {.optimizer = hooked::AdamW{.lr = 3e-4, .weight_decay = 1.0},
                   .steps = kRelearningSteps,
                   .batch_size = std::min<Index>(128, pairs.size()),
                   .progress = false,
                   .seed = seed,
                   .threads = threads});
  };
  const auto accuracy = [&](const EncoderDecoder<float>& model, Task task) {
    return DecoderOutputs(model, judged[task], threads).clean().accuracy();
  };
  Relearning found;
  found.before = accuracy(body, target);
  EncoderDecoder<float> model = body;
  model.add_hook(hooked::ablate_features(kSite, sae, features));
  found.ablated = accuracy(model, target);
  taught(model);
  found.returned = accuracy(model, target);
  found.kept = accuracy(model, other(target));
  EncoderDecoder<float> untrained(body.config(), seed);
  taught(untrained);
  found.from_nothing = accuracy(untrained, target);
  return found;
}

}  // namespace add_concat
