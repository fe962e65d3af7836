// How a run developed: the numbers that a study tracks, at every snapshot.
#pragma once

#include <vector>

#include "study.hpp"
#include "training.hpp"

namespace study {

/// Of one snapshot: shares from 0 to 1 of the labels that are the likeliest token, and what
/// Study::track measures.
struct Moment {
  Snapshot snapshot;
  double train_accuracy, test_accuracy;
  Numbers numbers;
};
using Trajectory = std::vector<Moment>;

Trajectory trajectory_of(const Study& study, const Options& options, const Setup& setup);

/// {"step": [...], "train accuracy": [...], "test accuracy": [...], NAME: [...]}, in `out`'s
/// trajectory.json, and the same as a figure.
void save_trajectory(const Trajectory& trajectory, const std::filesystem::path& out,
                     hooked::Report& report);

}  // namespace study
