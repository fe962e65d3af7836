// Angles between the tokens' columns of W_logit = W_out W_U (analysis A5).
#pragma once

#include "hooked/core/angles.hpp"
#include "hooked/core/matmul.hpp"
#include "neurons.hpp"

namespace subtraction {

/// W_logit = W_out W_U [neuron, token]: how much each neuron boosts each token.
inline Tensor<float> logit_weights(const Study& study) {
  return matmul(study.model["blocks.0.mlp.W_out"], study.model["unembed.W_U"]);
}

inline void angle_matrix(const Study& study, const NeuronFits& fits, Report& report) {
  const Tensor<float> W_logit = logit_weights(study);
  const Tensor<float> angles = angles_in_degrees(W_logit.transpose());  // [token, token]
  report.add("angles",
             Figure::heatmap("Angles between columns of W_logit", "token", "token", "degrees",
                             Figure::Colors::diverging)
                 .panel("all tokens", angles)
                 .panel("97, 98, 99, +, -, =", angles.slice(0, 97, 103).slice(1, 97, 103)));

  report.add(judge({.claim = "angle between the + and - columns",
                    .study_says = "strongly anti-aligned",
                    .unit = "degrees",
                    .definition = "arccos of the cosine of W_logit[:, +] and W_logit[:, -]"},
                   static_cast<double>(angles(kPlus, kMinus)), {{135.0, 180.0}, {90.0, 180.0}}));
  double acute = 0.0, pairs = 0.0;
  for (Index i = 0; i < kNumbers; ++i) {
    for (Index j = i + 1; j < kNumbers; ++j, pairs += 1.0)
      acute += angles(i, j) < 90.0f ? 1.0 : 0.0;
  }
  report.add(
      judge({.claim = "pairs of numbers that are partially aligned",
             .study_says = "most",
             .unit = "%",
             .definition = "share of the 4,950 pairs of columns 0..99 at less than 90 degrees"},
            100.0 * acute / pairs, {{50.0, 100.0}, {40.0, 100.0}}));

  double opposite = 0.0, active = 0.0;
  for (const Index i : fits.important) {
    if (fits.m(i) >= 0) continue;
    active += 1.0;
    opposite += W_logit(i, kMinus) > 0 && W_logit(i, kPlus) < 0 ? 1.0 : 0.0;
  }
  report.add(
      judge({.claim = "important neurons that boost - and throttle +",
             .study_says = "most",
             .unit = "%",
             .definition = "W_logit[i, -] > 0 > W_logit[i, +], of the important neurons that "
                           "grow with b-a (m_i < 0)"},
            100.0 * opposite / active, {{50.0, 100.0}, {40.0, 100.0}}));
}

}  // namespace subtraction
