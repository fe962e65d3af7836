// The effective matrices of Nanda et al. (appendix A.2): what an operand does to a head's
// attention, and by way of a head to the neurons, read from the weights alone.
#pragma once

#include <algorithm>
#include <limits>

#include "at_equals.hpp"
#include "hooked/core/svd.hpp"
#include "hooked/interp/attention_by.hpp"
#include "hooked/interp/fits.hpp"

namespace addition {

/// W_attn^h = (W_E[=] + W_pos[2]) W_Q W_K^T W_E^T / sqrt(d_head): the score that "=" gives to a
/// number, but for its place, [number, head].
inline Tensor<double> attention_by_number(const Transformer<float>& model) {
  const auto W_E = model["embed.W_E"], W_pos = model["pos_embed.W_pos"];
  const Index p = model.config().d_vocab_out;
  const Tensor<float> equals = W_E.select(0, p) + W_pos.select(0, kPositionEquals);
  const Tensor<float> scores =
      head_scores(model, 0, equals.view_as({1, equals.numel()}), W_E.slice(0, 0, p));
  return cast<double>(scores.select(1, 0).transpose());
}

/// W_neur^h = W_E W_V W_O W_in: what a number adds to the neurons by way of a head that looks at
/// nothing else, [head, number, neuron].
inline Tensor<double> neurons_by_number(const Transformer<float>& model) {
  const Tensor<float> values = matmul(model["embed.W_E"].slice(0, 0, model.config().d_vocab_out),
                                      model["blocks.0.attn.W_V"]);
  const Tensor<float> out = matmul(values, model["blocks.0.attn.W_O"]);  // [head, number, d_model]
  return cast<double>(matmul(out, model["blocks.0.mlp.W_in"]));
}

/// The attention of "=" to x when it has nothing but x and y to look at, the logistic function of
/// W_attn^h[x] - W_attn^h[y] and what the two places differ by: [p^2, head].
inline Tensor<double> attention_of_two(const Transformer<float>& model) {
  const Tensor<double> of_number = attention_by_number(model);
  const auto W_E = model["embed.W_E"], W_pos = model["pos_embed.W_pos"];
  const Index p = of_number.size(0), heads = of_number.size(1);
  const Tensor<float> equals = W_E.select(0, p) + W_pos.select(0, kPositionEquals);
  const Tensor<float> of_place =
      head_scores(model, 0, equals.view_as({1, equals.numel()}), W_pos.slice(0, 0, 2));
  Tensor<double> to_x({p * p, heads});
  for (Index row = 0; row < p * p; ++row) {
    for (Index h = 0; h < heads; ++h) {
      const double places = static_cast<double>(of_place(h, 0, kPositionX)) -
                            static_cast<double>(of_place(h, 0, kPositionY));
      const double lead = of_number(row / p, h) - of_number(row % p, h) + places;
      to_x(row, h) = 1.0 / (1.0 + std::exp(-lead));
    }
  }
  return to_x;
}

/// Of the sum of squares of W [p, m], each column's mean taken off: the percentage in its five
/// strongest frequencies. NaN for a W that does not vary.
inline double share_of_five(const Tensor<double>& W) {
  const Tensor<double> power = sum(fourier_power(W, 0), 1);
  std::vector<double> by_frequency(power.data() + 1, power.data() + power.numel());
  std::sort(by_frequency.begin(), by_frequency.end(), std::greater<>());
  double all = 0.0, five = 0.0;
  for (std::size_t i = 0; i < by_frequency.size(); ++i) {
    all += by_frequency[i];
    if (i < 5) five += by_frequency[i];
  }
  return 100.0 * five / all;
}

inline void effective_attention(const AtEquals& at, Report& report) {
  const Tensor<double> W_attn = attention_by_number(at.model);
  std::vector<double> in_five;
  for (Index h = 0; h < W_attn.size(1); ++h) {
    in_five.push_back(share_of_five(Tensor<double>(W_attn.slice(1, h, h + 1))));
  }
  const auto [least, most] = std::minmax_element(in_five.begin(), in_five.end());
  report.add(judge({.claim = "scores of '=' over the number: in five frequencies, least and most",
                    .study_says = "sparse in the Fourier basis",
                    .unit = "%",
                    .definition = "of the variance of W_attn^h = (W_E[=] + W_pos[2]) W_Q W_K^T "
                                  "W_E^T / sqrt(d_head) over all numbers, the share of the five "
                                  "strongest frequencies; least and most of the heads"},
                   {*least, *most},
                   {{{90.0, 100.0}, {70.0, 100.0}}, {{90.0, 100.0}, {70.0, 100.0}}}));

  const Tensor<double> to_x(cast<double>(at.pattern.select(2, kPositionX)));
  const Tensor<double> R2 = r_squared(to_x, attention_of_two(at.model));
  report.add(judge({.claim = "attention to x is the logistic function of a difference of scores",
                    .study_says = "sigmoid of the score difference",
                    .unit = "%",
                    .definition = "R2 over all pairs of A^h['=', x] by the logistic function of "
                                  "W_attn^h[x] - W_attn^h[y] and the two places' difference; the "
                                  "least of the heads"},
                   100.0 * min(R2).item(), {{95.0, 100.0}, {70.0, 100.0}}));

  std::vector<std::string> groups;
  for (Index k = 1; k <= at.p / 2; ++k) groups.push_back(std::to_string(k));
  Figure bars = Figure::bars("Scores of '=' over the number, by frequency", "frequency", "norm");
  const Tensor<double> power = fourier_power(W_attn, 0);
  for (Index h = 0; h < power.size(1); ++h) {
    const Tensor<double> norms =
        map(power.select(1, h).slice(0, 1, power.size(0)), [](double v) { return std::sqrt(v); });
    bars.panel_with_groups("head " + std::to_string(h), groups).series("W_attn", norms);
  }
  report.add("W_attn_frequencies",
             "The scores of each head are made of a few waves, key frequencies all of them.",
             std::move(bars));
}

inline void effective_neurons(const AtEquals& at, Report& report) {
  const Tensor<double> W_neur = neurons_by_number(at.model);
  std::vector<double> in_five;
  for (Index h = 0; h < W_neur.size(0); ++h) {
    in_five.push_back(share_of_five(Tensor<double>(W_neur.select(0, h))));
  }
  const auto [least, most] = std::minmax_element(in_five.begin(), in_five.end());
  report.add(judge({.claim = "numbers to neurons: in five frequencies, least and most",
                    .study_says = "sparse in the Fourier basis",
                    .unit = "%",
                    .definition = "of the variance of W_neur^h = W_E W_V W_O W_in over all numbers "
                                  "and neurons, the share of the five strongest frequencies; least "
                                  "and most of the heads"},
                   {*least, *most},
                   {{{90.0, 100.0}, {70.0, 100.0}}, {{90.0, 100.0}, {70.0, 100.0}}}));
}

/// How few directions the numbers lie in.
inline void singular_values(const AtEquals& at, Report& report) {
  const Tensor<double> W_E = embedding(at.model);
  const Tensor<double> S = hooked::svd(W_E - mean(W_E, 0, hooked::Keep::yes)).S;
  const Index waves = static_cast<Index>(waves_of(at.key, at.p).size());
  const Tensor<double> squares = S * S;
  const double first =
      sum(squares.slice(0, 0, std::min(waves, squares.numel()))).item() / sum(squares).item();
  report.add(hooked::report({.claim = "singular values of W_E: the first, one a key wave",
                             .unit = "%",
                             .definition = "of the sum of squares of W_E, each column's mean over "
                                           "the numbers taken off: the share of as many of the "
                                           "largest singular values as there are sines and cosines "
                                           "of key frequencies"},
                            100.0 * first));
  Tensor<double> place({S.numel()});
  for (Index i = 0; i < S.numel(); ++i) place(i) = static_cast<double>(i);
  report.add(
      "singular_values",
      "Numbers lie in few directions: the curve falls steeply after two for each key frequency.",
      Figure::lines("Singular values of W_E", "place", "singular value")
          .panel("each column's mean taken off")
          .line("W_E", place, S));
}

}  // namespace addition
