// Neurons: how far each is a polynomial in the sines and cosines of one frequency.
#pragma once

#include <limits>

#include "at_equals.hpp"
#include "hooked/interp/histogram.hpp"

namespace addition {

/// The frequency of each neuron after ReLU, and the share of its variance over all pairs that the
/// frequency's 8 waves explain; a neuron that does not vary has none.
struct NeuronFrequencies {
  static constexpr double kFitted = 0.85;  // what Nanda et al. call well explained

  std::vector<Index> frequency;
  Tensor<double> share;           // [neuron]
  std::vector<Index> fitted;      // neurons of one frequency
  std::vector<Index> of_neurons;  // how many of them each frequency has, [p/2 + 1]

  explicit NeuronFrequencies(const AtEquals& at)
      : share({at.post.size(1)}), of_neurons(static_cast<std::size_t>(at.p / 2 + 1)) {
    const Tensor<double> shares = frequency_shares(at.post);
    for (Index i = 0; i < at.post.size(1); ++i) {
      Index best = 1;
      for (Index k = 1; k < shares.size(0); ++k) {
        if (shares(k, i) > shares(best, i)) best = k;
      }
      frequency.push_back(best);
      share(i) = std::isnan(shares(best, i)) ? 0.0 : shares(best, i);
      if (share(i) <= kFitted) continue;
      fitted.push_back(i);
      ++of_neurons[static_cast<std::size_t>(best)];
    }
  }
};

/// Of the variance of all neurons over all pairs: the percentage in the 8 waves of each key
/// frequency in x, y and both. NaN where they do not vary.
inline double key_waves(const AtEquals& at, const Tensor<float>& neurons) {
  const Tensor<double> shares = sum(frequency_shares(neurons, at.key), 0),
                       variance = cast<double>(var(neurons, 0));
  double of_key = 0.0;
  for (Index i = 0; i < neurons.size(1); ++i) {
    if (variance(i) > 0) of_key += shares(i) * variance(i);  // else its share is NaN
  }
  return 100.0 * of_key / sum(variance).item();
}

/// The activations [p^2, neuron] with those of fitted neurons replaced by their polynomials.
inline Tensor<double> with_polynomials(const AtEquals& at, const NeuronFrequencies& neurons) {
  const Tensor<double> polynomials = keep_pair_frequency(at.post, neurons.frequency);
  Tensor<double> values = cast<double>(at.post);
  for (const Index i : neurons.fitted) {
    values.matrix().col(i) = polynomials.matrix().col(i);
  }
  return values;
}

inline void neuron_frequencies(const AtEquals& at, const NeuronFrequencies& neurons,
                               Report& report) {
  const auto n = static_cast<double>(at.post.size(1));
  const auto fitted = static_cast<double>(neurons.fitted.size());
  double of_key = 0.0, key_used = 0.0, always_on = 0.0, never_on = 0.0;
  for (const Index k : at.key) {
    const auto here = static_cast<double>(neurons.of_neurons[static_cast<std::size_t>(k)]);
    of_key += here, key_used += here > 0 ? 1.0 : 0.0;
  }
  const Tensor<float> least = min(at.post, 0), most = max(at.post, 0);
  for (Index i = 0; i < at.post.size(1); ++i) {
    always_on += least(i) > 0 ? 1.0 : 0.0, never_on += most(i) > 0 ? 0.0 : 1.0;
  }
  const double replaced = at.loss_of(at.logits_with_neurons(with_polynomials(at, neurons)));
  report.add(judge({.claim = "neurons of one frequency; loss with these as polynomials",
                    .study_says = {84.6, 1.03},
                    .unit = "%, -",
                    .definition = "share of all neurons that have more than 85% of their variance "
                                  "over all pairs, after ReLU, in the 8 waves of one frequency in "
                                  "x, y and both; loss over all pairs with these neurons being "
                                  "nothing but their mean and these waves, divided by that before"},
                   {100.0 * fitted / n, replaced / at.loss},
                   {{within(84.6, 12.0), {50.0, 100.0}}, {within_factor(1.03, 1.5), {0.0, 5.0}}}));
  report.add(judge({.claim = "these neurons have key frequencies, and each of those has neurons",
                    .study_says = {100, 100},
                    .unit = "%",
                    .definition = "share of the neurons of one frequency whose frequency is a key "
                                  "one; share of the key frequencies that are some neuron's"},
                   {100.0 * of_key / fitted, 100.0 * key_used / static_cast<double>(at.key.size())},
                   {{{98.0, 100.0}, {90.0, 100.0}}, {{98.0, 100.0}, {75.0, 100.0}}}));
  report.add(hooked::report({.claim = "neurons that are on for all pairs, and for none",
                             .unit = "%",
                             .definition = "share of all neurons that are above 0 after ReLU"},
                            std::vector<double>{100.0 * always_on / n, 100.0 * never_on / n}));
  const auto bins = hooked::histogram(neurons.share, 50, 0.0, 1.0);
  report.add(
      "neuron_shares",
      "Most neurons stand at the right end: they are polynomials in the waves of one frequency.",
      Figure::histogram("Variance of neurons in one frequency", "share of variance", "neurons")
          .panel_with_edges("all neurons", bins.edges)
          .series("strongest frequency", bins.counts));
}

inline void waves_of_neurons(const AtEquals& at, Report& report) {
  report.add(hooked::report({.claim = "key waves of the neurons: before ReLU, after it",
                             .unit = "%",
                             .definition = "of the variance of all neurons over all pairs, the "
                                           "share of the 8 waves of each key frequency in x, y "
                                           "and both"},
                            std::vector<double>{key_waves(at, at.pre), key_waves(at, at.post)}));
}

/// The first neurons, as the study draws them.
inline void draw_neurons(const AtEquals& at, Report& report) {
  Figure maps =
      Figure::heatmap("Neurons after ReLU", "y", "x", "activation", Figure::Colors::sequential);
  Figure waves = Figure::heatmap("Neurons by waves (const, cos 1, sin 1, ...)", "wave in y",
                                 "wave in x", "size", Figure::Colors::sequential);
  for (Index i = 0; i < std::min<Index>(4, at.post.size(1)); ++i) {
    const std::string name = "neuron " + std::to_string(i);
    maps.panel(name, square(at.post.select(1, i)));
    waves.panel(name, square_of_waves(at.post.select(1, i)));
  }
  report.add("neurons", "Each neuron is periodic in x and in y.", std::move(maps));
  report.add(
      "neuron_waves",
      "Few cells are bright: the constant, and waves of one frequency in x, in y and in both.",
      std::move(waves));
}

}  // namespace addition
