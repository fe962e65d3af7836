// Where the answers look: attention by the rank of what it goes to.
#pragma once

#include <string>
#include <vector>

#include "at_answers.hpp"
#include "hooked/interp/attention_by.hpp"

namespace order_statistics {

/// The classes of keys: the ranks 0 (smallest) to n - 1 of a tuple's numbers, then "=", then the
/// answers before. Equal numbers have ranks by their places.
inline Tensor<Index> ranks_of_keys(const AtAnswers& at) {
  const Index n = at.task.length;
  Tensor<Index> classes({at.plain.size(), at.task.tokens()}, n + 1);
  std::vector<Index> order(static_cast<std::size_t>(n));
  for (Index i = 0; i < at.plain.size(); ++i) {
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(), [&](Index j, Index k) {
      return at.plain.tokens(i, j) < at.plain.tokens(i, k);
    });
    for (Index rank = 0; rank < n; ++rank) classes(i, order[static_cast<std::size_t>(rank)]) = rank;
    classes(i, n) = n;
  }
  return classes;
}

/// 1 where a key is the number that answer k is, else -1: [example, key].
inline Tensor<Index> is_answer(const AtAnswers& at, Index k) {
  Tensor<Index> classes({at.plain.size(), at.task.tokens()}, -1);
  for (Index i = 0; i < at.plain.size(); ++i) {
    for (Index j = 0; j < at.task.length; ++j) {
      if (at.plain.tokens(i, j) == at.plain.labels(i, k)) classes(i, j) = 0;
    }
  }
  return classes;
}

inline void attention(const AtAnswers& at, Report& report) {
  const Index n = at.task.length, heads = at.model.config().n_heads;
  const Tensor<Index> ranks = ranks_of_keys(at);
  Tensor<double> by_rank({heads, at.task.answers(), n + 2});
  std::vector<double> to_answer;     // [head], mean over answers
  double least = 1.0, before = 0.0;  // of the heads' attention to it; the most to earlier answers
  for (Index k = 0; k < at.task.answers(); ++k) {
    const Tensor<float> pattern = at.pattern_at(k);
    const Tensor<double> mean = attention_by_class(pattern, ranks, n + 2);
    copy(mean.view(), by_rank.select(1, k));
    const Tensor<double> own = attention_by_class(pattern, is_answer(at, k), 1);
    to_answer.resize(static_cast<std::size_t>(heads), 0.0);
    double best = 0.0;
    for (Index h = 0; h < heads; ++h) {
      to_answer[static_cast<std::size_t>(h)] += own(h, 0) / static_cast<double>(at.task.answers());
      best = std::max(best, own(h, 0));
      before = std::max(before, mean(h, n + 1));
    }
    least = std::min(least, best);
  }
  Figure figure = Figure::heatmap("Attention by rank (then '=' and earlier answers)", "rank of key",
                                  "answer", "attention", Figure::Colors::sequential);
  for (Index h = 0; h < heads; ++h) {
    figure.panel("head " + std::to_string(h), by_rank.select(0, h));
  }
  report.add("attention", "A bright cell on each row is the rank that an answer looks for.",
             std::move(figure));

  const double of_all = *std::min_element(to_answer.begin(), to_answer.end());
  const double of_best = *std::max_element(to_answer.begin(), to_answer.end());
  const Rule most{{0.9, 1.0}, {0.6, 1.0}};
  if (at.task.name == "max") {
    report.add(
        judge({.claim = "attention of each head to the largest number",
               .study_says = "exclusive extension to the largest element",
               .definition = "mean attention of '=' to all places of the largest number: the "
                             "least and the most of the heads"},
              {of_all, of_best}, {most, most}));
  } else if (at.task.sorts()) {
    report.add(
        judge({.claim = "attention to the number that comes next, to earlier answers",
               .study_says = "most ... consistently; never ... previously predicted",
               .definition = "mean attention to all places of the number that is to come: "
                             "of the head that has most of it, for the answer with the least; "
                             "the most that any head gives to earlier answers and the "
                             "position itself"},
              {least, before}, {{{0.5, 1.0}, {0.3, 1.0}}, {{0.0, 0.05}, {0.0, 0.15}}}));
  } else {
    report.add(hooked::report({.claim = "attention of each head to the median",
                               .definition = "mean attention of '=' to all places of the median: "
                                             "the least and the most of the heads"},
                              std::vector<double>{of_all, of_best}));
  }
}

}  // namespace order_statistics
