// Neurons: linear fits of their preactivations, which of them matter, and three ablations
// (analyses A2, A3 and A4).
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "hooked/interp/histogram.hpp"
#include "study.hpp"

namespace subtraction {

/// The fits pre_i(a, b) ~ m_i (a - b) + c_i and pre_i(a, b) ~ p_i a + q_i b + c_i over all pairs.
struct NeuronFits {
  Tensor<double> difference;         // [10000, 1]: a - b
  hooked::LinearFits of_difference;  // slopes m [1, neuron]
  hooked::LinearFits of_both;        // slopes p, q [2, neuron]
  std::vector<Index> important, others;

  /// a - b spans 198, so that a slope of tau changes a preactivation by 198 tau across all pairs.
  static constexpr double kSpan = 2.0 * (kNumbers - 1);
  /// The study's threshold is lost in its text. With 198 tau = 1/4 the count over three seeds of
  /// `full` has its median next to the study's 270.
  static constexpr double kVariation = 0.25;
  static constexpr double kTau = kVariation / kSpan;

  explicit NeuronFits(const Study& study)
      : difference(over_pairs([](double a, double b) { return a - b; }).reshape({kPairs, 1})),
        of_difference(fit_linear(difference, study.pre)) {
    Tensor<double> both({kPairs, 2});
    copy(over_pairs([](double a, double) { return a; }).view(), both.select(1, 0));
    copy(over_pairs([](double, double b) { return b; }).view(), both.select(1, 1));
    of_both = fit_linear(both, study.pre);
    for (Index i = 0; i < study.pre.size(1); ++i) {
      (std::abs(m(i)) > kTau ? important : others).push_back(i);
    }
  }

  double m(Index neuron) const { return of_difference.slopes(0, neuron); }
  double count_above(double tau) const {
    return hooked::sum(hooked::map(of_difference.slopes,
                                   [tau](double slope) { return std::abs(slope) > tau; }))
        .item();
  }
};

inline void linear_fits(const Study& study, const NeuronFits& fits, Report& report) {
  std::vector<double> r2, balance;
  for (const Index i : fits.important) {
    r2.push_back(100.0 * fits.of_difference.r2(i));
    const double p = fits.of_both.slopes(0, i), q = fits.of_both.slopes(1, i);
    balance.push_back(std::abs(p + q) / (std::abs(p) + std::abs(q)));
  }
  report.add(judge(
      {.claim = "important neurons: linear in a-b (median R2)",
       .study_says = "largely a linear function",
       .unit = "%",
       .definition = "pre_i ~ m_i (a-b) + c_i by least squares over all pairs, important neurons"},
      median(r2), {{50.0, 100.0}, {20.0, 100.0}}));
  report.add(
      judge({.claim = "important neurons: |p+q| / (|p|+|q|) (median)",
             .study_says = "a function of a-b: 0",
             .definition = "pre_i ~ p_i a + q_i b + c_i; 0 where the slopes are opposite and "
                           "equal, 1 where they have one sign or one is missing"},
            median(balance), {{0.0, 0.2}, {0.0, 0.5}}));
  report.add(judge({.claim = "important neurons",
                    .study_says = 270,
                    .unit = "of 512",
                    .definition = "|m_i| > tau with 198 tau = 1/4 (the study's tau is lost)"},
                   static_cast<double>(fits.important.size()),
                   {within_factor(270.0, 1.25), {26.0, 486.0}}));

  std::vector<double> slopes;
  for (Index i = 0; i < study.pre.size(1); ++i) slopes.push_back(std::abs(fits.m(i)));
  std::sort(slopes.begin(), slopes.end(), std::greater<>());
  report.add(
      hooked::report({.claim = "198 tau at which 270 neurons are important",
                      .definition = "198 times the mean of the 270th and 271st largest |m_i|"},
                     fits.kSpan * 0.5 * (slopes[269] + slopes[270])));

  const Index steps = 101;
  Tensor<double> variation({steps}), count({steps});
  for (Index k = 0; k < steps; ++k) {
    variation(k) = 0.05 * static_cast<double>(k);
    count(k) = fits.count_above(variation(k) / fits.kSpan);
  }
  report.add("importance",
             Figure::lines("Important neurons by threshold", "198 tau", "neurons with |m| > tau")
                 .panel("count")
                 .line("neurons", variation, count));
  const double largest = slopes.front();
  const auto bins = hooked::histogram(fits.of_difference.slopes, 60, -largest, largest);
  report.add("slopes", Figure::histogram("Slopes of the preactivations", "m", "neurons")
                           .panel_with_edges("all neurons", bins.edges)
                           .series("neurons", bins.counts));
}

inline void ablations(const Study& study, const NeuronFits& fits, Report& report) {
  const Score base = study.base;
  // An empty list of neurons would mean all of them.
  const auto without = [&](const std::vector<Index>& neurons) {
    if (neurons.empty()) return base;
    return study.score_with(
        {hooked::zero(kPost, {.positions = {kPositionEquals}, .neurons = neurons})});
  };
  const auto add = [&](const std::string& what, const std::string& how, Score s, Claim loss,
                       Rule loss_rule, Claim accuracy, Rule accuracy_rule) {
    loss.claim = what + ": sign loss", loss.unit = "nats", loss.definition = how;
    accuracy.claim = what + ": sign accuracy", accuracy.unit = "%", accuracy.definition = how;
    report.add(judge(std::move(loss), s.loss, loss_rule));
    report.add(judge(std::move(accuracy), s.accuracy, accuracy_rule));
  };
  add("important neurons to zero", "hook_post of the important neurons is 0 at '='",
      without(fits.important), {.study_says = 3.79},
      {within_factor(3.79, 1.5), {.low = 10.0 * base.loss}}, {.study_says = 12.7},
      {within(12.7, 10.0), {0.0, 50.5}});
  add("other neurons to zero", "hook_post of all but the important neurons is 0 at '='",
      without(fits.others), {.study_says = 0.069},
      {within_factor(base.loss, 1.1), within_factor(base.loss, 2.0)}, {.study_says = 98.53},
      {within(base.accuracy, 0.5), within(base.accuracy, 2.0)});
  add("all preactivations by their fits", "hook_pre of all 512 neurons is m_i (a-b) + c_i at '='",
      study.score_replaced(kPre, fits.of_difference.predict(fits.difference)),
      {.study_says = 0.080}, {within_factor(base.loss, 1.5), {0.0, 0.3}}, {.study_says = 97.93},
      {within(base.accuracy, 1.5), {90.0, 100.0}});
}

}  // namespace subtraction
