// The circuits of attention heads, from weights alone (Elhage et al., "A Mathematical Framework for
// Transformer Circuits", 2021): where a head looks, W_Q W_K^T, and what it then writes, W_V W_O.
// Biases, norms, the divisor of scores and the turns of rotary positions are left out;
// fold_layer_norm (interp/weight_steps.hpp) brings the weights of norms in.
#pragma once

#include <algorithm>
#include <string>

#include "hooked/core/in_place.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/svd.hpp"
#include "hooked/interp/factored_matrix.hpp"
#include "hooked/interp/weights.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// W_Q W_K^T of every head, [layer, head, d_model, d_model]: x QK y^T is how much a query x looks
/// at a key y. Throws NameError when the model has no blocks.
template <Scalar T>
FactoredMatrix<T> QK(const Transformer<T>& model) {
  return {detail::of_all_heads(model, "W_Q"), detail::of_all_heads(model, "W_K").transpose()};
}
/// That of one head, [d_model, d_model]; negative numbers count from the end. Throws ShapeError
/// when there is no such block or head.
template <Scalar T>
FactoredMatrix<T> QK(const Transformer<T>& model, Index layer, Index head) {
  return QK(model).select(0, detail::block_number("QK", model.config(), layer)).select(0, head);
}

/// W_V W_O of every head, [layer, head, d_model, d_model]: x OV is what a head writes where it
/// looks at x. Throws NameError when the model has no blocks.
template <Scalar T>
FactoredMatrix<T> OV(const Transformer<T>& model) {
  return {detail::of_all_heads(model, "W_V"), detail::of_all_heads(model, "W_O")};
}
/// That of one head, [d_model, d_model]. Throws as QK.
template <Scalar T>
FactoredMatrix<T> OV(const Transformer<T>& model, Index layer, Index head) {
  return OV(model).select(0, detail::block_number("OV", model.config(), layer)).select(0, head);
}

/// W_E W_Q W_K^T W_E^T of every head, [layer, head, query token, key token]: how much a token looks
/// at another. Throws as QK.
template <Scalar T>
FactoredMatrix<T> full_QK(const Transformer<T>& model) {
  return matmul(matmul(model["embed.W_E"], QK(model)), model["embed.W_E"].transpose());
}
/// W_E W_V W_O W_U of every head, [layer, head, token, d_vocab_out]: the logits that a head writes
/// where it looks at a token. Throws as OV.
template <Scalar T>
FactoredMatrix<T> full_OV(const Transformer<T>& model) {
  return matmul(matmul(model["embed.W_E"], OV(model)), unembedding(model));
}
/// W_pos W_Q W_K^T W_pos^T of every head, [layer, head, query position, key position]: large below
/// the diagonal for a head that looks at the token before. Throws NameError when positions are not
/// learned, else as QK.
template <Scalar T>
FactoredMatrix<T> positional_QK(const Transformer<T>& model) {
  return matmul(matmul(model["pos_embed.W_pos"], QK(model)), model["pos_embed.W_pos"].transpose());
}

/// sum Re(lambda) / sum |lambda| over the eigenvalues of each matrix, [...]: 1 where they are all
/// positive, as of a head that makes what it looks at more likely. Of full_OV(model) these are the
/// copying scores, [layer, head]. NaN of a matrix that is 0. Throws ShapeError unless the matrices
/// are square, as full_OV is where d_vocab_out is d_vocab.
template <Scalar T>
Tensor<double> copying_score(const FactoredMatrix<T>& matrices) {
  const auto lambda = matrices.eigenvalues();
  const auto sizes = map(lambda, [](const std::complex<double>& z) { return std::abs(z); });
  const auto reals = map(lambda, [](const std::complex<double>& z) { return z.real(); });
  return sum(reals, -1) / sum(sizes, -1);
}

namespace detail {

// W_U^T of the first `count` columns of V [d_model, k].
template <Scalar T>
Tensor<T> read_through_unembedding(const Transformer<T>& model, const Tensor<T>& V, Index count) {
  if (count < 1 || count > V.size(1)) {
    fail<ShapeError>("there are ", V.size(1), " singular vectors, ", count, " were asked for");
  }
  return matmul(unembedding(model).transpose(), V.slice(1, 0, count));
}

template <Scalar T>
View<const T> mlp_weight(const Transformer<T>& model, Index layer, const char* name) {
  return model[text("blocks.", block_number(name, model.config(), layer), ".mlp.", name)];
}

}  // namespace detail

/// The directions that a head writes to most, read as logits: the first `count` right singular
/// vectors of OV, times W_U, a column each, [d_vocab_out, count]. Signs are arbitrary. Throws
/// ShapeError when there is no such block or head, or OV has fewer singular vectors (d_head).
template <Scalar T>
Tensor<T> OV_singular_logits(const Transformer<T>& model, Index layer, Index head,
                             Index count = 10) {
  return detail::read_through_unembedding(model, OV(model, layer, head).svd().V, count);
}
/// The directions that an MLP reads most: the same of W_in^T [d_mlp, d_model], scaled by the
/// weights of ln2 where it has some. Throws ShapeError when there is no such block or W_in has
/// fewer singular vectors, NameError when the block has no MLP.
template <Scalar T>
Tensor<T> W_in_singular_logits(const Transformer<T>& model, Index layer, Index count = 10) {
  Tensor<T> W_in(detail::mlp_weight(model, layer, "W_in"));
  const std::string w =
      text("blocks.", detail::block_number("W_in", model.config(), layer), ".ln2.w");
  if (model.parameters().contains(w)) W_in *= model[w].reshape({-1, 1});
  return detail::read_through_unembedding(model, svd(W_in).U, count);
}
/// The directions that an MLP writes to most: the same of W_out [d_mlp, d_model]. Throws as
/// W_in_singular_logits.
template <Scalar T>
Tensor<T> W_out_singular_logits(const Transformer<T>& model, Index layer, Index count = 10) {
  return detail::read_through_unembedding(model, svd(detail::mlp_weight(model, layer, "W_out")).V,
                                          count);
}

}  // namespace hooked
