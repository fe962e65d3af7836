// What a sweep's JSON file says, and the runs that it asks for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hooked/io/config_json.hpp"
#include "hooked/train/options.hpp"
#include "tasks.hpp"

namespace sweep {

using hooked::ConfigError;
using hooked::fail;
using hooked::FormatError;
using json = nlohmann::ordered_json;

/// The settings of one run: {"model": {...}, "task": {...}, "training": {...}}, and its seed, which
/// draws weights, training examples and their order.
struct Run {
  Index number;
  json settings;
  std::vector<json> varied;  // the values of the grid's keys
  std::uint64_t seed;
};

struct Sweep {
  std::vector<std::string> keys;  // of the grid: "training.lr"
  std::vector<Run> runs;
};

/// The keys of each section; those of a model are the keys of config.json.
inline const std::vector<std::pair<std::string, std::vector<std::string>>>& sections() {
  static const auto all = [] {
    std::vector<std::string> model{"freeze_biases"};
    const auto config = hooked::config_to_json({});
    for (const auto& [key, value] : config.items()) model.push_back(key);
    return std::vector<std::pair<std::string, std::vector<std::string>>>{
        {"model", model},
        {"task", {"name", "p", "k", "train_fraction"}},
        {"training",
         {"steps", "epochs", "batch_size", "lr", "weight_decay", "betas", "evaluate_every"}}};
  }();
  return all;
}

/// Throws FormatError when `value` is no object, ConfigError for a key that is not among `known`.
inline void check_keys(const json& value, const std::vector<std::string>& known,
                       const std::string& label) {
  if (!value.is_object()) fail<FormatError>(label, " must be an object, found ", value.dump());
  for (const auto& [key, ignored] : value.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    fail<ConfigError>(label, ": there is no \"", key,
                      "\"; the nearest are: ", hooked::nearest_names(key, known));
  }
}

/// Reads {"base": {SECTION: {KEY: VALUE}}, "grid": {"SECTION.KEY": [VALUE, ...]}, "seeds": [0]}.
/// Only the shape and the keys are judged: a value may be a mistake of one run alone. Runs differ
/// in the grid's last key in the file first, and in the seed before that.
inline Sweep read_sweep(const json& file, const std::string& label) {
  check_keys(file, {"base", "grid", "seeds"}, label);
  json base = file.value("base", json::object());
  std::vector<std::string> names, settings;
  for (const auto& [section, keys] : sections()) {
    names.push_back(section);
    for (const auto& key : keys) settings.push_back(section + "." + key);
  }
  check_keys(base, names, label + ": base");
  for (const auto& [section, keys] : sections()) {
    if (!base.contains(section)) base[section] = json::object();
    check_keys(base[section], keys, label + ": base: " + section);
  }
  const json grid = file.value("grid", json::object());
  check_keys(grid, settings, label + ": grid");
  const json seeds = file.value("seeds", json::array({0U}));
  const auto is_seed = [](const json& seed) { return seed.is_number_unsigned(); };
  if (!seeds.is_array() || seeds.empty() || !std::all_of(seeds.begin(), seeds.end(), is_seed)) {
    fail<FormatError>(label, ": seeds must be a list of whole numbers from 0, found ",
                      seeds.dump());
  }

  Sweep sweep;
  std::vector<Run> settled{{0, base, {}, 0}};
  for (const auto& [key, values] : grid.items()) {
    if (!values.is_array() || values.empty()) {
      fail<FormatError>(label, ": grid: \"", key, "\" must be a list of values, found ",
                        values.dump());
    }
    sweep.keys.push_back(key);
    const auto dot = key.find('.');
    std::vector<Run> more;
    for (const Run& run : settled) {
      for (const json& value : values) {
        more.push_back(run);
        more.back().settings[key.substr(0, dot)][key.substr(dot + 1)] = value;
        more.back().varied.push_back(value);
      }
    }
    settled = std::move(more);
  }
  for (const Run& run : settled) {
    for (const json& seed : seeds) {
      sweep.runs.push_back(run);
      sweep.runs.back().number = static_cast<Index>(sweep.runs.size()) - 1;
      sweep.runs.back().seed = seed.get<std::uint64_t>();
    }
  }
  return sweep;
}

/// Puts the value of a key into `field`, if there is one. Throws FormatError for another type.
template <class Value>
void read(const json& settings, const std::string& section, const std::string& key, Value& field) {
  const auto& values = settings.at(section);
  const auto found = values.find(key);
  if (found == values.end()) return;
  bool fits = false;
  if constexpr (std::is_same_v<Value, std::string>) {
    fits = found->is_string();
  } else if constexpr (std::is_same_v<Value, Index>) {
    fits = found->is_number_integer();
  } else if constexpr (std::is_same_v<Value, double>) {
    fits = found->is_number();
  } else {
    fits = found->is_array() && found->size() == field.size() &&
           std::all_of(found->begin(), found->end(), [](const json& x) { return x.is_number(); });
  }
  if (!fits) {
    fail<FormatError>(section, ".", key, " is ", found->dump(), ", which is of the wrong type");
  }
  field = found->get<Value>();
}

inline TaskSettings task_settings(const json& settings) {
  TaskSettings task;
  read(settings, "task", "name", task.name);
  read(settings, "task", "p", task.p);
  read(settings, "task", "k", task.k);
  read(settings, "task", "train_fraction", task.train_fraction);
  return task;
}

/// The model's config; what depends on the task comes from there unless it is given.
inline hooked::TransformerConfig model_config(const json& settings, const Task& task) {
  json model = settings.at("model");
  const std::pair<const char*, Index> derived[] = {{"n_ctx", task.all.tokens.size(1)},
                                                   {"d_vocab", task.vocabulary}};
  for (const auto& [key, value] : derived) {
    if (!model.contains(key)) model[key] = value;
  }
  return hooked::config_from_json(model, "model");
}

/// AdamW's options; the file's keys have their names.
inline hooked::TrainOptions train_options(const json& settings) {
  hooked::AdamW adamw;
  read(settings, "training", "lr", adamw.lr);
  read(settings, "training", "weight_decay", adamw.weight_decay);
  read(settings, "training", "betas", adamw.betas);
  hooked::TrainOptions options{.optimizer = adamw};
  read(settings, "training", "steps", options.steps);
  read(settings, "training", "epochs", options.epochs);
  read(settings, "training", "batch_size", options.batch_size);
  read(settings, "training", "evaluate_every", options.evaluate_every);
  return options;
}

}  // namespace sweep
