// The logits of the two signs: their shape over all pairs and a classifier in three numbers
// (analyses A1 and A9).
#pragma once

#include <vector>

#include "study.hpp"

namespace subtraction {

/// logit_+ and logit_- at "=" over all pairs.
struct SignLogits {
  Tensor<double> plus, minus;  // [10000]

  explicit SignLogits(const Study& study)
      : plus(in_double(study.logits.select(1, kPlus))),
        minus(in_double(study.logits.select(1, kMinus))) {}
};

inline void logit_maps(const SignLogits& logits, Report& report) {
  const auto sum = logits.plus + logits.minus;
  report.add("logits", Figure::heatmap("Logits of the signs at '='", "b", "a", "logit",
                                       Figure::Colors::diverging)
                           .panel("+", square(logits.plus))
                           .panel("-", square(logits.minus))
                           .panel("sum", square(sum)));

  // On {a < b}: logit ~ m (b-a) + c. On {a >= b} the logits should not depend on a and b.
  std::vector<Index> below, above;
  for (Index row = 0; row < kPairs; ++row) {
    (row / kNumbers < row % kNumbers ? below : above).push_back(row);
  }
  const auto distance = over_pairs([](double a, double b) { return b - a; });
  const auto fit = [&](const Tensor<double>& logit, const std::vector<Index>& rows) {
    const auto n = static_cast<Index>(rows.size());
    return fit_linear(take(distance, 0, rows).reshape({n, 1}),
                      take(logit, 0, rows).reshape({n, 1}));
  };
  const auto on_plus = fit(logits.plus, below), on_minus = fit(logits.minus, below);
  const auto on_sum = fit(sum, below);
  const double m_plus = on_plus.slopes(0, 0), m_minus = on_minus.slopes(0, 0);
  const Rule falls{{.high = 0.0}, {.high = 0.0}}, rises{{.low = 0.0}, {.low = 0.0}};
  report.add(
      judge({.claim = "a < b: slopes of the + and - logit over b-a",
             .study_says = "+ falls, - rises",
             .unit = "logits",
             .definition = "least squares of each logit by m (b-a) + c over the pairs a < b"},
            {m_plus, m_minus}, {falls, rises}));
  report.add(judge({.claim = "a < b: R2 of these fits",
                    .study_says = "linear",
                    .unit = "%",
                    .definition = "share of the variance over the pairs a < b, + then -"},
                   {100.0 * on_plus.r2(0), 100.0 * on_minus.r2(0)},
                   {{{80.0, 100.0}, {50.0, 100.0}}, {{80.0, 100.0}, {50.0, 100.0}}}));
  report.add(judge({.claim = "a < b: slope of - over slope of +",
                    .study_says = -1.0,
                    .definition = "ratio of the two slopes"},
                   m_minus / m_plus, {{-1.25, -0.8}, {-2.0, -0.5}}));
  report.add(judge({.claim = "a < b: slope of the sum over slope of -",
                    .study_says = "the sum is flat: 0",
                    .definition = "|slope of logit_+ + logit_-| / |slope of logit_-|"},
                   std::abs(on_sum.slopes(0, 0) / m_minus), {{0.0, 0.2}, {0.0, 0.5}}));

  // "Roughly constant": the spread where a >= b against the change where a < b.
  const auto spread = [&](const Tensor<double>& logit) {
    const double change = 99.0 * std::abs(m_minus);
    return std::sqrt(hooked::var(take(logit, 0, above)).item()) / change;
  };
  report.add(judge({.claim = "a >= b: spread of the + and - logit",
                    .study_says = "roughly constant",
                    .definition = "standard deviation over the pairs a >= b, divided by the change "
                                  "of the fitted - logit from b-a = 0 to 99; + then -"},
                   {spread(logits.plus), spread(logits.minus)},
                   {{{0.0, 0.15}, {0.0, 0.5}}, {{0.0, 0.15}, {0.0, 0.5}}}));
  report.add(judge({.claim = "a >= b: mean of the + and - logit",
                    .study_says = "moderate, about 0",
                    .unit = "logits",
                    .definition = "mean over the pairs a >= b; shape: + above 0 and well above -"},
                   {hooked::mean(take(logits.plus, 0, above)).item(),
                    hooked::mean(take(logits.minus, 0, above)).item()},
                   {{{5.0, 40.0}, {.low = 0.0}}, {{-10.0, 10.0}, {.high = 15.0}}}));
}

/// logit_+ ~ c_+ - k max(0, b-a) and logit_- ~ c_- + k max(0, b-a), c_+, c_- and k by least squares
/// over all pairs and both logits.
inline void closed_form(const SignLogits& logits, Report& report) {
  const auto ramp = over_pairs([](double a, double b) { return std::max(0.0, b - a); });
  // Rows: all of logit_+, then all of logit_-. Columns: is +, is -, and the ramp with its sign.
  Tensor<double> design({2 * kPairs, 3}), target({2 * kPairs, 1});
  for (Index row = 0; row < kPairs; ++row) {
    const Index other = kPairs + row;
    design(row, 0) = 1.0, design(other, 1) = 1.0;
    design(row, 2) = -ramp(row), design(other, 2) = ramp(row);
    target(row, 0) = logits.plus(row), target(other, 0) = logits.minus(row);
  }
  const auto fit = hooked::lstsq(design, target);
  const double c_plus = fit.solution(0, 0), c_minus = fit.solution(1, 0), k = fit.solution(2, 0);
  const double boundary = (c_plus - c_minus) / (2.0 * k);
  double right = 0.0;
  for (Index row = 0; row < kPairs; ++row) {
    const bool says_minus = c_minus + k * ramp(row) > c_plus - k * ramp(row);
    right += says_minus == (row / kNumbers < row % kNumbers) ? 1.0 : 0.0;
  }
  report.add(
      judge({.claim = "three-number classifier: c_+, c_-, k",
             .study_says = "c_+ > c_-, k > 0",
             .unit = "logits",
             .definition = "logit_+- ~ c_+- -+ k max(0, b-a) by least squares over all pairs; "
                           "judged: c_+ - c_-, and k"},
            {c_plus - c_minus, k}, {{{.low = 0.0}, {.low = 0.0}}, {{.low = 0.0}, {.low = 0.0}}}));
  report.claims.back().measured = {hooked::rounded(c_plus), hooked::rounded(c_minus),
                                   hooked::rounded(k)};
  report.add(judge({.claim = "three-number classifier: R2",
                    .study_says = "roughly of this form",
                    .unit = "%",
                    .definition = "share of the variance of both logits that the form explains"},
                   100.0 * fit.r2(0), {{80.0, 100.0}, {50.0, 100.0}}));
  report.add(judge({.claim = "three-number classifier: accuracy",
                    .study_says = "classifies",
                    .unit = "%",
                    .definition = "says '-' where its - logit is above its + logit, all pairs"},
                   100.0 * right / kPairs, {{95.0, 100.0}, {85.0, 100.0}}));
  report.add(judge({.claim = "three-number classifier: boundary b-a",
                    .study_says = "between 0 and 1",
                    .definition = "(c_+ - c_-) / (2k): from there on it says '-'; the task's is "
                                  "between 0 and 1"},
                   boundary, {{0.0, 1.0}, {-10.0, 10.0}}));
}

}  // namespace subtraction
