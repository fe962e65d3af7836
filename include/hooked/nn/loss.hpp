// Losses on the logits of a run (contract, 5.5).
#pragma once

#include <cstdint>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/ops/cross_entropy.hpp"
#include "hooked/ops/squared_error.hpp"
#include "hooked/ops/sum.hpp"

namespace hooked {

/// Mean cross-entropy in nats over all rows of logits [..., d_vocab_out] whose label counts.
/// `labels` has one token for each row, or CrossEntropy::kIgnored, and must outlive the tape's run.
/// `counted` divides; 0 means: the number of labels that count.
template <Scalar T>
Variable<T> cross_entropy(Variable<T> logits, View<const Token> labels, Index counted = 0) {
  const Shape rows = logits.shape().axes(0, logits.shape().rank() - 1);
  if (labels.shape() != rows || !labels.is_contiguous()) {
    fail<ShapeError>("cross_entropy: logits are ", logits.shape(), ", labels are ", labels.shape(),
                     ": one label for each row is needed, ", rows);
  }
  if (counted == 0) {
    for (Index i = 0; i < labels.numel(); ++i) {
      counted += labels.data()[i] != CrossEntropy::kIgnored ? 1 : 0;
    }
  }
  if (counted == 0) fail<ShapeError>("cross_entropy: every label is ignored, there is no mean");
  const auto losses = record<CrossEntropy>({labels.data()}, logits);
  return record<hooked::Sum>({1.0 / static_cast<double>(counted)}, losses);
}

/// Mean squared error over all elements of x and a target of the same shape.
template <Scalar T>
Variable<T> mean_squared_error(Variable<T> x, Variable<T> target) {
  const auto rows = record<SquaredError>({}, x, target);
  return record<hooked::Sum>({1.0 / static_cast<double>(rows.value().numel())}, rows);
}

/// The labels of next-token prediction: labels[b, p] = tokens[b, p + 1], the last position ignored.
/// With `mask` [batch, pos] (0: padding), p counts only if p and p + 1 are both visible.
inline Tensor<Token> next_token_labels(View<const Token> tokens,
                                       const std::uint8_t* mask = nullptr) {
  Tensor<Token> labels(tokens.shape(), CrossEntropy::kIgnored);
  const Index length = tokens.size(1);
  for (Index b = 0; b < tokens.size(0); ++b) {
    for (Index p = 0; p + 1 < length; ++p) {
      const std::uint8_t* at = mask == nullptr ? nullptr : mask + b * length + p;
      if (at == nullptr || (at[0] != 0 && at[1] != 0)) labels(b, p) = tokens(b, p + 1);
    }
  }
  return labels;
}

}  // namespace hooked
