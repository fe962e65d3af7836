// Whether the order of a tuple matters: position embeddings, and neurons over all orders.
#pragma once

#include <algorithm>

#include "at_answers.hpp"
#include "hooked/interp/attention_by.hpp"
#include "hooked/interp/orders.hpp"

namespace order_statistics {

inline void positions(const AtAnswers& at, Report& report) {
  const Tensor<float> cosine = hooked::cosine_similarity(at.model["pos_embed.W_pos"]);
  report.add(
      "positions",
      "The places of a tuple have one embedding, nearly: a bright square beside the place of =.",
      Figure::heatmap("Cosines of position embeddings", "position", "position", "cosine",
                      Figure::Colors::diverging)
          .panel("all positions", cosine));
  std::vector<double> among, to_equals;
  for (Index i = 0; i < at.task.length; ++i) {
    for (Index j = 0; j < i; ++j) among.push_back(static_cast<double>(cosine(i, j)));
    to_equals.push_back(std::abs(static_cast<double>(cosine(i, at.task.at_equals()))));
  }
  report.add(judge({.claim = "position embeddings: cosine in the tuple, to '='",
                    .study_says = "close to each other, and perpendicular to cls token",
                    .definition = "median cosine of two positions of the tuple; median size of the "
                                  "cosine of one of them and that of '='"},
                   {median(among), median(to_equals)},
                   {{{0.9, 1.0}, {0.7, 1.0}}, {{0.0, 0.1}, {0.0, 0.3}}}));
}

/// How much the place of a number moves its score beside what its size does: with score(x, j) =
/// s(x) + p(j) (exact in one layer without norm), the standard deviation of p over the places of a
/// tuple divided by that of s over all numbers; the median and the most of the heads.
inline void places_in_scores(const AtAnswers& at, Report& report) {
  const View<const float> W_E = at.model["embed.W_E"], W_pos = at.model["pos_embed.W_pos"];
  const Tensor<float> equals =
      W_E.select(0, at.task.equals()) + W_pos.select(0, at.task.at_equals());
  const auto spread = [&](const View<const float>& keys) {
    const auto scores = in_double(
        head_scores(at.model, at.layer, equals.view_as({1, equals.numel()}), keys).select(1, 0));
    return hooked::map(var(scores, 1), [](double v) { return std::sqrt(v); });  // [head]
  };
  const Tensor<double> places = spread(W_pos.slice(0, 0, at.task.length));
  const Tensor<double> numbers = spread(W_E.slice(0, 0, at.task.values));
  std::vector<double> ratio;
  for (Index h = 0; h < places.numel(); ++h) ratio.push_back(places(h) / numbers(h));
  report.add(judge({.claim = "scores of '=': spread over places against over numbers",
                    .study_says = "the order ... does not influence the output",
                    .definition = "standard deviations of W_E[=] W_Q and W_pos[j] W_K over the "
                                  "places of a tuple, and of the same with W_E[x] over all "
                                  "numbers; median and most of the heads"},
                   {median(ratio), *std::max_element(ratio.begin(), ratio.end())},
                   {{{0.0, 0.05}, {0.0, 0.2}}, {{0.0, 0.05}, {0.0, 0.2}}}));
}

/// What the answer is read from before the MLP's ReLU, or, without an MLP, before the unembedding.
inline void orders(const AtAnswers& at, Report& report) {
  constexpr Index kTuples = 20, kMost = 5;
  const Index count = std::min(at.task.length, kMost);
  const std::string site = at.site(at.has_mlp ? "mlp.hook_pre" : "hook_resid_post");
  double least = 1.0, sum = 0.0, pairs = 0.0;
  for (Index i = 0; i < kTuples; ++i) {
    const Tensor<float> cosine = similarity_of_orders(at.model, at.plain.tokens.select(0, i), count,
                                                      site, at.task.at_equals(), at.threads);
    if (i == 0) {
      report.add("orders",
                 "No order of a tuple differs from another in what neurons see: all cosines are "
                 "close to 1.",
                 Figure::heatmap("Cosines of neurons (before ReLU) over all orders of a tuple",
                                 "order", "order", "cosine", Figure::Colors::diverging)
                     .panel("one tuple", cosine));
    }
    for (Index p = 0; p < cosine.size(0); ++p) {
      for (Index q = 0; q < p; ++q, pairs += 1.0) {
        least = std::min(least, static_cast<double>(cosine(p, q)));
        sum += static_cast<double>(cosine(p, q));
      }
    }
  }
  report.add(judge({.claim = "all orders of a tuple: mean and least cosine",
                    .study_says = "almost all the values are close to 1",
                    .definition = "of the preactivations of all neurons at '=', between two orders "
                                  "of one tuple (of its first five numbers), 20 tuples"},
                   {sum / pairs, least}, {{{0.99, 1.0}, {0.95, 1.0}}, {{0.9, 1.0}, {0.5, 1.0}}}));
}

}  // namespace order_statistics
