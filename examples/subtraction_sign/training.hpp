// The model and how it is trained; a run that is done is loaded instead.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "hooked/io/json.hpp"
#include "hooked/train/train.hpp"
#include "task.hpp"

namespace subtraction {

using hooked::Transformer;

/// The study's model: one layer, four heads, no layer norm, biases, ReLU.
inline hooked::TransformerConfig model_config() {
  return {.n_layers = 1,
          .d_model = 128,
          .n_ctx = kLength,
          .n_heads = 4,
          .d_head = 32,
          .d_mlp = 512,
          .d_vocab = kVocabulary,
          .act_fn = hooked::Activation::relu,
          .normalization = hooked::Normalization::none};
}

/// What the command line asks for. One seed draws weights, training pairs and their order.
struct Options {
  std::string preset = "quick";
  std::int64_t seed = 0;
  Index epochs = 0;  // 0: the preset's
  std::filesystem::path out;
  int threads = 0;
  bool resume = false;
};

inline hooked::Seed seed_of(const Options& options) {
  return {static_cast<std::uint64_t>(options.seed)};
}

/// How long a preset trains and on how many of the pairs. `full` has the study's 30% of the pairs,
/// which takes long to generalise; `quick` sees 60% and gets there in a fraction of the steps.
/// docs/results/subtraction_sign.md says how the epochs were chosen.
struct Preset {
  Index epochs, training_pairs;
};
inline Preset preset_of(const Options& options) {
  Preset preset =
      options.preset == "full" ? Preset{2000, 3 * kPairs / 10} : Preset{50, 6 * kPairs / 10};
  if (options.epochs > 0) preset.epochs = options.epochs;
  return preset;
}

/// The training pairs are drawn at random; the rest is for testing.
inline hooked::Split<Dataset> training_split(const Dataset& all, const Options& options) {
  return hooked::split(all, preset_of(options).training_pairs, seed_of(options));
}

/// AdamW, largest learning rate 5e-3, weight decay 0.2, batches of 256; the learning rate rises
/// from 1% of it over the first 5% of the steps and then falls along half a cosine. The loss is the
/// mean cross-entropy of the sign and the number.
inline hooked::TrainOptions train_options(const Options& options, const Dataset& all) {
  constexpr Index kBatch = 256, kEvaluations = 25;
  const auto [epochs, training_pairs] = preset_of(options);
  const Index steps = epochs * ((training_pairs + kBatch - 1) / kBatch), warmup = steps / 20;
  return {.optimizer = hooked::AdamW{.lr = 5e-3, .weight_decay = 0.2},
          .schedule =
              hooked::Schedule::warmup(warmup, 0.01).then(hooked::Schedule::cosine(steps - warmup)),
          .epochs = epochs,
          .batch_size = kBatch,
          .validation = &all,
          .evaluate_every = std::max<Index>(1, steps / kEvaluations),
          .directory = options.out,
          .checkpoint_every = std::max<Index>(1, steps / 20),
          .resume = options.resume,
          .seed = seed_of(options),
          .threads = options.threads};
}

/// What run.json says about a run that is done, so that it can be recognised.
inline nlohmann::ordered_json run_facts(const Options& options) {
  return {{"study", "subtraction_sign"},
          {"preset", options.preset},
          {"seed", options.seed},
          {"epochs", preset_of(options).epochs}};
}

/// Whether `out` holds the finished run that the options ask for.
/// Throws ConfigError when it holds another one, which nobody should overwrite by accident.
inline bool is_finished(const Options& options) {
  const auto path = options.out / "run.json";
  if (!std::filesystem::exists(path)) return false;
  const auto there = hooked::load_json(path);
  const auto wanted = run_facts(options);
  for (const auto& [key, value] : wanted.items()) {
    const auto found = there.find(key);
    if (found != there.end() && found->dump() == value.dump()) continue;
    hooked::fail<hooked::ConfigError>(options.out.string(), " holds another run: its ", key, " is ",
                                      found == there.end() ? "missing" : found->dump(),
                                      ", asked for is ", value.dump(),
                                      "; choose another --out, or remove it");
  }
  return true;
}

/// The trained model; `out` then holds config.json, model.safetensors, metrics.csv and run.json.
inline Transformer<float> train_or_load(const Options& options, const Dataset& all) {
  if (is_finished(options)) {
    std::printf("%s holds this run already: loading it\n", options.out.c_str());
    return hooked::load_model<float>(options.out);
  }
  Transformer<float> model(model_config(), seed_of(options));
  const auto parts = training_split(all, options);
  std::printf("training on %td of %td pairs for %td epochs\n", parts.train.size(), all.size(),
              preset_of(options).epochs);
  const hooked::TrainResult result = train(model, parts.train, train_options(options, all));
  auto facts = run_facts(options);
  facts["steps"] = result.steps;
  facts["seconds"] = result.seconds;
  hooked::save_json(options.out / "run.json", facts);
  std::printf("%td steps in %.1f s\n", result.steps, result.seconds);
  return model;
}

}  // namespace subtraction
