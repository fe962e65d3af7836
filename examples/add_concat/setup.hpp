// The model, the data, and how the one learns from the other.
#pragma once

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "../common/study.hpp"
#include "hooked/io/model.hpp"
#include "items.hpp"
#include "joint_loss.hpp"
#include "network.hpp"

namespace add_concat {

/// Models that are trained with an autoencoder, for the harness of studies.
struct Joint {
  using Model = JointModel;
  using Config = add_concat::Config;
  using Data = SequencePairs;

  static Model build(const Config& config, hooked::Seed seed) { return joint_model(config, seed); }
  static JointLoss objective(const Config& config) { return {config.alpha, config.lambda}; }
  /// The model of a folder that a run of this study left. Throws FormatError where its parameters
  /// are not those of a model of these choices.
  static Model load(const std::filesystem::path& folder, const Config& wanted) {
    Model model = build(wanted, {});
    hooked::load_safetensors(model, folder / "model.safetensors");
    return model;
  }
};
using Setup = study::SetupOf<Joint>;
using Subject = study::SubjectOf<Joint>;

/// A smaller model than the study's, which learns the same in fewer and smaller steps.
inline study::Choices choices() {
  return {{"d_model", 96, "width of the stream; four heads have a quarter of it each"},
          {"d_sae", 384, "features of the autoencoder"},
          {"architecture", "standard", "of the autoencoder", {"standard", "topk", "gated"}},
          {"k", 0, "features of a token, of topk alone"},
          {"alpha", 1.0, "weight of the reconstruction error in the loss"},
          {"lambda", 1e-3, "weight of the features' sum in the loss; topk has none"},
          {"epochs", 160, "of training, each on all 6,000 items"},
          {"batch_size", 256, "items a step"},
          {"lr", 3e-3, "AdamW's, at the beginning"},
          {"last_lr", 3e-5, "and at the end, on half a cosine"},
          {"weight_decay", 1.0, "AdamW's"}};
}

inline std::vector<study::Preset> presets() {
  return {{.name = "full", .help = "a smaller model than the study's"},
          {.name = "study",
           .help = "as the study, an hour on two cores",
           .values = {{"d_model", 256},
                      {"d_sae", 1024},
                      {"epochs", 1000},
                      {"batch_size", 512},
                      {"lr", 1e-3},
                      {"last_lr", 1e-3}}},
          {.name = "quick",
           .help = "over a minute on two cores",
           .values = {{"epochs", 80}, {"lr", 4e-3}, {"last_lr", 4e-5}},
           .warning = "`quick` trains for 80 epochs, at a larger rate."}};
}

namespace detail {

/// Throws ConfigError unless a choice is at least `least`.
inline void check_least(const study::Choices& choose, const char* name, double least) {
  if (choose[name] >= least) return;
  hooked::fail<hooked::ConfigError>(name, " is ", choose[name], ", it must be at least ", least);
}

inline hooked::SparseAutoencoderOptions autoencoder_options(const study::Choices& choose) {
  hooked::SparseAutoencoderOptions sae{.d_in = choose.count("d_model"),
                                       .d_sae = choose.count("d_sae")};
  const std::string& word = choose.word("architecture");
  const Index k = choose.count("k");
  if (word == "topk") {
    sae.architecture = hooked::SaeArchitecture::topk;
    if (k < 1 || k > sae.d_sae) {
      hooked::fail<hooked::ConfigError>("k is ", k, ", of topk it must be from 1 to d_sae, ",
                                        sae.d_sae);
    }
    sae.k = k;
    if (choose["lambda"] != 0) {
      hooked::fail<hooked::ConfigError>("lambda is ", choose["lambda"],
                                        ", but topk has k in its place: it must be 0");
    }
    return sae;
  }
  if (k != 0) {
    hooked::fail<hooked::ConfigError>("k is ", k, ", but only topk has one: it must be 0");
  }
  if (word == "gated") sae.architecture = hooked::SaeArchitecture::gated;
  return sae;
}

}  // namespace detail

constexpr Index kHeads = 4;
constexpr Index kEvaluateEvery = 5;  // epochs; the best of these is kept
constexpr Index kWatched = 4000;     // validation items of these evaluations

/// One encoder and one decoder block, norms after each part, learned positions (the study does not
/// say; sinusoidal ones learn more slowly). Setup::part.test are all validation
/// items; Setup::all, which the best model is chosen by, the first of them. Throws ConfigError for
/// what cannot be.
inline Setup setup(const study::Choices& choose, hooked::Seed seed) {
  for (const char* name : {"d_sae", "epochs", "batch_size"}) detail::check_least(choose, name, 1);
  for (const char* name : {"alpha", "lambda", "weight_decay", "k"}) {
    detail::check_least(choose, name, 0);
  }
  const Index d_model = choose.count("d_model"), batch_size = choose.count("batch_size");
  if (d_model < kHeads || d_model % kHeads != 0) {
    hooked::fail<hooked::ConfigError>("d_model is ", d_model, ", it must be a multiple of ", kHeads,
                                      ": there are four heads");
  }
  const double lr = choose["lr"], last_lr = choose["last_lr"];
  if (!(lr > 0 && last_lr > 0)) {
    hooked::fail<hooked::ConfigError>("lr is ", lr, " and last_lr is ", last_lr,
                                      ", both must be above 0");
  }
  const ItemSplit items = split_items(seed);
  Setup s;
  s.part = {pairs_of(items.train), pairs_of(items.validation)};
  if (batch_size > s.part.train.size()) {
    hooked::fail<hooked::ConfigError>("batch_size is ", batch_size,
                                      ", it must be at most the number of training items, ",
                                      s.part.train.size());
  }
  std::vector<Index> watched(kWatched);
  std::iota(watched.begin(), watched.end(), Index{0});
  s.all = hooked::subset(s.part.test, watched);
  s.model = {
      .body = {.d_model = d_model, .n_heads = kHeads, .d_vocab = kVocabulary, .n_ctx = kLength},
      .sae = detail::autoencoder_options(choose),
      .alpha = choose["alpha"],
      .lambda = choose["lambda"]};
  const Index epochs = choose.count("epochs");
  const Index epoch = (s.part.train.size() + batch_size - 1) / batch_size;
  s.training = {.optimizer = hooked::AdamW{.lr = lr, .weight_decay = choose["weight_decay"]},
                .schedule = hooked::Schedule::cosine(epochs * epoch, last_lr / lr),
                .epochs = epochs,
                .batch_size = batch_size,
                .evaluate_every = kEvaluateEvery * epoch,
                .keep_best = true};
  if (Joint::objective(s.model).reads_features()) s.training.activations = {kSite};
  return s;
}

}  // namespace add_concat
