// The logits as cosines of x + s y - z, and W_L, which makes them of what neurons know.
#pragma once

#include "at_equals.hpp"
#include "hooked/core/select.hpp"
#include "hooked/interp/fits.hpp"

namespace addition {

/// sum_k a_k sqrt(2 / p^3) cos(w_k (x + s y - z)) over the key frequencies, [p^2, p]: the part of
/// the logits that answer_coefficients() is about.
inline Tensor<double> key_cosines(const AtEquals& at) {
  const Tensor<double> coefficients = answer_coefficients(at.logits, at.sign);
  Tensor<double> components({at.p, 1});
  for (const Index k : at.key) {
    components(2 * k - 1, 0) = coefficients(k) / static_cast<double>(at.p);
  }
  const Tensor<double> of_difference = inverse_fourier(components, 0);  // of (x + s y) - z
  const Tensor<double> by_sum = function_of_sum(of_difference, -1);     // [p^2, 1]
  return function_of_sum(by_sum.view_as({at.p, at.p}), at.sign);
}

/// How much of the variance of all logits their key cosines are.
inline double key_share(const AtEquals& at) {
  const Tensor<double> cosines = key_cosines(at), centred = at.logits - mean(at.logits).item();
  return sum(cosines * cosines).item() / sum(centred * centred).item();
}

/// Rows of W_L in the Fourier basis at the key frequencies, u_k and v_k: [2 keys, neuron].
inline Tensor<double> key_directions(const AtEquals& at) {
  return take(fourier(neuron_logits(at.model), 0), 0, Tensor<Index>(waves_of(at.key, at.p)));
}

inline void logit_cosines(const AtEquals& at, Report& report) {
  report.add(judge({.claim = "logits by the key cosines: variance explained, loss ratio",
                    .study_says = {95, 0.2},
                    .unit = "%, -",
                    .definition = "sum_k a_k cos(w_k (x + s y - z)) over the key frequencies, s = "
                                  "-1 for x - y and else 1, a_k by least squares: sum of squares "
                                  "over all pairs and outputs, divided by that of the logits less "
                                  "their mean; loss with these alone as logits, divided by the "
                                  "model's (Nanda et al.: 4.7e-8 to 2.4e-7)"},
                   {100.0 * key_share(at), at.loss_of(key_cosines(at)) / at.loss},
                   {{{90.0, 100.0}, {75.0, 100.0}}, {{0.0, 0.5}, {0.0, 1.0}}}));
}

/// The logits by frequency of x + s y - z, and by waves in x and in y.
inline void draw_logits(const AtEquals& at, Report& report) {
  const Tensor<double> coefficients = answer_coefficients(at.logits, at.sign);
  std::vector<std::string> groups;
  Tensor<double> by_frequency({at.p / 2});
  for (Index k = 1; k <= at.p / 2; ++k) {
    groups.push_back(std::to_string(k));
    by_frequency(k - 1) = coefficients(k);
  }
  report.add(
      "logit_cosines",
      "The logits are cosines of x + s y - z of the key frequencies, and hardly anything else.",
      Figure::bars("Logits along cos w(x + s y - z)", "frequency", "coefficient")
          .panel_with_groups("unit cosines over all pairs and outputs", groups)
          .series("coefficient", by_frequency));
  const Tensor<double> waves =
      fourier(fourier(at.logits.view_as({at.p, at.p, at.p}), 0), 1);  // [wave, wave, output]
  Tensor<double> sizes = l2_norm(waves, 2);
  sizes(0, 0) = 0.0;
  report.add("logit_waves",
             "Four bright cells for each key frequency: products of a wave in x with one in y.",
             Figure::heatmap("Logits by waves (const, cos 1, sin 1, ...)", "wave in y", "wave in x",
                             "norm over outputs", Figure::Colors::sequential)
                 .panel("all", sizes));
}

inline void logit_weights(const AtEquals& at, Report& report) {
  const Tensor<double> W_L = neuron_logits(at.model);
  const double rest = l2_norm(W_L - keep_frequencies(W_L, 0, at.key)).item();
  report.add(judge(
      {.claim = "W_L is of few dimensions: how many, what is beyond them",
       .study_says = {10, 0.55},
       .unit = "-, %",
       .definition = "number of sines and cosines of the key frequencies; "
                     "Frobenius norm of W_L = W_U W_out less these of the output, "
                     "divided by that of W_L"},
      {static_cast<double>(waves_of(at.key, at.p).size()), 100.0 * rest / l2_norm(W_L).item()},
      {{{6, 12}, {4, 16}}, {{0.0, 2.0}, {0.0, 10.0}}}));

  // What neurons know along u_k and v_k, and how much of it is a wave in x + s y.
  const Tensor<double> directions = key_directions(at);
  const Tensor<double> known = matmul(cast<double>(at.post), directions.transpose());
  const std::vector<Index> waves = waves_of(at.key, at.p);
  std::vector<double> explained;
  for (Index i = 0; i < known.size(1); ++i) {
    const Tensor<double> one(known.slice(1, i, i + 1));
    const Index k = (waves[static_cast<std::size_t>(i)] + 1) / 2;
    const Tensor<double> wave = project_on_sums(one, {k}, at.sign) + mean(one).item();
    explained.push_back(100.0 * r_squared(one, wave)(0));
  }
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto [least, most] = std::minmax_element(explained.begin(), explained.end());
  report.add(
      judge({.claim = "neurons along W_L's waves are waves in x + s y: least, most",
             .study_says = {93.2, 98.2},
             .unit = "%",
             .definition = "for each direction u_k, v_k of neurons that W_L reads out as "
                           "cos(w_k z), sin(w_k z), k a key frequency: share of the variance "
                           "of u_k . activations over all pairs that cos and sin of w_k (x + "
                           "s y) explain"},
            {explained.empty() ? none : *least, explained.empty() ? none : *most},
            {{{90.0, 100.0}, {75.0, 100.0}}, {{90.0, 100.0}, {75.0, 100.0}}}));
}

/// W_L of the neurons of the strongest key frequency, by waves of the output.
inline void draw_cluster(const AtEquals& at, const std::vector<Index>& fitted,
                         const std::vector<Index>& frequency, Report& report) {
  const Tensor<double> W_L = fourier(neuron_logits(at.model), 0);  // [wave, neuron]
  const Tensor<double> norms = norms_by_frequency(neuron_logits(at.model));
  const Index strongest = 1 + argmax(norms.slice(0, 1, norms.size(0)), 0).item();
  std::vector<Index> cluster;
  for (const Index i : fitted) {
    if (frequency[static_cast<std::size_t>(i)] == strongest) cluster.push_back(i);
  }
  const Tensor<double> rows(take(W_L, 1, Tensor<Index>(cluster)).transpose());
  report.add("cluster",
             "Neurons of one frequency write to the cosine and the sine of that frequency alone.",
             Figure::heatmap("W_L of the neurons of the strongest frequency",
                             "wave of the output (const, cos 1, sin 1, ...)", "neuron", "weight",
                             Figure::Colors::diverging)
                 .panel("frequency " + std::to_string(strongest), rows));
}

}  // namespace addition
