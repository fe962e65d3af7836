// How a run developed: the numbers that a study tracks, at every snapshot.
#pragma once

#include <vector>

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
};
using Trajectory = std::vector<Moment>;

Trajectory trajectory_of(const Study& study, const Options& options, const Setup& setup);

/// {"step": [...], "train accuracy": [...], "test accuracy": [...], NAME: [...]}, in `out`'s
/// trajectory.json, and the same as a figure.
void save_trajectory(const Trajectory& trajectory, const std::filesystem::path& out,
                     hooked::Report& report);

}  // namespace study
