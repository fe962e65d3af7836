// Q1, Q2 and S1: what positions alone make layer 1 look at, and the scale of its norm.
#pragma once

#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/interp/attention_by.hpp"

namespace caesar {

/// The mean scale of a layer's norm at each position: [position].
inline Tensor<double> mean_scale(const Reading& at, Index layer) {
  return Tensor<double>(
      mean(in_double(at.site(hooked::text("blocks.", layer, ".ln1.hook_scale"))), 0).select(1, 0));
}

/// Attention [head, destination, key] of layer 1 with the queries of mean residuals and the keys of
/// `keys` [position, d_model], which stand for what the norm gives.
inline Tensor<double> attention_to(const Reading& at, const Tensor<double>& keys) {
  const Tensor<float> queries =
      hooked::cast<float>(mean(in_double(at.site("blocks.1.hook_resid_pre")), 0));
  Tensor<double> scores = in_double(head_scores(at.model, 1, queries, hooked::cast<float>(keys)));
  for (Index h = 0; h < scores.size(0); ++h) {
    for (Index q = 0; q < scores.size(1); ++q) {
      for (Index k = q + 1; k < scores.size(2); ++k) {
        scores(h, q, k) = -std::numeric_limits<double>::infinity();
      }
    }
  }
  return softmax(scores);
}

/// Q1: keys are position embeddings, over layer 1's own scale.
inline Tensor<double> attention_by_positions(const Reading& at) {
  Tensor<double> keys(in_double(at.model["pos_embed.W_pos"].slice(0, 0, at.length())));
  const Tensor<double> scale = mean_scale(at, 1);
  for (Index t = 0; t < at.length(); ++t) keys.matrix().row(t) /= scale(t);
  return attention_to(at, keys);
}

/// Q2, K-composition: keys are what layer 0 makes of position embeddings,
/// (W_pos / scale_0) sum_h W_V^h W_O^h over the mean of scale_1 past position 0. The key at a
/// position stands for a token that attended to this position in layer 0.
inline Tensor<double> attention_by_composition(const Reading& at) {
  Tensor<double> x(in_double(at.model["pos_embed.W_pos"].slice(0, 0, at.length())));
  const Tensor<double> scale_0 = mean_scale(at, 0), scale_1 = mean_scale(at, 1);
  for (Index t = 0; t < at.length(); ++t) x.matrix().row(t) /= scale_0(t);
  Tensor<double> keys(x.shape());
  for (Index h = 0; h < at.heads(); ++h) {
    const auto of = [&](const char* name) {
      return Tensor<double>(in_double(at.model[std::string("blocks.0.attn.") + name].select(0, h)));
    };
    keys += matmul(matmul(x, of("W_V")), of("W_O"));
  }
  return attention_to(at, keys / mean(scale_1.slice(0, 1, at.length())).item());
}

inline void position_circuits(const Reading& at, const Roles& roles, Report& report) {
  const Tensor<double> plain = attention_by_positions(at), composed = attention_by_composition(at);
  const Index last = at.length() - 1;
  const auto row = [&](const Tensor<double>& attention, Index head) {
    return attention.select(0, head).select(0, last);
  };
  const double most =
      std::max(max(row(plain, roles.third)).item(), max(row(plain, roles.second)).item());
  report.add(judge_said(
      {.claim = "position embeddings alone: the most that a head of layer 1 attends to a key",
       .study_says = at.study({.easy = "no strong pattern"}),
       .unit = "attention",
       .definition = "Q1: keys W_pos over the scale of ln1, queries the mean residual; at the last "
                     "position; either head"},
      {most}, {{{0.0, 0.15}, {0.0, 0.25}}}));
  report.add(judge_said(
      {.claim = "K-composition: 1.0 to what attended to 0A, 1.1 to what attended to 0B",
       .study_says =
           at.study(StudySays::both("likes to attend to tokens which themselves attended")),
       .unit = "attention",
       .definition = "Q2: keys W_pos through W_V W_O of layer 0; at the last position"},
      {composed(roles.third, last, 0), composed(roles.second, last, 1)},
      {{{0.2, 1.0}, {0.1, 1.0}}, {{0.2, 1.0}, {0.1, 1.0}}}));
  for (const auto& [name, head] : {std::pair{"1.0", roles.third}, std::pair{"1.1", roles.second}}) {
    report.add(
        hooked::report({.claim = std::string("K-composition of ") + name + ": 0A, 0B, 0C, 1A, 1B",
                        .unit = "attention",
                        .definition = "as above"},
                       std::vector<double>{composed(head, last, 0), composed(head, last, 1),
                                           composed(head, last, 2), composed(head, last, 4),
                                           composed(head, last, 5)}));
  }
  Figure figure = Figure::heatmap("Attention of layer 1 by positions", "key", "destination",
                                  "attention", Figure::Colors::sequential);
  for (const auto& [name, head] : {std::pair{"1.0", roles.third}, std::pair{"1.1", roles.second}}) {
    figure.panel(std::string(name) + ", positions alone", plain.select(0, head));
    figure.panel(std::string(name) + ", through layer 0", composed.select(0, head));
  }
  report.add(
      "positions",
      "Position embeddings alone give no pattern; through layer 0's values columns stand out.",
      std::move(figure));
}

/// S1: the scale of ln1 in layer 1. A large one makes a key small.
inline void norm_scales(const Reading& at, Report& report) {
  const Tensor<double> scale = mean_scale(at, 1);
  const double rest = mean(scale.slice(0, 1, at.length())).item();
  report.add(judge_said({.claim = "scale of ln1 in layer 1: position 0 over all others",
                         .study_says = at.study(StudySays::both("very large")),
                         .unit = "ratio",
                         .definition = "of mean scales, 1,000 sequences"},
                        {scale(0) / rest}, {{{3.0, 1e9}, {1.5, 1e9}}}));
  if (at.has_words()) {
    double spike = 0.0, words = 0.0;
    for (Index t = kSlots; t + 1 < at.length(); t += kSlots) {
      spike += 2.0 * scale(t) / (scale(t - 1) + scale(t + 1)), words += 1.0;
    }
    report.add(judge_said(
        {.claim = "scale of ln1 in layer 1: later A over its neighbours",
         .study_says = at.study({.easy = "spikes at all *A positions"}),
         .unit = "ratio",
         .definition = "mean scale at the first letter of the second and later words over the mean "
                       "of those of the space before it and the letter after it"},
        {spike / words}, {{{1.1, 1e9}, {1.02, 1e9}}}));
    report.add(hooked::report({.claim = "scale of ln1 in layer 1: 0A, 0B, 0C, space",
                               .definition = "means over sequences"},
                              std::vector<double>{scale(0), scale(1), scale(2), scale(3)}));
  }
  Figure figure = Figure::lines("Scale of ln1 in layer 1", "position", "mean scale");
  Tensor<double> x({at.length()});
  for (Index t = 0; t < at.length(); ++t) x(t) = static_cast<double>(t);
  figure.panel("").line("", x, scale);
  report.add("norm_scales", "High at position 0, and a little at every first letter.",
             std::move(figure));
}

}  // namespace caesar
