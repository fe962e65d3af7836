// Composition of heads: how much of what one head writes is in the directions that a later one
// reads (Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021).
#pragma once

#include "hooked/core/creation.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/interp/circuits.hpp"
#include "hooked/interp/factored_matrix.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// What of the later head reads: its queries, its keys or its values.
enum class Composition { Q, K, V };

/// |W_OV^1 W^2| / (|W_OV^1| |W^2|) in Frobenius norms for every head of an earlier block and every
/// head of a later one, [layer 1, head 1, layer 2, head 2]; 0 unless layer 1 < layer 2. W^2 is W_QK
/// for Q, W_QK^T for K and W_OV for V. NaN where a head's weights are 0. What is above chance,
/// random_composition_scores tells. Throws NameError when the model has no blocks.
template <Scalar T>
Tensor<T> composition_scores(const Transformer<T>& model, Composition mode) {
  const FactoredMatrix<T> writes = OV(model);
  const FactoredMatrix<T> reads = mode == Composition::Q   ? QK(model)
                                  : mode == Composition::K ? QK(model).transpose()
                                                           : writes;
  const Tensor<T> left = writes.collapse_l(), right = reads.collapse_r();  // [.., k, d_model], ..
  const Tensor<T> left_norm = writes.norm(), right_norm = reads.norm();    // [layer, head]
  const Index layers = writes.size(0), heads = writes.size(1);
  Tensor<T> scores({layers, heads, layers, heads});
  for (Index l2 = 1; l2 < layers; ++l2) {
    for (Index l1 = 0; l1 < l2; ++l1) {
      for (Index h1 = 0; h1 < heads; ++h1) {
        const auto both = matmul(left.select(0, l1).select(0, h1), right.select(0, l2));
        scores.select(0, l1).select(0, h1).select(0, l2) =
            l2_norm(both, {-2, -1}) / (left_norm(l1, h1) * right_norm.select(0, l2));
      }
    }
  }
  return scores;
}

/// The scores of `count` pairs of heads that have nothing to do with each other, [count]: all four
/// matrices of a pair, [d_model, d_head] each, have standard normal numbers, drawn from `seed`. All
/// modes are alike then, and the mean of score^2 is 1 / d_model whatever d_head is: of X and Y with
/// Y turned by a rotation R, the mean of |X R Y|^2 over all R is |X|^2 |Y|^2 / d_model. A model's
/// score is above chance where it is above most of these. Throws ShapeError for sizes below 1.
inline Tensor<double> random_composition_scores(Index d_model, Index d_head, Index count = 100,
                                                Seed seed = {}) {
  if (d_model < 1 || d_head < 1 || count < 1) {
    fail<ShapeError>("random_composition_scores: d_model ", d_model, ", d_head ", d_head,
                     ", count ", count, ": all must be at least 1");
  }
  Random random(seed);
  const auto draw = [&] {
    const auto A = randn<double>({d_model, d_head}, random);
    return FactoredMatrix(A, randn<double>({d_head, d_model}, random));
  };
  Tensor<double> scores({count});
  for (Index i = 0; i < count; ++i) {
    const auto X = draw(), Y = draw();
    scores(i) = matmul(X, Y).norm().item() / (X.norm().item() * Y.norm().item());
  }
  return scores;
}

}  // namespace hooked
