// Which frequencies the weights at both ends are made of.
#pragma once

#include <algorithm>
#include <iterator>

#include "at_equals.hpp"

namespace addition {

/// How many are in both, of those that are in one or the other: 1 for equal sets; NaN for none.
inline double overlap(const std::vector<Index>& a, const std::vector<Index>& b) {
  std::vector<Index> both, any;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(any));
  return static_cast<double>(both.size()) / static_cast<double>(any.size());
}

/// Bars by frequency, one series for the cosines and one for the sines of W [p, m].
inline Figure wave_bars(const std::string& title, const Tensor<double>& W) {
  const Index p = W.size(0);
  const Tensor<double> norms = l2_norm(fourier(W, 0), 1);
  std::vector<std::string> groups;
  Tensor<double> cosines({p / 2}), sines({p / 2});
  for (Index k = 1; k <= p / 2; ++k) {
    groups.push_back(std::to_string(k));
    cosines(k - 1) = norms(2 * k - 1);
    sines(k - 1) = 2 * k < p ? norms(2 * k) : 0.0;
  }
  Figure bars = Figure::bars(title, "frequency", "norm");
  bars.panel_with_groups("by frequency", groups).series("cos", cosines).series("sin", sines);
  return bars;
}

inline void frequencies(const AtEquals& at, Report& report) {
  const Tensor<double> W_E = embedding(at.model), W_L = neuron_logits(at.model);
  const Tensor<double> norms_E = norms_by_frequency(W_E), norms_L = norms_by_frequency(W_L);
  const std::vector<Index> important_E = important(norms_E);
  const auto count = [](const std::vector<Index>& set) { return static_cast<double>(set.size()); };
  report.add(judge({.claim = "important frequencies: of W_E, of W_L, in common",
                    .study_says = {5, 5, 0.83},
                    .definition = "number of frequencies with more than a quarter of the norm of "
                                  "the strongest, over the columns of W_E [p, d_model] and of W_L "
                                  "= W_U W_out [p, neuron]; of those that one has, the share that "
                                  "both have; those of W_L are the key frequencies; 5 for W_E is "
                                  "the study's; Nanda et al. find 5 in W_L (3 and 4 with other "
                                  "seeds) and these and one more in W_E"},
                   {count(important_E), count(at.key), overlap(important_E, at.key)},
                   {{{3, 7}, {2, 10}}, {{3, 6}, {2, 8}}, {{0.7, 1.0}, {0.4, 1.0}}}));
  report.add(hooked::Claim{.claim = "key frequencies",
                           .measured = list(at.key),
                           .definition = "the important ones of W_L"});
  double of_key = 0.0, all = 0.0;
  for (Index k = 1; k < norms_E.size(0); ++k) all += norms_E(k) * norms_E(k);
  for (const Index k : at.key) of_key += norms_E(k) * norms_E(k);
  report.add(hooked::report({.claim = "W_E in the key frequencies",
                             .unit = "%",
                             .definition = "of the sum of squares of W_E, each column's mean over "
                                           "the numbers taken off"},
                            100.0 * of_key / all));
  report.add(hooked::report({.claim = "Gini coefficient of the waves of W_E, of W_L",
                             .definition = "of the p norms of W's components along const, cos 1, "
                                           "sin 1, ..., over all columns: 0 for equal ones"},
                            std::vector<double>{wave_inequality(W_E), wave_inequality(W_L)}));
  report.add("W_E_frequencies",
             "A few bars stand out: the frequencies that numbers are embedded by.",
             wave_bars("W_E in the Fourier basis", W_E));
  report.add("W_L_frequencies", "The same few frequencies lead from the neurons to the logits.",
             wave_bars("W_L = W_U W_out in the Fourier basis", W_L));
}

}  // namespace addition
