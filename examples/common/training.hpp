// A study's run: trained, or loaded where it is done already.
#pragma once

#include <filesystem>
#include <vector>

#include "hooked/io/json.hpp"
#include "study.hpp"

namespace study {

inline hooked::Seed seed_of(const Options& options) {
  return {static_cast<std::uint64_t>(options.seed)};
}

/// What run.json says about a run that is done, so that it can be recognised:
/// {"study", "preset", "seed", "choices": {...}}.
nlohmann::ordered_json run_facts(const Study& study, const Options& options);

/// How many steps go once through the training examples.
Index steps_per_epoch(const Setup& setup);

/// The weights after some steps of a run.
struct Snapshot {
  Index step;
  std::filesystem::path path;
};
/// Those in `out`, by step.
std::vector<Snapshot> snapshots_in(const std::filesystem::path& out);

/// The trained model; `out` then holds config.json, model.safetensors, metrics.csv, the snapshots
/// and run.json, whose "seconds" are those of all legs of an interrupted run. Throws ConfigError
/// when `out` holds another run, or one that was interrupted and is not to go on: nobody should
/// overwrite them by accident.
hooked::Transformer<float> train_or_load(const Study& study, const Options& options,
                                         const Setup& setup);

/// The model that --model names, in any format that load_any_model reads. Throws ConfigError when
/// its sizes are not those of the study's model, or `out` holds a run.
hooked::Transformer<float> given_model(const Options& options, const Setup& setup);

}  // namespace study
