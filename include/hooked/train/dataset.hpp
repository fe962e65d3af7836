// Dataset: sequences of tokens and what should come out of them.
#pragma once

#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/ops/cross_entropy.hpp"
#include "hooked/train/batch.hpp"

namespace hooked {

/// `tokens` [examples, pos] go in; `labels` [examples, positions] should come out. A batch of it is
/// a data set, too.
struct Dataset {
  Tensor<Token> tokens;
  Tensor<Token> labels;  ///< CrossEntropy::kIgnored marks one that does not count
  /// The positions at which the labels stand, rising; empty: all.
  std::vector<Token> positions = {};
  /// How much each example counts [examples], or each label [examples, positions]; empty: all
  /// alike.
  Tensor<float> weights = {};

  static constexpr std::tuple parts{&Dataset::tokens, &Dataset::labels, &Dataset::positions,
                                    &Dataset::weights};

  /// How many examples it has.
  Index size() const { return tokens.numel() == 0 ? 0 : tokens.size(0); }
};

/// The examples `chosen`, in that order. Throws ShapeError for one that is not there.
template <Batch B>
B subset(const B& all, std::span<const Index> chosen) {
  const Index examples = examples_in(all, "subset: the data set");
  for (const Index i : chosen) {
    if (i >= 0 && i < examples) continue;
    fail<ShapeError>("subset: there is no example ", i, " among ", examples);
  }
  B part;
  copy_examples(
      all, static_cast<Index>(chosen.size()),
      [&](Index i) { return chosen[static_cast<std::size_t>(i)]; }, part);
  return part;
}

/// Two parts of a data set, drawn at random.
template <Batch B>
struct Split {
  B train;  ///< as many as were asked for
  B test;   ///< the rest
};

/// Draws `train_size` examples for training; the rest is for testing. The same seed gives the same
/// split. Throws ShapeError when the set is smaller.
template <Batch B>
Split<B> split(const B& all, Index train_size, Seed seed) {
  const Index examples = examples_in(all, "split: the data set");
  if (train_size < 0 || train_size > examples) {
    fail<ShapeError>("split: ", train_size, " training examples of ", examples);
  }
  std::vector<Index> order(static_cast<std::size_t>(examples));
  Random(seed, "split").permutation(order);
  const std::span<const Index> indices(order);
  const auto n = static_cast<std::size_t>(train_size);
  return {subset(all, indices.first(n)), subset(all, indices.subspan(n))};
}

}  // namespace hooked
