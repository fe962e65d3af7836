// The weights as functions of a number: W_E of an operand, W_L = W_U W_out of the answer, and the
// frequencies that they are made of.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "hooked/core/matmul.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/interp/fourier.hpp"
#include "hooked/interp/statistics.hpp"
#include "hooked/nn/transformer.hpp"

namespace addition {

using hooked::Index;
using hooked::Tensor;
using hooked::Transformer;

/// W_E of the numbers, without "=": [p, d_model].
inline Tensor<double> embedding(const Transformer<float>& model) {
  return cast<double>(model["embed.W_E"].slice(0, 0, model.config().d_vocab_out));
}

/// W_L = W_U W_out as Nanda et al. write it, what each neuron adds to each answer's logit:
/// [p, neuron].
inline Tensor<double> neuron_logits(const Transformer<float>& model) {
  const Tensor<float> map = matmul(model["blocks.0.mlp.W_out"], model["unembed.W_U"]);
  return cast<double>(map.transpose());
}

/// |W| by frequency for W [p, m]: the root of the power of its sines and cosines over all columns,
/// [p/2 + 1].
inline Tensor<double> norms_by_frequency(const Tensor<double>& W) {
  return map(sum(fourier_power(W, 0), 1), [](double power) { return std::sqrt(power); });
}

/// The frequencies whose norm is more than a quarter of the largest one's, the constant aside: the
/// rule of Nanda's public demo.
inline std::vector<Index> important(const Tensor<double>& norms) {
  double largest = 0.0;
  for (Index k = 1; k < norms.size(0); ++k) largest = std::max(largest, norms(k));
  std::vector<Index> chosen;
  for (Index k = 1; k < norms.size(0); ++k) {
    if (norms(k) > 0.25 * largest) chosen.push_back(k);
  }
  return chosen;
}

/// A model's key frequencies: the important ones of W_L, as in the paper's appendix C.2.
inline std::vector<Index> key_frequencies(const Transformer<float>& model) {
  return important(norms_by_frequency(neuron_logits(model)));
}

/// The rows of the Fourier basis of p points that are waves of these frequencies.
inline std::vector<Index> waves_of(const std::vector<Index>& frequencies, Index p) {
  std::vector<Index> rows;
  for (const Index k : frequencies) {
    rows.push_back(2 * k - 1);
    if (2 * k < p) rows.push_back(2 * k);
  }
  return rows;
}

/// Gini's coefficient of the norms of W's waves [p, m], const, cos 1, sin 1, ...: 0 for equal ones.
inline double wave_inequality(const Tensor<double>& W) {
  return hooked::gini(hooked::to_vector(l2_norm(fourier(W, 0), 1)));
}

/// "14, 35, 41"
inline std::string list(const std::vector<Index>& frequencies) {
  std::string text;
  for (const Index k : frequencies) text += (text.empty() ? "" : ", ") + std::to_string(k);
  return text.empty() ? "none" : text;
}

}  // namespace addition
