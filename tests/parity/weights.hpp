// What is made of a model's weights alone: processing step by step, circuits, composition.
#pragma once

#include <string>

#include "hooked/interp/circuits.hpp"
#include "hooked/interp/composition.hpp"
#include "hooked/interp/weight_processing.hpp"
#include "hooked/nn/transformer.hpp"
#include "results.hpp"

namespace hooked::parity {

/// Every step after the ones before it; a step that is refused is left out. Without padding, for at
/// a query that sees nothing the value biases do not fold.
template <Scalar T>
void processing(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  Transformer<T> now = model;
  const auto step = [&](const std::string& name, const auto& function) {
    try {
      now = function(now);
    } catch (const ConfigError& error) {
      results.add("processing refused", name, 1.0);
      return;
    }
    for (const std::string& parameter : now.parameters().names()) {
      results.add("processed weights", name + " " + parameter, std::as_const(now)[parameter]);
    }
    results.add("processed logits", name, now(inputs.tokens));
  };
  step("fold_layer_norm", fold_layer_norm<T>);
  step("center_writing_weights", center_writing_weights<T>);
  step("center_unembed", center_unembed<T>);
  step("fold_value_biases", fold_value_biases<T>);
  step("refactor_factored_attn_matrices", refactor_factored_attn_matrices<T>);
}

template <Scalar T>
void factored(const std::string& name, const FactoredMatrix<T>& matrix, Results& results) {
  results.add("factored matrix", name + " AB", matrix.AB());
  const auto [U, S, V] = matrix.svd();
  results.add("factored matrix", name + " S", S);
  results.add("factored matrix", name + " U S V^T",
              matmul(detail::times_diagonal(U, S), V.transpose()));
  results.add("factored matrix", name + " norm", matrix.norm());
  results.add("factored matrix", name + " make_even", matrix.make_even().AB());
  const Tensor<T> left = matrix.collapse_l(), right = matrix.collapse_r();
  results.add("factored matrix", name + " collapse_l", matmul(left.transpose(), left));
  results.add("factored matrix", name + " collapse_r", matmul(right, right.transpose()));
}

template <Scalar T>
void eigenvalues(const std::string& name, const FactoredMatrix<T>& matrix, Results& results) {
  const auto values = matrix.eigenvalues();
  Tensor<double> parts(join(values.shape(), {2}));  // real and imaginary
  for_each_element(values.view(), [&](Index i, const std::complex<double>& z) {
    parts.data()[2 * i] = z.real();
    parts.data()[2 * i + 1] = z.imag();
  });
  results.add("eigenvalues", name, std::move(parts));
}

template <Scalar T>
void circuits(const Transformer<T>& model, const Inputs&, Results& results) {
  factored("OV", OV(model), results);
  factored("QK", QK(model), results);
  factored("full OV", full_OV(model), results);
  factored("full QK", full_QK(model), results);
  eigenvalues("OV", OV(model), results);
  eigenvalues("QK", QK(model), results);
  results.add("composition", "Q", composition_scores(model, Composition::Q));
  results.add("composition", "K", composition_scores(model, Composition::K));
  results.add("composition", "V", composition_scores(model, Composition::V));
}

}  // namespace hooked::parity
