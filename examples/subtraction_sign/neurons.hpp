// Neurons: linear fits of their preactivations, which of them matter, and what kinds there are
// (analyses A2 and A3).
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "at_equals.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/interp/histogram.hpp"
#include "hooked/interp/periodicity.hpp"

namespace subtraction {

/// W_logit = W_out W_U [neuron, token]: how much each neuron boosts each token.
inline Tensor<float> logit_weights(const Transformer<float>& model) {
  return matmul(model["blocks.0.mlp.W_out"], model["unembed.W_U"]);
}

/// The fits pre_i(a, b) ~ m_i (a - b) + c_i over all pairs. Those that the study calls important
/// are the 270 of largest |m_i|: its threshold is lost in its text, their number is not.
struct NeuronFits {
  static constexpr Index kImportant = 270;

  Tensor<double> difference;         // [10000, 1]: a - b
  hooked::LinearFits of_difference;  // slopes m [1, neuron]
  std::vector<Index> important, others;

  explicit NeuronFits(const Tensor<float>& pre)
      : difference(over_pairs([](double a, double b) { return a - b; }).reshape({kPairs, 1})),
        of_difference(fit_linear(difference, pre)) {
    std::vector<Index> order(static_cast<std::size_t>(pre.size(1)));
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Index i, Index j) { return std::abs(m(i)) > std::abs(m(j)); });
    important.assign(order.begin(), order.begin() + kImportant);
    others.assign(order.begin() + kImportant, order.end());
    std::sort(important.begin(), important.end());
    std::sort(others.begin(), others.end());
  }

  double m(Index neuron) const { return of_difference.slopes(0, neuron); }
  double r2(Index neuron) const { return of_difference.r2(neuron); }
  /// Of the important ones, those that grow with b-a (m_i < 0).
  std::vector<Index> growing() const { return with_sign(-1.0); }
  /// Of the important ones, those that fall with b-a (m_i > 0).
  std::vector<Index> falling() const { return with_sign(1.0); }

 private:
  std::vector<Index> with_sign(double sign) const {
    std::vector<Index> chosen;
    for (const Index i : important) {
      if (m(i) * sign > 0) chosen.push_back(i);
    }
    return chosen;
  }
};

/// Shares of the variance of a neuron's preactivation: `linear` by m (a-b) + c, `periodic` by its
/// strongest frequency of at least 3 cycles in 100 (of a straight line, these have below 7%).
struct Shares {
  std::vector<double> linear, periodic;  // [neuron], 0 to 1

  Shares(const AtEquals& at, const NeuronFits& fits) {
    for (Index i = 0; i < at.pre.size(1); ++i) {
      linear.push_back(fits.r2(i));
      periodic.push_back(hooked::strongest_frequency(square(at.pre.select(1, i)), 3).share);
    }
  }
};

/// Examples for figures. sign: of the neurons that grow with b-a, the one that moves
/// logit_- - logit_+ most for each unit of it. periodic: the most of its variance is one frequency.
struct Examples {
  Index sign = 0, periodic = 0;
};

inline void neuron_kinds(const AtEquals& at, const NeuronFits& fits, const Shares& shares,
                         Report& report) {
  constexpr double kMostly = 0.5, kSome = 0.1;
  double linear = 0, periodic = 0, both = 0;
  const auto has = [](const std::vector<double>& share, Index i, double least) {
    return share[static_cast<std::size_t>(i)] >= least;
  };
  const Index neurons = at.pre.size(1);
  for (Index i = 0; i < neurons; ++i) {
    linear += has(shares.linear, i, kMostly) ? 1.0 : 0.0;
    periodic += has(shares.periodic, i, kMostly) ? 1.0 : 0.0;
    both += has(shares.linear, i, kSome) && has(shares.periodic, i, kSome) ? 1.0 : 0.0;
  }
  const auto percent = [&](double count) { return 100.0 * count / static_cast<double>(neurons); };
  std::vector<double> r2;
  for (const Index i : fits.important) r2.push_back(100.0 * fits.r2(i));
  report.add(judge({.claim = "two classes of neurons: linear, periodic",
                    .study_says = "two predominant important classes",
                    .unit = "%",
                    .definition = "of all neurons, those of whose preactivation's variance one "
                                  "half or more is m (a-b) + c, and those of which it is one "
                                  "frequency of 3 to 50 cycles in 100 along a and b; together "
                                  "predominant: more than half"},
                   {percent(linear), percent(periodic), percent(linear + periodic)},
                   {{{10.0, 100.0}, {1.0, 100.0}},
                    {{10.0, 100.0}, {1.0, 100.0}},
                    {{50.0, 100.0}, {25.0, 100.0}}}));
  report.add(judge({.claim = "neurons that are linear and periodic at once",
                    .study_says = "many neurons are somewhat polysemantic",
                    .unit = "%",
                    .definition = "of all neurons, those of whose preactivation's variance 10% or "
                                  "more is linear in a-b and 10% or more is one frequency"},
                   percent(both), {{20.0, 100.0}, {5.0, 100.0}}));
  report.add(judge({.claim = "270 neurons: linear in a-b (median R2)",
                    .study_says = "largely described in terms of a ... linear function",
                    .unit = "%",
                    .definition = "pre_i ~ m_i (a-b) + c_i by least squares over all pairs, the "
                                  "270 neurons of largest |m_i|"},
                   median(r2), {{50.0, 100.0}, {25.0, 100.0}}));
  const auto bins = hooked::histogram(fits.of_difference.r2, 50, 0.0, 1.0);
  const Tensor<double> periodic_shares({neurons}, shares.periodic);
  report.add("neuron_kinds",
             "Many neurons are straight lines in a - b and some are waves of one frequency: bars "
             "at the right end.",
             Figure::histogram("What neurons' preactivations are", "share of variance", "neurons")
                 .panel_with_edges("all neurons", bins.edges)
                 .series("linear in a-b", bins.counts)
                 .series("one frequency", histogram(periodic_shares, 50, 0.0, 1.0).counts));
}

inline void draw_examples(const AtEquals& at, const Examples& examples, Report& report) {
  const auto draw = [&](const std::string& name, Index i, const std::string& see) {
    const auto map = [&](const Tensor<float>& x) { return square(x.select(1, i)); };
    report.add("neuron_" + name, see,
               Figure::heatmap("A " + name + " neuron (number " + std::to_string(i) + ")", "b", "a",
                               "activation", Figure::Colors::diverging)
                   .panel("preactivation", map(at.pre))
                   .panel("activation", map(at.post)));
  };
  draw("sign", examples.sign,
       "It is on for one order of a and b, and the more so the further they are apart.");
  draw("periodic", examples.periodic, "It is periodic in a and in b: stripes of one width.");
}

}  // namespace subtraction
