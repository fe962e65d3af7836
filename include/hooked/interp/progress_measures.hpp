// Progress measures: how much of what a model knows it knows by some frequencies (Nanda et al.,
// "Progress measures for grokking via mechanistic interpretability", 2023).
#pragma once

#include <string>
#include <vector>

#include "hooked/core/reduce.hpp"
#include "hooked/interp/pair_waves.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

/// Logits [p*p, m] without their waves in x + s y of some frequencies: f - project_on_sums(f).
/// Their loss on training pairs is the excluded loss: it is high once a model needs these waves.
/// Throws as project_on_sums.
template <TensorLike X>
Tensor<double> excluded_logits(const X& logits, const std::vector<Index>& frequencies,
                               int sign = 1) {
  return cast<double>(logits) - project_on_sums(logits, frequencies, sign);
}

/// Logits [p*p, m] with nothing but their waves in x + s y of some frequencies, and with what is
/// left of each output its mean over all pairs. Their loss is the restricted loss: it is low once
/// these waves are enough. Throws as project_on_sums.
template <TensorLike X>
Tensor<double> restricted_logits(const X& logits, const std::vector<Index>& frequencies,
                                 int sign = 1) {
  const Tensor<double> waves = project_on_sums(logits, frequencies, sign);
  return waves + mean(cast<double>(logits) - waves, 0, Keep::yes);
}

/// The sum of w^2 over all parameters.
template <Scalar T>
double sum_of_squares(const Parameters<T>& parameters) {
  double total = 0.0;
  for (const std::string& name : parameters.names()) {
    for_each_element(parameters[name], [&](Index, const T& w) {
      total += static_cast<double>(w) * static_cast<double>(w);
    });
  }
  return total;
}

}  // namespace hooked
