// SourceAndTarget: what an encoder-decoder reads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "hooked/core/tensor.hpp"
#include "hooked/core/walk.hpp"

namespace hooked {

/// A look at tokens that somebody else owns: sources, and their targets as far as they are said.
/// `model({source, target, source_mask})`.
struct SourceAndTarget {
  View<const Token> source;  ///< [batch, source pos]
  View<const Token> target;  ///< [batch, target pos]
  /// [batch, source pos], 0 for padding; empty: there is none.
  View<const std::uint8_t> source_mask = View<const std::uint8_t>(nullptr, Shape{0});
  /// [batch, target pos], 0 for padding; empty: there is none.
  View<const std::uint8_t> target_mask = View<const std::uint8_t>(nullptr, Shape{0});

  // For a model, which cuts a large batch into parts.

  /// How many pairs there are.
  Index examples() const { return source.rank() == 0 ? 0 : source.size(0); }
  /// Tokens in all of them.
  Index rows() const { return source.numel() + target.numel(); }
  /// The pairs [first, last).
  SourceAndTarget examples(Index first, Index last) const {
    const auto part = [&](const auto& x) { return x.numel() == 0 ? x : x.slice(0, first, last); };
    return {part(source), part(target), part(source_mask), part(target_mask)};
  }

  /// Throws ShapeError unless there are as many sources as targets, a mask is empty or as large as
  /// what it is about, and every source and target has a token that is no padding.
  void check() const {
    if (source.rank() != 2 || target.rank() != 2 || source.size(0) != target.size(0)) {
      fail<ShapeError>("the source is ", source.shape(), ", the target is ", target.shape(),
                       ": both must be [batch, pos], and of one batch");
    }
    check_mask("source", source.shape(), source_mask);
    check_mask("target", target.shape(), target_mask);
  }

  /// Throws ShapeError, which names `what`, unless the mask fits tokens of this shape and leaves
  /// one of each row.
  static void check_mask(const char* what, const Shape& tokens, View<const std::uint8_t> mask) {
    if (mask.numel() == 0) return;
    if (mask.shape() != tokens) {
      fail<ShapeError>("the mask of the ", what, " is ", mask.shape(), ", the ", what, " is ",
                       tokens);
    }
    Index row = 0, seen = 0;
    for_each_element(mask, [&](Index i, const std::uint8_t& visible) {
      row = i / tokens[1];
      seen += visible != 0 ? 1 : 0;
      if (i % tokens[1] + 1 < tokens[1]) return;
      if (seen == 0) fail<ShapeError>(what, " ", row, " is all padding: there is nothing to read");
      seen = 0;
    });
  }
};

}  // namespace hooked
