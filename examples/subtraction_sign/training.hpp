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
  std::uint64_t seed = 0;
  Index epochs = 0;  // 0: the preset's
  std::filesystem::path out;
  int threads = 0;
  bool resume = false;
};

/// Passes over the training pairs. docs/results/subtraction_sign.md says how they were chosen.
inline Index epochs_of(const Options& options) {
  if (options.epochs > 0) return options.epochs;
  return options.preset == "full" ? 2000 : 40;
}

/// 30% of the pairs, drawn at random, are for training.
inline hooked::Split training_split(const Dataset& all, hooked::Seed seed) {
  return hooked::split(all, 3 * kPairs / 10, seed);
}

/// AdamW, largest learning rate 5e-3, weight decay 0.2, batches of 256; the learning rate rises
/// from 1% of it over the first 5% of the steps and then falls along half a cosine. The loss is the
/// mean cross-entropy of the sign and the number.
inline hooked::TrainOptions train_options(const Options& options, const Dataset& all) {
  constexpr Index kBatch = 256, kEvaluations = 40;
  const Index steps_per_epoch = (3 * kPairs / 10 + kBatch - 1) / kBatch;
  const Index steps = epochs_of(options) * steps_per_epoch, warmup = steps / 20;
  return {.optimizer = hooked::AdamW{.lr = 5e-3, .weight_decay = 0.2},
          .schedule =
              hooked::Schedule::warmup(warmup, 0.01).then(hooked::Schedule::cosine(steps - warmup)),
          .epochs = epochs_of(options),
          .batch_size = kBatch,
          .positions = {kPositionEquals, kPositionSign},
          .validation = &all,
          .evaluate_every = std::max<Index>(1, steps / kEvaluations),
          .directory = options.out,
          .checkpoint_every = std::max<Index>(1, steps / 20),
          .resume = options.resume,
          .seed = {options.seed},
          .threads = options.threads};
}

/// What run.json says about a run that is done, so that it can be recognised.
inline nlohmann::ordered_json run_facts(const Options& options) {
  return {{"study", "subtraction_sign"},
          {"preset", options.preset},
          {"seed", options.seed},
          {"epochs", epochs_of(options)}};
}

/// Whether `out` holds the finished run that the options ask for.
/// Throws ConfigError when it holds another one, which nobody should overwrite by accident.
inline bool is_finished(const Options& options) {
  const auto path = options.out / "run.json";
  if (!std::filesystem::exists(path)) return false;
  const auto there = hooked::load_json(path);
  for (const auto& [key, value] : run_facts(options).items()) {
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
  Transformer<float> model(model_config(), hooked::Seed{options.seed});
  const hooked::Split parts = training_split(all, {options.seed});
  std::printf("training on %td of %td pairs for %td epochs\n", parts.train.size(), all.size(),
              epochs_of(options));
  const hooked::TrainResult result = train(model, parts.train, train_options(options, all));
  auto facts = run_facts(options);
  facts["steps"] = result.steps;
  facts["seconds"] = result.seconds;
  hooked::save_json(options.out / "run.json", facts);
  std::printf("%td steps in %.1f s\n", result.steps, result.seconds);
  return model;
}

}  // namespace subtraction
