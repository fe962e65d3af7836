// Null models: what a claim must not hold for.
#pragma once

#include <string>
#include <vector>

#include "study.hpp"
#include "trajectory.hpp"

namespace study {

/// - "untrained": the weights that the run began with.
/// - "dealt labels": trained on the same inputs, with the labels dealt anew to them at random,
/// until
///   it knows these by heart (AdamW, lr 1e-3, no weight decay, Study::memorising_epochs).
/// - "memorising": the snapshot at which the run knew its training examples and had the least idea
///   of the others, if there is such a stage: the widest gap between the two accuracies of the
///   labels that the study is about, where that is at least 20 points and training accuracy 99%.
/// - those of the study's own.
std::vector<NullModel> null_models(const Study& study, const Options& options,
                                   const Subject& trained, const Trajectory& trajectory);

}  // namespace study
