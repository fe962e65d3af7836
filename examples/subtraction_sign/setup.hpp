// The study's model and how it is trained.
#pragma once

#include <cmath>
#include <vector>

#include "../common/study.hpp"
#include "task.hpp"

namespace subtraction {

/// What the study does not say, with our values. The fraction, the weight decay and the optimiser
/// are those of its author's post before it ("first steps"); the epochs are ours.
inline study::Choices choices() {
  return {{"epochs", 2000, "passes over the training pairs"},
          {"training_fraction", 0.3, "of the 10,000 pairs"},
          {"weight_decay", 0.2, "AdamW's"},
          {"beta2", 0.999, "AdamW's"},
          {"initial_scale", 1.0, "times the usual standard deviation of initial weights"},
          {"sign_weight", 0.5, "of the sign in the loss; the number has the rest"}};
}

/// `quick` sees 60% of the pairs, and predicts the sign well after a fraction of the steps.
inline std::vector<study::Preset> presets() {
  return {{.name = "quick",
           .help = "under two minutes",
           .values = {{"epochs", 50}, {"training_fraction", 0.6}},
           .warning = "`quick` trains for 50 epochs, to see that all works. Its models predict the "
                      "sign, but not\nby the study's algorithm, which forms in long training: for "
                      "that, use --preset full."},
          {.name = "full", .help = "as the study, as far as it is known"}};
}

/// One layer, four heads, no layer norm, biases, ReLU. AdamW with a largest learning rate of 5e-3
/// and batches of 256; the learning rate rises from 1% of it over the first 5% of the steps and
/// then falls along half a cosine.
inline study::Setup setup(const study::Choices& choose, hooked::Seed seed) {
  study::Setup s;
  s.model = {.n_layers = 1,
             .d_model = 128,
             .n_ctx = kLength,
             .n_heads = 4,
             .d_head = 32,
             .d_mlp = 512,
             .d_vocab = kVocabulary,
             .act_fn = hooked::Activation::relu,
             .normalization = hooked::Normalization::none};
  s.all = all_pairs();
  const double scale = choose["initial_scale"];
  if (!(scale > 0)) {
    hooked::fail<hooked::ConfigError>("initial_scale is ", scale, ", it must be above 0");
  }
  s.model.initializer_range = scale * s.model.resolved().initializer_range;
  const double sign = choose["sign_weight"], fraction = choose["training_fraction"];
  if (!(sign > 0 && sign < 1)) {
    hooked::fail<hooked::ConfigError>("sign_weight is ", sign, ", it must be between 0 and 1");
  }
  if (!(fraction > 0 && fraction < 1)) {
    hooked::fail<hooked::ConfigError>("training_fraction is ", fraction,
                                      ", it must be between 0 and 1");
  }
  const auto training = static_cast<Index>(std::llround(fraction * kPairs));
  if (training < 1 || training >= kPairs) {
    hooked::fail<hooked::ConfigError>("training_fraction is ", fraction, ": of the ", kPairs,
                                      " pairs some must be for training and some for testing");
  }
  s.part = hooked::split(s.all, training, seed);
  if (sign != 0.5) {
    s.part.train.weights = Tensor<float>({s.part.train.size(), 2});
    for (Index i = 0; i < s.part.train.size(); ++i) {
      s.part.train.weights(i, 0) = static_cast<float>(2.0 * sign);
      s.part.train.weights(i, 1) = static_cast<float>(2.0 - 2.0 * sign);
    }
  }
  constexpr Index kBatch = 256;
  const Index epochs = choose.count("epochs");
  const Index steps = epochs * ((s.part.train.size() + kBatch - 1) / kBatch), warmup = steps / 20;
  s.training = {
      .optimizer =
          hooked::AdamW{
              .lr = 5e-3, .weight_decay = choose["weight_decay"], .betas = {0.9, choose["beta2"]}},
      .schedule =
          hooked::Schedule::warmup(warmup, 0.01).then(hooked::Schedule::cosine(steps - warmup)),
      .epochs = epochs,
      .batch_size = kBatch};
  return s;
}

}  // namespace subtraction
