// Which paths reach the logits (analysis A10) and what is left without a and b (analysis A11).
#pragma once

#include "at_equals.hpp"
#include "hooked/hooks/edits.hpp"

namespace subtraction {

inline void path_check(const AtEquals& at, Report& report) {
  const auto logits = at.logits_replaced(kResidPost, in_double(at.mlp_out));
  report.add(judge({.claim = "only the MLP writes to the logits: loss ratio, change",
                    .study_says = "negligible compared to the output of the MLP",
                    .definition = "hook_resid_post at '=' is the MLP's output alone: sign loss "
                                  "divided by that before; root mean square of the change of "
                                  "logit_- - logit_+, divided by its standard deviation over all "
                                  "pairs"},
                   {score(logits).loss / at.base.loss, relative_change(at.logits, logits)},
                   {{{0.0, 1.25}, {0.0, 2.0}}, {{0.0, 0.1}, {0.0, 0.3}}}));
}

/// Without the embeddings of a and b, positions and biases are left: the logits at "=" are
/// constant.
inline void biases(const AtEquals& at, Report& report) {
  const auto logits =
      at.logits_hooked({hooked::zero(kEmbed, {.positions = {kPositionA, kPositionB}})});
  const Score s = score(logits);
  const auto plus = static_cast<double>(logits(0, kPlus)),
             minus = static_cast<double>(logits(0, kMinus));
  report.add(judge({.claim = "biases alone: logit_+ - logit_-, loss ratio, accuracy",
                    .study_says = {12.39, 100, 50.5},
                    .unit = "logits, -, %",
                    .definition = "hook_embed is 0 at a and b; sign loss divided by that before; "
                                  "50.5 is what always saying + gets, 49.5 always saying -"},
                   {plus - minus, s.loss / at.base.loss, s.accuracy},
                   {{within_factor(12.39, 1.5), {.low = 0.0}},
                    {within_factor(100.0, 2.0), {.low = 10.0}},
                    {within(50.5, 0.01), within(50.5, 0.01)}}));
  report.add(hooked::report({.claim = "biases alone: logits of + and -",
                             .study_says = {18.6, 6.21},
                             .unit = "logits",
                             .definition = "the same; a common constant changes no probability"},
                            std::vector<double>{plus, minus}));
}

}  // namespace subtraction
