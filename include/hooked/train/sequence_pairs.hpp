// SequencePairs: sources, and the targets that an encoder-decoder is to say of them.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "hooked/nn/source_and_target.hpp"
#include "hooked/ops/cross_entropy.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/dataset.hpp"

namespace hooked {

/// `source` and `target` go in; `labels` [examples, target pos] should come out, each after the
/// target token at its position. What follows a target token is its label, so targets and labels
/// are one text, shifted by one: sequence_pairs() makes them of it.
struct SequencePairs {
  Tensor<Token> source;                   ///< [examples, source pos]
  Tensor<Token> target;                   ///< [examples, target pos]
  Tensor<Token> labels;                   ///< CrossEntropy::kIgnored marks one that does not count
  Tensor<std::uint8_t> source_mask = {};  ///< [examples, source pos], 0: padding; empty: none
  Tensor<std::uint8_t> target_mask = {};  ///< [examples, target pos], 0: padding; empty: none
  /// How much each example counts [examples], or each label [examples, target pos]; empty: all
  /// alike.
  Tensor<float> weights = {};

  static constexpr std::tuple parts{&SequencePairs::source,      &SequencePairs::target,
                                    &SequencePairs::labels,      &SequencePairs::source_mask,
                                    &SequencePairs::target_mask, &SequencePairs::weights};

  /// How many examples there are.
  Index size() const { return source.numel() == 0 ? 0 : source.size(0); }
  /// What the model reads of them.
  SourceAndTarget input() const { return {source, target, source_mask, target_mask}; }

  /// Throws ShapeError, which `what` begins, when it does not fit itself or the model.
  template <class Model>
  void check(const Model& model, const std::string& what) const;
};

/// The pairs of sources and texts [examples, length], "begin, answer, end, padding": targets are
/// texts without their last token, labels without their first. Padding of sources and of labels is
/// hidden, and does not count. Throws ShapeError for texts of less than two tokens.
inline SequencePairs sequence_pairs(View<const Token> sources, View<const Token> texts,
                                    Token padding) {
  if (texts.rank() != 2 || texts.size(1) < 2) {
    fail<ShapeError>("sequence_pairs: texts are ", texts.shape(),
                     ", they must be [examples, length] with at least two tokens");
  }
  const Index length = texts.size(1) - 1;
  SequencePairs pairs{Tensor<Token>(sources), Tensor<Token>(texts.slice(1, 0, length)),
                      Tensor<Token>(texts.slice(1, 1, length + 1)),
                      Tensor<std::uint8_t>(sources.shape(), std::uint8_t{1}),
                      Tensor<std::uint8_t>({texts.size(0), length}, std::uint8_t{1})};
  for_each_element(pairs.source.view(), [&](Index i, const Token& token) {
    if (token == padding) pairs.source_mask.data()[i] = 0;
  });
  for_each_element(pairs.labels.view(), [&](Index i, Token& label) {
    if (label != padding) return;
    label = CrossEntropy::kIgnored;
    pairs.target_mask.data()[i] = 0;
  });
  return pairs;
}

template <class Model>
void SequencePairs::check(const Model& model, const std::string& what) const {
  if (size() == 0) fail<ShapeError>(what, " is empty");
  try {
    model.network().check_input(input());
  } catch (const ShapeError& error) {
    fail<ShapeError>(what, ": ", error.what());
  }
  if (labels.shape() != target.shape()) {
    fail<ShapeError>(what, " has targets ", target.shape(), " and labels ", labels.shape(),
                     ": there must be a label for each target token");
  }
  detail::check_weights(weights, labels.shape(), what);
  detail::check_labels(labels, model.network().config().d_vocab_target, what);
}

}  // namespace hooked
