// How a run developed: the numbers that a study tracks, at every snapshot.
#pragma once

#include <string>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/train/evaluation.hpp"
#include "study.hpp"
#include "training.hpp"

namespace study {

/// Of one snapshot: how it does on training examples (the first 20,000) and on the others, and what
/// Study::track measures.
struct Moment {
  Snapshot snapshot;
  hooked::Evaluation train, test;
  Numbers numbers;

  /// One of `numbers`. Throws NameError for one that is not tracked.
  double operator[](const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& [known, value] : numbers) {
      if (known == name) return value;
      names.push_back(known);
    }
    hooked::fail<hooked::NameError>(
        "\"", name, "\" is not tracked; the nearest are: ", hooked::nearest_names(name, names));
  }
};

/// All snapshots of the run in options.out, which ended with the model `end`.
template <class Kind>
Trajectory trajectory_of(const StudyOf<Kind>& study, const Options& options,
                         const SubjectOf<Kind>& end);

/// {"step": [...], "train accuracy": [...], "test accuracy": [...], NAME: [...]}, in `out`'s
/// trajectory.json, and the same as a figure.
void save_trajectory(const Trajectory& trajectory, const std::filesystem::path& out,
                     hooked::Report& report);

}  // namespace study
