// The study's model and how it is trained: Nanda et al., "Progress measures for grokking via
// mechanistic interpretability" (2023), which the study replicates.
#pragma once

#include <cmath>
#include <vector>

#include "../common/study.hpp"
#include "task.hpp"

namespace addition {

/// The values are those of Nanda et al.; 25,000 steps are those of their public demo, whose window
/// of grokking is the study's.
inline study::Choices choices() {
  return {
      {"p", 113, "numbers are 0 to p - 1; any number from 3 to 512, prime or not"},
      {"operation", "add", "what is to be predicted, modulo p", kOperations},
      {"training_fraction", 0.3, "of the p^2 pairs"},
      {"steps", 25000, "of training, each on all training pairs"},
      {"lr", 1e-3, "AdamW's"},
      {"weight_decay", 1.0, "AdamW's"},
      {"d_model", 128, "width; four heads have a quarter of it each, the MLP has four times it"}};
}

inline std::vector<study::Preset> presets() {
  return {
      {.name = "full", .help = "as Nanda et al."},
      {.name = "quick",
       .help = "under two minutes",
       .values = {{"p", 53}, {"training_fraction", 0.5}, {"steps", 4000}},
       .warning = "`quick` adds modulo 53, from half of the pairs: it groks within 3,000 steps, so "
                  "that steps\nand phases are not the study's. For these, use --preset full."}};
}

/// How many of the p^2 pairs are trained on. Throws ConfigError where none would be left to train
/// on, or to test with.
inline Index training_pairs(double fraction, Index pairs) {
  const auto training = fraction > 0 && fraction < 1
                            ? static_cast<Index>(std::floor(fraction * static_cast<double>(pairs)))
                            : 0;
  if (training < 1 || training >= pairs) {
    hooked::fail<hooked::ConfigError>("training_fraction is ", fraction,
                                      ", it must be between 0 and 1, and of the ", pairs,
                                      " pairs some must be for training and some for testing");
  }
  return training;
}

/// One layer, four heads, ReLU, no norm, and biases that stay 0; weights are drawn with standard
/// deviation 1 / sqrt(d_model), the unembedding's too (theirs: 1 / sqrt(p + 1)). AdamW with betas
/// 0.9 and 0.98 and a learning rate that rises over the first 10 steps.
inline study::Setup setup(const study::Choices& choose, hooked::Seed seed) {
  const Index p = choose.count("p"), d_model = choose.count("d_model");
  if (p < 3 || p > 512) {
    hooked::fail<hooked::ConfigError>("p is ", p, ", it must be from 3 to 512");
  }
  if (d_model < 4 || d_model % 4 != 0) {
    hooked::fail<hooked::ConfigError>("d_model is ", d_model,
                                      ", it must be a multiple of 4: there are four heads");
  }
  study::Setup s;
  s.model = {.n_layers = 1,
             .d_model = d_model,
             .n_ctx = kLength,
             .n_heads = 4,
             .d_head = d_model / 4,
             .d_mlp = 4 * d_model,
             .d_vocab = p + 1,
             .d_vocab_out = p,
             .act_fn = hooked::Activation::relu,
             .normalization = hooked::Normalization::none,
             .initializer_range = 1.0 / std::sqrt(static_cast<double>(d_model)),
             .freeze_biases = true};
  s.all = all_pairs(choose.word("operation"), p);
  s.part = hooked::split(s.all, training_pairs(choose["training_fraction"], s.all.size()), seed);
  s.training = {.optimizer = hooked::AdamW{.lr = choose["lr"],
                                           .weight_decay = choose["weight_decay"],
                                           .betas = {0.9, 0.98}},
                .schedule = hooked::Schedule::warmup(10, 0.0),
                .steps = choose.count("steps")};
  return s;
}

}  // namespace addition
