// Dataset: sequences of tokens and what should come out of them.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/ops/cross_entropy.hpp"

namespace hooked {

/// `tokens` [examples, pos] go in; `labels` [examples, positions] should come out at the positions
/// where the loss is read. CrossEntropy::kIgnored marks a label that does not count.
struct Dataset {
  Tensor<Token> tokens;
  Tensor<Token> labels;

  Index size() const { return tokens.numel() == 0 ? 0 : tokens.size(0); }

  /// The examples `chosen`, in that order.
  Dataset subset(std::span<const Index> chosen) const {
    const auto count = static_cast<Index>(chosen.size());
    Dataset part{Tensor<Token>({count, tokens.size(1)}), Tensor<Token>({count, labels.size(1)})};
    for (Index i = 0; i < count; ++i) {
      const Index from = chosen[static_cast<std::size_t>(i)];
      copy(tokens.select(0, from), part.tokens.select(0, i));
      copy(labels.select(0, from), part.labels.select(0, i));
    }
    return part;
  }
};

/// Two parts of a data set, drawn at random.
struct Split {
  Dataset train;
  Dataset test;
};

/// Draws `train_size` examples for training; the rest is for testing. The same seed gives the same
/// split. Throws ShapeError when the set is smaller.
inline Split split(const Dataset& all, Index train_size, Seed seed) {
  if (train_size < 0 || train_size > all.size()) {
    fail<ShapeError>("split: ", train_size, " training examples of ", all.size());
  }
  std::vector<Index> order(static_cast<std::size_t>(all.size()));
  Random(seed, "split").permutation(order);
  const std::span<const Index> indices(order);
  const auto n = static_cast<std::size_t>(train_size);
  return {all.subset(indices.first(n)), all.subset(indices.subspan(n))};
}

}  // namespace hooked
