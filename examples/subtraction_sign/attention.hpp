// Where "=" looks (analysis A7), which head is which, and what the "-" is worth.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "at_equals.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/interp/histogram.hpp"

namespace subtraction {

/// Mean attention of "=" over all pairs, A^h[3, key]: [head, key].
inline Tensor<double> mean_attention(const AtEquals& at) {
  return in_double(hooked::mean(at.pattern, 0));
}

/// Heads by what they do: their numbers mean nothing from one training run to another. The study
/// has two heads that look at one operand alone and two that lean to one. With
/// d_h = A^h[3, a] - A^h[3, b], the head with the largest d_h is "only a" and the one with the
/// smallest "only b"; of the other two, the one with the larger d_h is "mostly a".
/// The study's heads 0, 1, 2, 3 are mostly x, only x, only y, mostly y, and which of a and b is x
/// is lost in its text; here x is a.
struct HeadRoles {
  static constexpr std::array<const char*, 4> names{"mostly a", "only a", "only b", "mostly b"};
  std::array<Index, 4> head;  // by role, in the order of `names`

  explicit HeadRoles(const Tensor<double>& attention) {
    std::array<Index, 4> order{0, 1, 2, 3};
    const auto d = [&](Index h) { return attention(h, kPositionA) - attention(h, kPositionB); };
    std::sort(order.begin(), order.end(), [&](Index g, Index h) { return d(g) > d(h); });
    head = {order[1], order[0], order[3], order[2]};
  }
};

inline void attention_patterns(const AtEquals& at, const HeadRoles& heads, Report& report) {
  const Tensor<double> mean = mean_attention(at);  // [head, key]
  Figure histograms = Figure::histogram("Attention of '=' to the operands", "attention", "pairs");
  Figure bars = Figure::bars("Mean attention of '='", "attended to", "attention");
  bars.panel_with_groups("mean over all pairs", {"a", "-", "b", "="});
  for (std::size_t r = 0; r < heads.head.size(); ++r) {
    const Index h = heads.head[r];
    const auto to = [&](Token key) {
      return hooked::histogram(at.pattern.select(1, h).select(1, key), 50, 0.0, 1.0);
    };
    histograms.panel_with_edges(heads.names[r], to(kPositionA).edges)
        .series("to a", to(kPositionA).counts)
        .series("to b", to(kPositionB).counts);
    bars.series(heads.names[r], mean.select(0, h));
  }
  report.add("attention_histograms",
             "Each head looks at one operand more than at the other, for nearly all pairs.",
             std::move(histograms));
  report.add("attention_means", "Two heads look at a and two at b.", std::move(bars));

  const auto to = [&](std::size_t role, Token key) { return mean(heads.head[role], key); };
  const auto split = [&](std::size_t role) {
    return to(role, kPositionMinus) / to(role, kPositionEquals);
  };
  const Rule always{{0.9, 1.0}, {0.9, 1.0}}, never{{0.0, 0.05}, {0.0, 0.05}};
  report.add(
      judge({.claim = "'only' heads: attention to their and the other operand",
             .study_says = "always attends to ... and never",
             .definition = "mean A^h[3, key] over all pairs: only a to a, only b to b; only a "
                           "to b, only b to a"},
            {to(1, kPositionA), to(2, kPositionB), to(1, kPositionB), to(2, kPositionA)},
            {always, always, never, never}));
  const Rule mostly{within(0.6, 0.15), {0.35, 0.85}}, weakly{within(0.1, 0.1), {0.0, 0.3}};
  const Rule even{within_factor(1.0, 1.5), within_factor(1.0, 3.0)};
  report.add(
      judge({.claim = "'mostly' heads: to their, the other operand, '-' over '='",
             .study_says = {0.6, 0.6, 0.1, 0.1, 1, 1},
             .definition = "mean A^h[3, key] over all pairs: mostly a to a, mostly b to b; "
                           "mostly a to b, mostly b to a; that to '-' divided by that to '='"},
            {to(0, kPositionA), to(3, kPositionB), to(0, kPositionB), to(3, kPositionA), split(0),
             split(3)},
            {mostly, mostly, weakly, weakly, even, even}));
  double one_operand = 0.0;
  for (Index h = 0; h < mean.size(0); ++h) {
    const double a = mean(h, kPositionA), b = mean(h, kPositionB);
    one_operand += std::max(a, b) >= 10.0 * std::min(a, b) ? 1.0 : 0.0;
  }
  report.add(hooked::report({.claim = "heads of one operand, of two",
                             .study_says = {2, 2},
                             .definition = "a head of one operand gives it ten times as much "
                                           "attention as the other"},
                            std::vector<double>{one_operand, 4.0 - one_operand}));
}

/// The "-" at position 1 is in every sequence; its vector after embedding is set to zero.
inline void minus_position(const AtEquals& at, Report& report) {
  const auto logits = at.logits_hooked({hooked::zero(kResidPre, {.positions = {kPositionMinus}})});
  report.add(judge({.claim = "'-' position to zero: loss ratio, change of the logits",
                    .study_says = "essentially no change in loss",
                    .definition = "hook_resid_pre is 0 at position 1: sign loss divided by that "
                                  "before; root mean square of the change of logit_- - logit_+, "
                                  "divided by its standard deviation over all pairs"},
                   {score(logits).loss / at.base.loss, relative_change(at.logits, logits)},
                   {{{0.0, 1.1}, {0.0, 2.0}}, {{0.0, 0.1}, {0.0, 0.3}}}));
}

}  // namespace subtraction
