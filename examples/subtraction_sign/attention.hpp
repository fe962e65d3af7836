// Where "=" looks (analysis A7), and what the "-" is worth.
#pragma once

#include <string>
#include <vector>

#include "hooked/interp/histogram.hpp"
#include "roles.hpp"

namespace subtraction {

inline void attention_patterns(const Study& study, const HeadRoles& heads, Report& report) {
  const Tensor<double> mean = mean_attention(study);  // [head, key]
  Figure histograms = Figure::histogram("Attention of '=' to the operands", "attention", "pairs");
  Figure bars = Figure::bars("Mean attention of '='", "attended to", "attention");
  bars.panel_with_groups("mean over all pairs", {"a", "-", "b", "="});
  for (std::size_t r = 0; r < heads.head.size(); ++r) {
    const Index h = heads.head[r];
    const auto to = [&](Token key) {
      return hooked::histogram(study.pattern.select(1, h).select(1, key), 50, 0.0, 1.0);
    };
    histograms.panel_with_edges(heads.names[r], to(kPositionA).edges)
        .series("to a", to(kPositionA).counts)
        .series("to b", to(kPositionB).counts);
    bars.series(heads.names[r], mean.select(0, h));
  }
  report.add("attention_histograms", std::move(histograms));
  report.add("attention_means", std::move(bars));

  const auto at = [&](std::size_t role, Token key) { return mean(heads.head[role], key); };
  const std::string how = "mean A^h[3, key] over all pairs, ";
  const auto twice = [](Rule rule) { return std::vector<Rule>{rule, rule}; };
  report.add(judge({.claim = "'only' heads: attention to their operand",
                    .study_says = "always",
                    .definition = how + "'only a' to a, 'only b' to b"},
                   {at(1, kPositionA), at(2, kPositionB)}, twice({{0.8, 1.0}, {0.5, 1.0}})));
  report.add(judge({.claim = "'only' heads: attention to the other operand",
                    .study_says = "never: 0",
                    .definition = how + "'only a' to b, 'only b' to a"},
                   {at(1, kPositionB), at(2, kPositionA)}, twice({{0.0, 0.05}, {0.0, 0.2}})));
  report.add(judge({.claim = "'mostly' heads: attention to their operand",
                    .study_says = {0.6, 0.6},
                    .definition = how + "'mostly a' to a, 'mostly b' to b"},
                   {at(0, kPositionA), at(3, kPositionB)}, twice({within(0.6, 0.15), {0.3, 1.0}})));
  report.add(judge({.claim = "'mostly' heads: attention to the other operand",
                    .study_says = {0.1, 0.1},
                    .definition = how + "'mostly a' to b, 'mostly b' to a"},
                   {at(0, kPositionB), at(3, kPositionA)}, twice({within(0.1, 0.1), {0.0, 0.4}})));
  const auto split = [&](std::size_t role) {
    return at(role, kPositionMinus) / at(role, kPositionEquals);
  };
  report.add(
      judge({.claim = "'mostly' heads: attention to '-' over '='",
             .study_says = "evenly split: 1, 1",
             .definition = how + "that to '-' divided by that to '=', mostly a and mostly b"},
            {split(0), split(3)}, twice({within_factor(1.0, 1.5), within_factor(1.0, 4.0)})));
}

/// The "-" at position 1 is in every sequence. Its vector after embedding is set to zero; or its
/// token embedding to the mean of all tokens' (the mean over inputs would be the same vector).
inline void minus_position(const Study& study, Report& report) {
  const hooked::Units there{.positions = {kPositionMinus}};
  const auto mean_token = hooked::mean(study.model["embed.W_E"], 0);  // [d_model]
  const auto add = [&](const std::string& claim, const std::string& how, const Hook<float>& hook) {
    report.add(judge({.claim = claim,
                      .study_says = "essentially no change: 1",
                      .definition = how + "; sign loss divided by 'sign loss'"},
                     study.score_with({hook}).loss / study.base.loss,
                     {within_factor(1.0, 1.1), within_factor(1.0, 2.0)}));
  };
  add("'-' position to zero: loss", "hook_resid_pre is 0 at position 1",
      hooked::zero(kResidPre, there));
  add("'-' position to the mean: loss", "hook_embed at position 1 is the mean row of W_E",
      hooked::replace(kEmbed, mean_token, there));
}

}  // namespace subtraction
