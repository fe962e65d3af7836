// Attention by what it goes to, and the scores that residual vectors would give each other.
#pragma once

#include <string>
#include <type_traits>

#include "hooked/core/matmul.hpp"
#include "hooked/interp/weights.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Mean attention to classes of keys: pattern [example, head, key] and the class of every key
/// [example, key], from 0 to `classes` - 1, give [head, class]: how much of its attention a head
/// spends on all keys of a class, on average over the examples. A negative class counts for
/// nothing. Throws ShapeError when the shapes do not fit or a class is too large.
template <TensorLike P, TensorLike C>
Tensor<double> attention_by_class(const P& pattern, const C& of_key, Index classes) {
  if (pattern.rank() != 3 || of_key.rank() != 2 || pattern.size(0) != of_key.size(0) ||
      pattern.size(2) != of_key.size(1)) {
    fail<ShapeError>("attention_by_class: the pattern is ", pattern.shape(), ", classes are ",
                     of_key.shape(), ": [example, head, key] and [example, key] are wanted");
  }
  Tensor<double> mean({pattern.size(1), classes});
  const auto examples = static_cast<double>(pattern.size(0));
  for (Index example = 0; example < pattern.size(0); ++example) {
    for (Index key = 0; key < pattern.size(2); ++key) {
      const auto c = static_cast<Index>(of_key(example, key));
      if (c >= classes) fail<ShapeError>("attention_by_class: a class is ", c, " of ", classes);
      if (c < 0) continue;
      for (Index head = 0; head < pattern.size(1); ++head) {
        mean(head, c) += static_cast<double>(pattern(example, head, key)) / examples;
      }
    }
  }
  return mean;
}

/// The attention scores between the rows of `queries` [n, d_model] and of `keys` [m, d_model] in
/// each head of block `layer`, as if they stood in the residual stream:
/// (x W_Q^h + b_Q^h) (y W_K^h + b_K^h)^T / divisor, [head, n, m]. Norms, masks, caps and what
/// positions do to scores are left out.
template <Scalar T>
Tensor<T> head_scores(const Transformer<T>& model, Index layer,
                      View<const std::type_identity_t<T>> queries,
                      View<const std::type_identity_t<T>> keys) {
  const std::string block = text("blocks.", layer, ".attn.");
  const auto rows = [&](View<const T> x, const std::string& which) {
    Tensor<T> y = matmul(x, detail::of_each_head(model.parameters(), block, "W_" + which));
    const Tensor<T> b = detail::of_each_head(model.parameters(), block, "b_" + which);
    for (Index h = 0; h < y.size(0); ++h) {
      y.select(0, h).matrix().rowwise() += b.select(0, h).matrix().row(0);
    }
    return y;
  };
  const Tensor<T> q = rows(queries, "Q"), k = rows(keys, "K");
  const T divisor = static_cast<T>(model.config().attention_divisor(layer));
  Tensor<T> scores({q.size(0), q.size(1), k.size(1)});
  for (Index h = 0; h < q.size(0); ++h) {
    scores.select(0, h).matrix().noalias() =
        q.select(0, h).matrix() * k.select(0, h).matrix().transpose() / divisor;
  }
  return scores;
}

}  // namespace hooked
