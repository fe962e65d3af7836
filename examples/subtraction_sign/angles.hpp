// What neurons do to the logits: the columns of W_logit = W_out W_U (analysis A5).
#pragma once

#include "hooked/core/angles.hpp"
#include "neurons.hpp"

namespace subtraction {

/// Between the columns of + and - of W_logit, in degrees.
inline double angle_of_signs(const Tensor<float>& W_logit) {
  return static_cast<double>(
      angles_in_degrees(W_logit.slice(1, kPlus, kMinus + 1).transpose())(0, 1));
}

inline void angle_matrix(const AtEquals& at, const NeuronFits& fits, Report& report) {
  const Tensor<float> W_logit = logit_weights(at.model);
  const Tensor<float> angles = angles_in_degrees(W_logit.transpose());  // [token, token]
  report.add("angles",
             "The columns of + and - point in opposite directions, those of neighbouring numbers "
             "in similar ones.",
             Figure::heatmap("Angles between columns of W_logit", "token", "token", "degrees",
                             Figure::Colors::diverging)
                 .panel("all tokens", angles)
                 .panel("97, 98, 99, +, -, =", angles.slice(0, 97, 103).slice(1, 97, 103)));
  report.add(judge({.claim = "angle between the + and - columns",
                    .study_says = "strongly anti-aligned",
                    .unit = "degrees",
                    .definition = "arccos of the cosine of W_logit[:, +] and W_logit[:, -]"},
                   angle_of_signs(W_logit), {{150.0, 180.0}, {135.0, 180.0}}));
  double acute = 0.0, pairs = 0.0;
  for (Index i = 0; i < kNumbers; ++i) {
    for (Index j = i + 1; j < kNumbers; ++j, pairs += 1.0)
      acute += angles(i, j) < 90.0f ? 1.0 : 0.0;
  }
  report.add(judge({.claim = "pairs of numbers that are partially aligned",
                    .study_says = "most ... are at least partially aligned",
                    .unit = "%",
                    .definition = "share of the 4,950 pairs of columns 0..99 at less than 90 "
                                  "degrees; by chance it would be 50"},
                   100.0 * acute / pairs, {{75.0, 100.0}, {60.0, 100.0}}));

  double opposite = 0.0;
  for (const Index i : fits.important) {
    opposite += W_logit(i, kMinus) > 0 && W_logit(i, kPlus) < 0 ? 1.0 : 0.0;
  }
  report.add(judge({.claim = "270 neurons: boost - and throttle +",
                    .study_says = "most ... simultaneously boost the - logit",
                    .unit = "%",
                    .definition = "share of the 270 with W_logit[i, -] > 0 > W_logit[i, +]; by "
                                  "chance it would be at most 50"},
                   100.0 * opposite / static_cast<double>(fits.important.size()),
                   {{65.0, 100.0}, {55.0, 100.0}}));
}

}  // namespace subtraction
