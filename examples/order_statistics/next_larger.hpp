// Sorting: does the model look for the next larger number, or for the one that belongs in a place?
#pragma once

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "at_answers.hpp"
#include "hooked/interp/attention_by.hpp"

namespace order_statistics {

/// Of the answers after an answer that was overwritten: by the place, by size, neither.
struct NextAnswers {
  double of_place = 0.0, next_larger = 0.0, other = 0.0;  // percent
};

/// In place of answer k - 1, the model reads a number v at which the two stories differ: answer k
/// is the k-th of the sorted numbers ("place"), or the smallest number of the tuple that is larger
/// than v. Over all tuples and k >= 1 for which such a v is found among `kDraws`.
inline NextAnswers next_answers(const AtAnswers& at) {
  constexpr int kDraws = 20;
  hooked::Random random({0}, "overwritten answers");
  NextAnswers share;
  double all = 0.0;
  for (Index k = 1; k < at.task.answers(); ++k) {
    Dataset changed = at.plain;
    std::vector<Token> larger(static_cast<std::size_t>(at.plain.size()), -1);  // -1: none
    for (Index i = 0; i < at.plain.size(); ++i) {
      for (int draw = 0; draw < kDraws; ++draw) {
        const auto v = static_cast<Token>(random.below(at.task.values));
        const Token* const tuple = &at.plain.tokens(i, 0);
        Token next = static_cast<Token>(at.task.values);
        for (Index j = 0; j < at.task.length; ++j) {
          if (tuple[j] > v) next = std::min(next, tuple[j]);
        }
        if (next == at.task.values || next == at.plain.labels(i, k)) continue;
        changed.tokens(i, at.position(k)) = v;
        larger[static_cast<std::size_t>(i)] = next;
        break;
      }
    }
    const Tensor<Index> said = at.answers(changed, k, {});
    for (Index i = 0; i < at.plain.size(); ++i) {
      const Token next = larger[static_cast<std::size_t>(i)];
      if (next < 0) continue;
      all += 1.0;
      double& where = said(i) == at.plain.labels(i, k) ? share.of_place
                      : said(i) == next                ? share.next_larger
                                                       : share.other;
      where += 1.0;
    }
  }
  for (double* const part : {&share.of_place, &share.next_larger, &share.other}) {
    *part *= 100.0 / all;
  }
  return share;
}

inline void next_larger(const AtAnswers& at, Report& report) {
  const NextAnswers share = next_answers(at);
  report.add(judge({.claim = "after an overwritten answer: by place, next larger, other",
                    .study_says = "mostly ... the number that belongs in that position",
                    .unit = "%",
                    .definition = "an answer is overwritten by a number for which the k-th of the "
                                  "sorted numbers and the smallest that is larger than it differ; "
                                  "how often the next answer is the first, the second, neither"},
                   {share.of_place, share.next_larger, share.other},
                   {{{75.0, 100.0}, {50.0, 100.0}}, {{0.0, 25.0}, {0.0, 50.0}}, {}}));
}

/// How curved scores are: for the mean of what stands where answer k is read, the scores it gives
/// to numbers by polynomials of degree 1, 2 and 3; median R2 in percent over heads and answers.
inline std::array<double, 3> polynomial_fits(const AtAnswers& at) {
  const std::string site = at.site("hook_resid_pre");
  const Tensor<float> numbers = at.numbers_in_tuple();
  std::array<std::vector<double>, 3> r2;
  for (Index k = 0; k < at.task.answers(); ++k) {
    const auto run = collect_at(at.model, at.plain.tokens, at.position(k), {site}, {}, at.threads);
    const Tensor<float> query = hooked::mean(run.cache[site], 0);
    const auto scores = head_scores(at.model, at.layer, query.view_as({1, query.numel()}), numbers);
    const auto y = scores.select(1, 0).transpose();  // [value, head]
    for (Index degree = 1; degree <= 3; ++degree) {
      Tensor<double> powers({at.task.values, degree});
      for (Index v = 0; v < at.task.values; ++v) {
        const double x = 2.0 * static_cast<double>(v) / static_cast<double>(at.task.values - 1) - 1;
        for (Index p = 0; p < degree; ++p) powers(v, p) = std::pow(x, static_cast<double>(p + 1));
      }
      const auto fit = fit_linear(powers, y);
      for (Index h = 0; h < y.size(1); ++h) {
        r2[static_cast<std::size_t>(degree - 1)].push_back(100.0 * fit.r2(h));
      }
    }
  }
  return {median(r2[0]), median(r2[1]), median(r2[2])};
}

/// The scores that a number at the first place gives to numbers at the other ones, in head 0.
inline void draw_place_scores(const AtAnswers& at, Report& report) {
  const View<const float> W_E = at.model["embed.W_E"], W_pos = at.model["pos_embed.W_pos"];
  const auto at_place = [&](Index place) {
    Tensor<float> x(W_E.slice(0, 0, at.task.values));
    x.matrix().rowwise() += W_pos.select(0, place).matrix().row(0);
    return x;
  };
  const Tensor<float> first = at_place(0);
  Figure figure = Figure::heatmap("Scores between places of a tuple, head 0", "number at the place",
                                  "number at place 0", "score", Figure::Colors::diverging);
  for (Index place = 1; place < at.task.length; ++place) {
    figure.panel("place " + std::to_string(place),
                 head_scores(at.model, at.layer, first, at_place(place)).select(0, 0));
  }
  report.add("place_scores", "The panels are alike: the place of a number does not matter.",
             std::move(figure));
}

inline void curved_scores(const AtAnswers& at, Report& report) {
  const auto [line, parabola, cubic] = polynomial_fits(at);
  report.add(
      judge({.claim = "scores over the number: R2 of degree 1, 2, 3",
             .study_says = "closer to a polynomial than a straight",
             .unit = "%",
             .definition = "the scores that the mean residual stream where an answer is read "
                           "gives to numbers in a tuple, by polynomials in the number; median "
                           "over heads and answers. A line is not enough where it leaves a "
                           "tenth, and degree 3 is where it leaves less than that"},
            {line, parabola, cubic},
            {{{.high = 90.0}, {.high = 95.0}}, {}, {{90.0, 100.0}, {80.0, 100.0}}}));
}

}  // namespace order_statistics
