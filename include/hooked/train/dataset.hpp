// Dataset: sequences of tokens and what should come out of them.
#pragma once

#include <concepts>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "hooked/autograd/rows.hpp"
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
  /// What the model reads of it.
  const Tensor<Token>& input() const { return tokens; }

  /// Throws ShapeError, which `what` begins, when it does not fit itself or the model.
  template <class Model>
  void check(const Model& model, const std::string& what) const;
};

/// A batch that cross-entropy can be taken of: `input()` is what a model reads, `labels` [examples,
/// positions] is what should come out, `weights` is how much each example or label counts, and
/// `check(model, what)` throws for what does not fit.
template <class B>
concept LabelledBatch = Batch<B> && requires(const B& b) {
  b.input();
  { b.labels } -> std::convertible_to<const Tensor<Token>&>;
  { b.weights } -> std::convertible_to<const Tensor<float>&>;
};

namespace detail {

/// Throws ShapeError, which `what` begins, unless weights are for examples or for labels, and none
/// is negative.
inline void check_weights(View<const float> weights, const Shape& labels, const std::string& what) {
  if (weights.rank() > 1 && weights.shape() != labels) {
    fail<ShapeError>(what, " has weights ", weights.shape(), " and labels ", labels,
                     "; weights must be [", labels[0],
                     "], one for each example, or one for each label");
  }
  for_each_element(weights, [&](Index i, const float& w) {
    if (!(w >= 0.0f)) fail<ShapeError>(what, " has weight ", w, " at ", i, ", it must be >= 0");
  });
}

/// Throws ShapeError, which `what` begins, for a label outside the vocabulary.
inline void check_labels(View<const Token> labels, Index d_vocab, const std::string& what) {
  for_each_element(labels, [&](Index i, const Token& label) {
    if (label != CrossEntropy::kIgnored && (label < 0 || label >= d_vocab)) {
      fail<ShapeError>(what, " has label ", label, " at [", i / labels.size(1), ", ",
                       i % labels.size(1), "], outside the vocabulary 0..", d_vocab - 1);
    }
  });
}

}  // namespace detail

template <class Model>
void Dataset::check(const Model& model, const std::string& what) const {
  if (size() == 0) fail<ShapeError>(what, " is empty");
  if (tokens.rank() != 2) {
    fail<ShapeError>(what, " has tokens ", tokens.shape(), ", they must be [examples, pos]");
  }
  const Index length = tokens.size(1);
  if constexpr (requires { model.network().config().n_ctx; }) {
    const Index most = model.network().config().n_ctx;
    if (length > most) {
      fail<ShapeError>(what, " has sequences of ", length, ", longer than n_ctx ", most);
    }
  }
  check_positions(what + " is read at positions that", positions, length);
  const Index wanted = positions.empty() ? length : static_cast<Index>(positions.size());
  if (labels.shape() != Shape{size(), wanted}) {
    fail<ShapeError>(what, " has tokens ", tokens.shape(), " and labels ", labels.shape(),
                     "; with ", wanted, " positions read, labels must be ", Shape{size(), wanted});
  }
  detail::check_weights(weights, labels.shape(), what);
  if constexpr (requires { model.network().config().d_vocab_out; }) {
    const auto& config = model.network().config();
    for_each_element(tokens.view(), [&](Index i, const Token& token) {
      if (token < 0 || token >= config.d_vocab) {
        fail<ShapeError>(what, " has token ", token, " at [", i / length, ", ", i % length,
                         "], outside the vocabulary 0..", config.d_vocab - 1);
      }
    });
    detail::check_labels(labels, config.d_vocab_out, what);
  }
}

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
