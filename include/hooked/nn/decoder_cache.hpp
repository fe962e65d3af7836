// DecoderCache: what a decoder has read, so that no token and no source is read twice.
#pragma once

#include <cstdint>

#include "hooked/core/tensor.hpp"
#include "hooked/nn/key_value_cache.hpp"
#include "hooked/nn/source_and_target.hpp"

namespace hooked {

/// What a decoder keeps between runs: its sources, their keys and values for cross-attention, which
/// are computed once, and those of the target tokens so far. A value: a copy goes on from the same
/// target in another way.
template <Scalar T>
class DecoderCache {
 public:
  /// For sources [batch, source pos] and up to `n_ctx` target tokens of each; `mask` has 0 for
  /// padding. Throws ShapeError for an empty source, a mask that does not fit, and n_ctx below 1.
  DecoderCache(View<const Token> source, Index n_ctx,
               View<const std::uint8_t> mask = View<const std::uint8_t>(nullptr, Shape{0}))
      : source_(checked(source)),
        mask_(mask),
        target_(source.size(0), n_ctx),
        memory_(source.size(0), source.size(1)) {
    SourceAndTarget::check_mask("source", source.shape(), mask);
  }

  /// The tokens to attend to, [batch, source pos].
  const Tensor<Token>& source() const { return source_; }
  /// [batch, source pos], 0 for padding; empty: there is none.
  const Tensor<std::uint8_t>& source_mask() const { return mask_; }
  /// Whether a run has read the source.
  bool knows_source() const { return memory_.length() > 0; }
  /// Keys and values of the target.
  KeyValueCache<T>& target() { return target_; }
  const KeyValueCache<T>& target() const { return target_; }
  /// Keys and values of the source.
  KeyValueCache<T>& memory() { return memory_; }

  /// Begins a run that reads `count` more target tokens. Throws ShapeError where they do not fit.
  void begin_run(Index batch, Index count) {
    target_.begin_run(batch, count);
    memory_.begin_run(batch, of_source());
  }
  /// What the run read stays. Throws Error where the cache is of another model.
  void keep(Index count) {
    target_.keep(count);
    memory_.keep(of_source());
  }

 private:
  // Source tokens that a run reads.
  Index of_source() const { return knows_source() ? 0 : source_.size(1); }
  static View<const Token> checked(View<const Token> source) {
    if (source.rank() == 2 && source.numel() > 0) return source;
    fail<ShapeError>("the source is ", source.shape(), ", it must be [batch, pos] and not empty");
  }

  Tensor<Token> source_;
  Tensor<std::uint8_t> mask_;
  KeyValueCache<T> target_, memory_;
};

}  // namespace hooked
