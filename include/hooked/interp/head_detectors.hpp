// Which heads look as previous-token, duplicate-token and induction heads do (contract, 12).
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "hooked/hooks/cache.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Heads that are known by where they look; detection_matrix says where.
enum class HeadKind { previous_token, duplicate_token, induction };

/// Where a head of a kind looks in a sequence of tokens [pos], [query, key], 1 or 0:
///   previous_token    D[i, i - 1] = 1
///   duplicate_token   D[i, j] = 1 where j < i and token j is token i
///   induction         D[i, j] = 1 where j <= i and token j - 1 < i is token i
/// (contract, 12; Elhage et al., "A mathematical framework for transformer circuits", 2021, for
/// induction). Throws ShapeError for tokens that are not [pos].
inline Tensor<double> detection_matrix(HeadKind kind, View<const Token> tokens) {
  if (tokens.rank() != 1) {
    fail<ShapeError>("detection_matrix: the tokens are ", tokens.shape(), ", they must be [pos]");
  }
  const Index length = tokens.numel();
  Tensor<double> D({length, length});
  for (Index i = 0; i < length; ++i) {
    switch (kind) {
      case HeadKind::previous_token:
        if (i > 0) D(i, i - 1) = 1;
        break;
      case HeadKind::duplicate_token:
        for (Index j = 0; j < i; ++j) D(i, j) = tokens(j) == tokens(i) ? 1 : 0;
        break;
      case HeadKind::induction:
        for (Index j = 1; j <= i; ++j) D(i, j) = tokens(j - 1) == tokens(i) ? 1 : 0;
        break;
    }
  }
  return D;
}

/// What a head is compared with: a kind, or a matrix of one's own [query, key], 0 above its
/// diagonal, which serves all sequences.
using HeadDetector = std::variant<HeadKind, Tensor<double>>;

/// One head of a model.
struct HeadNumber {
  Index layer = 0;  ///< its block
  Index head = 0;   ///< its number there
};

/// How a pattern A is compared with a detection matrix D of p positions.
enum class ErrorMeasure {
  mul,  ///< sum(A D) / sum(A), from 0 to 1: the share of attention that goes where D is 1
  abs   ///< 1 - sum|A - D| / p, rounded to three decimals, from -1 to 1
};

/// What detect_head looks at.
struct DetectHeadOptions {
  std::optional<std::vector<HeadNumber>> heads = {};  ///< only these; nothing: all
  bool exclude_bos = false;            ///< attention to the first position counts for nothing
  bool exclude_current_token = false;  ///< nor does that of a position to itself
  ErrorMeasure error_measure = ErrorMeasure::mul;  ///< how patterns are compared
};

namespace detail {

/// The score of one pattern A [query, key]; 0 where nothing of it counts.
template <Scalar T>
double head_score(View<const T> pattern, const Tensor<double>& D,
                  const DetectHeadOptions& options) {
  double hit = 0.0, total = 0.0, error = 0.0;
  const Index length = D.size(0);
  for (Index i = 0; i < length; ++i) {
    for (Index j = 0; j < length; ++j) {
      if ((options.exclude_bos && j == 0) || (options.exclude_current_token && i == j)) continue;
      const auto a = static_cast<double>(pattern(i, j));
      hit += a * D(i, j), total += a, error += std::abs(a - D(i, j));
    }
  }
  if (options.error_measure == ErrorMeasure::mul) return total == 0.0 ? 0.0 : hit / total;
  return 1.0 - std::nearbyint(1000.0 * error / static_cast<double>(length)) / 1000.0;
}

/// The detection matrix of a sequence. Throws ShapeError for one of one's own that does not fit.
inline Tensor<double> matrix_of(const HeadDetector& detector, View<const Token> tokens) {
  if (const auto* kind = std::get_if<HeadKind>(&detector)) return detection_matrix(*kind, tokens);
  const auto& own = std::get<Tensor<double>>(detector);
  if (own.shape() != Shape{tokens.numel(), tokens.numel()}) {
    fail<ShapeError>("detect_head: the matrix is ", own.shape(), ", the sequences have ",
                     tokens.numel(), " positions");
  }
  for (Index i = 0; i < own.size(0); ++i) {
    for (Index j = i + 1; j < own.size(1); ++j) {
      if (own(i, j) == 0) continue;
      fail<ShapeError>("detect_head: the matrix is ", own(i, j), " at [", i, ", ", j,
                       "], above its diagonal it must be 0");
    }
  }
  return own;
}

/// 1 at the heads [layer, head] that are asked for. Throws ShapeError for one that there is not, or
/// a list of none.
inline Tensor<double> asked_heads(const std::optional<std::vector<HeadNumber>>& heads,
                                  const Shape& shape) {
  if (!heads) return Tensor<double>(shape, 1.0);
  if (heads->empty()) fail<ShapeError>("detect_head: heads: none are chosen");
  Tensor<double> is_asked(shape);
  for (const auto& [layer, head] : *heads) {
    if (layer < 0 || layer >= shape[0] || head < 0 || head >= shape[1]) {
      fail<ShapeError>("detect_head: there is no head ", head, " of layer ", layer,
                       ", the patterns are of ", shape, " [layer, head]");
    }
    is_asked(layer, head) = 1;
  }
  return is_asked;
}

}  // namespace detail

/// How much every head looks as `detector` says, [layer, head]: the mean over the sequences of
/// tokens [batch, pos] (or [pos]) of what `options.error_measure` says of its pattern; -1 for heads
/// that were not asked for. `cache` holds every block's `attn.hook_pattern` of these tokens. Throws
/// NameError when it does not; ShapeError for sequences of one token or of other sizes than the
/// patterns, a matrix that does not fit, and a head that there is not.
template <Scalar T>
Tensor<double> detect_head(const ActivationCache<T>& cache, View<const Token> tokens,
                           const HeadDetector& detector, const DetectHeadOptions& options = {}) {
  if (tokens.rank() == 1) tokens = tokens.view_as({1, tokens.size(0)});
  const Tensor<T> patterns = cache.stack_activation("pattern");  // [layer, batch, head, query, key]
  if (tokens.rank() != 2 || tokens.size(1) < 2) {
    fail<ShapeError>("detect_head: the tokens are ", tokens.shape(),
                     ", they must be [batch, pos] with two positions at least");
  }
  const Index layers = patterns.size(0), batch = tokens.size(0), length = tokens.size(1);
  const Index n_heads = patterns.rank() == 5 ? patterns.size(2) : 0;
  if (patterns.shape() != Shape{layers, batch, n_heads, length, length}) {
    fail<ShapeError>("detect_head: the tokens are ", tokens.shape(), ", the patterns are ",
                     patterns.shape(), ": [layer, batch, head, query, key]");
  }
  std::vector<Tensor<double>> matrices;
  for (Index b = 0; b < batch; ++b) {
    matrices.push_back(detail::matrix_of(detector, tokens.select(0, b)));
  }
  const Tensor<double> is_asked = detail::asked_heads(options.heads, {layers, n_heads});
  Tensor<double> scores({layers, n_heads}, -1.0);
  for (Index l = 0; l < layers; ++l) {
    for (Index h = 0; h < n_heads; ++h) {
      if (is_asked(l, h) == 0) continue;
      double sum = 0.0;
      for (Index b = 0; b < batch; ++b) {
        const View<const T> pattern = patterns.select(0, l).select(0, b).select(0, h);
        sum += detail::head_score(pattern, matrices[static_cast<std::size_t>(b)], options);
      }
      scores(l, h) = sum / static_cast<double>(batch);
    }
  }
  return scores;
}

/// The same for the patterns that the model has on these tokens.
template <Scalar T>
Tensor<double> detect_head(const Transformer<T>& model, View<const Token> tokens,
                           const HeadDetector& detector, const DetectHeadOptions& options = {}) {
  const auto cache =
      model.run_with_cache(tokens, {.names = {"blocks.*.attn.hook_pattern"}, .logits = false})
          .cache;
  return detect_head(cache, tokens, detector, options);
}

}  // namespace hooked
