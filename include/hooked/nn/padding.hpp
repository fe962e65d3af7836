// Padding: an attention mask as the modules want it (contract, 5.1).
#pragma once

#include <cstdint>
#include <vector>

#include "hooked/core/tensor.hpp"

namespace hooked {

/// Visible keys, and the position of each token: visible tokens count 0, 1, 2, ... and padding has
/// none. Without a mask, all are visible and token p stands at position p.
class Padding {
 public:
  /// What stands in `positions()` for a token that is padding.
  static constexpr Token kNone = -1;

  /// All tokens are visible.
  Padding() = default;
  /// `mask` [batch, pos], 0 for padding, or empty. It must outlive this object.
  /// Throws ShapeError, with both shapes, when it does not fit the tokens.
  Padding(const Tensor<std::uint8_t>& mask, Index batch, Index length) {
    if (mask.numel() == 0) return;
    if (mask.shape() != Shape{batch, length}) {
      fail<ShapeError>("attention_mask is ", mask.shape(), ", the tokens are ",
                       Shape{batch, length});
    }
    visible_ = mask.data();
    positions_.resize(static_cast<std::size_t>(mask.numel()), kNone);
    for (Index b = 0; b < batch; ++b) {
      Token next = 0;
      for (Index i = b * length; i < (b + 1) * length; ++i) {
        if (visible_[i] != 0) positions_[static_cast<std::size_t>(i)] = next++;
      }
    }
  }
  /// [batch, pos], or null when all are visible.
  const std::uint8_t* visible() const { return visible_; }
  /// [batch * pos], kNone at padding; null: there is none.
  const Token* positions() const { return positions_.empty() ? nullptr : positions_.data(); }

 private:
  const std::uint8_t* visible_ = nullptr;
  std::vector<Token> positions_;
};

}  // namespace hooked
