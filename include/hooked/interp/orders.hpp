// Whether a model cares in which order some tokens come.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "hooked/core/angles.hpp"
#include "hooked/interp/collect.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// The sequence [pos] with its first `count` tokens in every order, in lexicographic order of the
/// places where they come from: [count!, pos], the sequence itself first. Throws ShapeError unless
/// `count` is from 1 to 7 (5,040 orders) and at most the length of the sequence.
inline Tensor<Token> all_orders(View<const Token> sequence, Index count) {
  constexpr Index kMost = 7;
  if (sequence.rank() != 1 || count < 1 || count > std::min(kMost, sequence.numel())) {
    fail<ShapeError>("all_orders: of ", count, " tokens of a sequence ", sequence.shape(),
                     ": it must be from 1 to 7 of [pos]");
  }
  Index orders = 1;
  for (Index i = 2; i <= count; ++i) orders *= i;
  Tensor<Token> all({orders, sequence.size(0)});
  std::vector<Index> from(static_cast<std::size_t>(count));
  std::iota(from.begin(), from.end(), Index{0});
  for (Index order = 0; order < orders; ++order) {
    copy(sequence, all.select(0, order));
    for (Index i = 0; i < count; ++i) all(order, i) = sequence(from[static_cast<std::size_t>(i)]);
    std::next_permutation(from.begin(), from.end());
  }
  return all;
}

/// The cosine similarity of the activation of `site` at `position` between all orders of the first
/// `count` tokens of a sequence [pos]: [count!, count!] as in all_orders; all ones for a model that
/// does not care. A position after these tokens is wanted. Throws what all_orders and collect_at
/// do.
template <Scalar T>
Tensor<T> similarity_of_orders(const Transformer<T>& model, View<const Token> sequence, Index count,
                               const std::string& site, Token position, int threads = 0) {
  const auto cache =
      collect_at(model, all_orders(sequence, count), position, {site}, {}, threads).cache;
  const View<const T> rows = cache[site];
  return cosine_similarity(rows.view_as({rows.size(0), rows.numel() / rows.size(0)}));
}

}  // namespace hooked
