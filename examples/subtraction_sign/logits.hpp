// The logits of the two signs: their shape over all pairs, and the study's classifier (analyses A1
// and A9).
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "algorithm.hpp"

namespace subtraction {

/// logit_+- ~ c_+- -+ k max(0, b-a), with c_+, c_- and k by least squares over all pairs and both
/// logits.
struct Classifier {
  double c_plus, c_minus, k;
  double accuracy = 0.0;  ///< in percent: says "-" where its - logit is the larger

  Classifier(const Tensor<double>& plus, const Tensor<double>& minus) {
    const auto ramp = over_pairs([](double a, double b) { return std::max(0.0, b - a); });
    // Rows: all of logit_+, then all of logit_-. Columns: is +, is -, and the ramp with its sign.
    Tensor<double> design({2 * kPairs, 3}), target({2 * kPairs, 1});
    for (Index row = 0; row < kPairs; ++row) {
      const Index other = kPairs + row;
      design(row, 0) = 1.0, design(other, 1) = 1.0;
      design(row, 2) = -ramp(row), design(other, 2) = ramp(row);
      target(row, 0) = plus(row), target(other, 0) = minus(row);
    }
    const auto fit = hooked::lstsq(design, target);
    c_plus = fit.solution(0, 0), c_minus = fit.solution(1, 0), k = fit.solution(2, 0);
    for (Index row = 0; row < kPairs; ++row) {
      const bool says_minus = c_minus + k * ramp(row) > c_plus - k * ramp(row);
      accuracy += says_minus == (row / kNumbers < row % kNumbers) ? 100.0 / kPairs : 0.0;
    }
  }
};

inline void logit_shapes(const AtEquals& at, Report& report) {
  const auto plus = in_double(at.logits.select(1, kPlus));
  const auto minus = in_double(at.logits.select(1, kMinus));
  const auto sum = plus + minus;
  report.add(
      "logits",
      "The logit of - is large above the diagonal, where b is the larger number, and flat below "
      "it.",
      Figure::heatmap("Logits of the signs at '='", "b", "a", "logit", Figure::Colors::diverging)
          .panel("+", square(plus))
          .panel("-", square(minus))
          .panel("sum", square(sum)));

  const auto below = pairs_where(true), above = pairs_where(false);
  const Rule linear{{80.0, 100.0}, {50.0, 100.0}}, flat{within(0.0, 0.2), within(0.0, kFlat)};
  const Rule falls{{.high = 0.0}, {.high = 0.0}}, rises{{.low = 0.0}, {.low = 0.0}};
  const auto shape = [&](const Tensor<double>& logit) {
    const Line on_below = line_in_b_minus_a(logit, below);
    const Line on_above = line_in_b_minus_a(logit, above);
    return std::vector<double>{on_below.slope, 100.0 * on_below.r2,
                               on_above.slope / on_below.slope};
  };
  std::vector<double> shapes = shape(plus);
  for (const double number : shape(minus)) shapes.push_back(number);
  report.add(judge({.claim = "logits of +, -: slope, R2, ratio",
                    .study_says = "decrease linearly; increases linearly",
                    .unit = "per unit, %, -",
                    .definition = "slope m and R2 of a logit by m (b-a) + c over the pairs a < b, "
                                  "and its slope over a >= b divided by m"},
                   shapes, {falls, linear, flat, rises, linear, flat}));
  const Line of_minus = line_in_b_minus_a(minus, below), of_sum = line_in_b_minus_a(sum, below);
  const auto difference = sign_difference(at.logits);
  report.add(judge({.claim = "sum of the logits: slope; R2 of the difference",
                    .study_says = "roughly equal and opposite",
                    .unit = "-, %",
                    .definition = "slope of logit_+ + logit_- over that of logit_-, both over the "
                                  "pairs a < b; R2 of logit_- - logit_+ there, so that there is "
                                  "something to be opposite"},
                   {of_sum.slope / of_minus.slope, 100.0 * line_in_b_minus_a(difference, below).r2},
                   {flat, linear}));
  report.add(hooked::report(
      {.claim = "a >= b: mean of the + and - logit",
       .study_says = "a moderate value; a roughly constant value of 0",
       .unit = "logits",
       .definition = "mean over the pairs a >= b; a common constant changes no probability"},
      std::vector<double>{hooked::mean(take(plus, 0, above)).item(),
                          hooked::mean(take(minus, 0, above)).item()}));

  const Classifier form(plus, minus);
  report.add(judge(
      {.claim = "one-sided: ratio, accuracy of the hinge",
       .study_says = "doesn't really pay any attention to whether or not it's positive",
       .unit = "-, %",
       .definition = "ratio: slope of logit_- - logit_+ over b-a on a >= b, divided by that on "
                     "a < b; accuracy of logit_+- = c_+- -+ k max(0, b-a) with "
                     "c_+, c_-, k by least squares, k > 0"},
      {ratio_of_sides(difference), form.k > 0 ? form.accuracy : 0.0},
      {flat, {{95.0, 100.0}, {85.0, 100.0}}}));
  report.add(hooked::report({.claim = "c_+, c_-, k, and the boundary (c_+ - c_-) / 2k",
                             .unit = "logits, units of b-a",
                             .definition = "of that classifier; the task's boundary is between 0 "
                                           "and 1"},
                            std::vector<double>{form.c_plus, form.c_minus, form.k,
                                                (form.c_plus - form.c_minus) / (2.0 * form.k)}));
}

}  // namespace subtraction
