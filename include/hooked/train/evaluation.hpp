// Evaluation: how good a model is on a data set.
#pragma once

#include <limits>
#include <vector>

namespace hooked {

/// Means over all examples and, for token models, for each position where labels are given.
struct Evaluation {
  double loss = 0.0;  // of the objective: of token models in nats, over all labels that count
  /// Of the likeliest token, over all labels that count; NaN for an objective without labels.
  double accuracy = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> loss_at = {};      // [label position]
  std::vector<double> accuracy_at = {};  // [label position]
};

}  // namespace hooked
