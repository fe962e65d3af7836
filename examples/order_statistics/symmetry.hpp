// Whether the order of a tuple matters: position embeddings, and neurons over all orders.
#pragma once

#include "at_answers.hpp"
#include "hooked/interp/orders.hpp"

namespace order_statistics {

inline void positions(const AtAnswers& at, Report& report) {
  const Tensor<float> cosine = hooked::cosine_similarity(at.model["pos_embed.W_pos"]);
  report.add("positions", Figure::heatmap("Cosines of position embeddings", "position", "position",
                                          "cosine", Figure::Colors::diverging)
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
