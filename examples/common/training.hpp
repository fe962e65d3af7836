// A study's run: trained, or loaded where it is done already.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hooked/io/json.hpp"
#include "study.hpp"

namespace study {

inline hooked::Seed seed_of(const Options& options) {
  return {static_cast<std::uint64_t>(options.seed)};
}

/// What run.json says about a run that is done, so that it can be recognised:
/// {"study", "preset", "seed", "choices": {...}}.
nlohmann::ordered_json run_facts(const std::string& study, const Options& options);

/// Whether `out` holds the finished run that is asked for. A run from before there was a choice had
/// that choice's default. Throws ConfigError when it holds another.
bool is_finished(const nlohmann::ordered_json& wanted, const Choices& defaults,
                 const std::filesystem::path& out);

/// How many steps go once through the training examples.
template <class Kind>
Index steps_per_epoch(const SetupOf<Kind>& setup) {
  const Index examples = setup.part.train.size(), batch = setup.training.batch_size;
  return batch > 0 ? (examples + batch - 1) / batch : 1;
}

/// The weights after some steps of a run.
struct Snapshot {
  Index step;
  std::filesystem::path path;
};
/// Where a run keeps those after `step`.
std::filesystem::path snapshot_path(const std::filesystem::path& out, Index step);
/// Those in `out`, by step.
std::vector<Snapshot> snapshots_in(const std::filesystem::path& out);

/// The trained model; `out` then holds model.safetensors (and config.json), metrics.csv, the
/// snapshots and run.json, whose "seconds" are those of all legs of an interrupted run. Throws
/// ConfigError when `out` holds another run, or one that was interrupted and is not to go on:
/// nobody should overwrite them by accident.
template <class Kind>
typename Kind::Model train_or_load(const StudyOf<Kind>& study, const Options& options,
                                   const SetupOf<Kind>& setup);

/// The model that --model names. Throws ConfigError when `out` holds a run, and as Kind::load.
template <class Kind>
typename Kind::Model given_model(const Options& options, const SetupOf<Kind>& setup);

extern template hooked::Transformer<float> train_or_load(const Study&, const Options&,
                                                         const Setup&);

}  // namespace study
