// Which paths reach the logits (analysis A10) and what the biases alone say (analysis A11).
#pragma once

#include "study.hpp"

namespace subtraction {

inline void path_check(const Study& study, Report& report) {
  const Score s = study.score_replaced(kResidPost, in_double(study.mlp_out));
  const std::string how =
      "hook_resid_post at '=' is the MLP's output alone, without the embedding "
      "and the attention's output";
  report.add(judge({.claim = "only the MLP writes to the logits: loss",
                    .study_says = "other paths are negligible: 1",
                    .definition = how + "; sign loss divided by 'sign loss'"},
                   s.loss / study.base.loss, {within_factor(1.0, 1.25), within_factor(1.0, 3.0)}));
  report.add(judge({.claim = "only the MLP writes to the logits: accuracy",
                    .study_says = "other paths are negligible",
                    .unit = "%",
                    .definition = how},
                   s.accuracy,
                   {within(study.base.accuracy, 0.5), within(study.base.accuracy, 3.0)}));
}

/// Without the embeddings of a and b, positions and biases are left: the logits at "=" are
/// constant.
inline void biases(const Study& study, Report& report) {
  const auto logits = collect_at(study.model, study.prompts, kPositionEquals, {},
                                 {hooked::zero(kEmbed, {.positions = {kPositionA, kPositionB}})})
                          .logits;
  const Score s = score(logits);
  const auto plus = static_cast<double>(logits(0, kPlus)),
             minus = static_cast<double>(logits(0, kMinus));
  const std::string how = "hook_embed is 0 at the positions of a and b; positions and biases stay";
  report.add(
      judge({.claim = "biases alone: logits of + and -",
             .study_says = {18.6, 6.21},
             .unit = "logits",
             .definition = how},
            {plus, minus},
            {{within_factor(18.6, 1.5), {.low = 0.0}}, {within(6.21, 5.0), {.high = plus}}}));
  report.add(judge({.claim = "biases alone: logit of + over that of -",
                    .study_says = 12.39,
                    .unit = "logits",
                    .definition = how + "; the difference, which no common constant changes"},
                   plus - minus, {within_factor(12.39, 1.5), {.low = 0.0}}));
  report.add(
      judge({.claim = "biases alone: loss over 'sign loss'", .study_says = 100, .definition = how},
            s.loss / study.base.loss, {within_factor(100.0, 2.0), {.low = 10.0}}));
  report.add(judge({.claim = "biases alone: sign accuracy",
                    .study_says = 50.5,
                    .unit = "%",
                    .definition = how + "; 50.5 is what always saying + gets"},
                   s.accuracy, {within(50.5, 0.01), within(50.5, 2.0)}));
}

}  // namespace subtraction
