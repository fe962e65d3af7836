// Stream: the residual stream on its way through the blocks, and what they must know of its tokens.
#pragma once

#include <cstdint>
#include <span>

#include "hooked/autograd/kept_rows.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/variable.hpp"

namespace hooked {

template <Scalar T>
class KeyValueCache;

/// Blocks take a stream and give one back. A plain Variable is a stream whose tokens are all
/// visible and stand at positions 0, 1, 2, ...
template <Scalar T>
struct Stream {
  Variable<T> resid;                // [batch, pos, d_model], or distinct rows and their map
  const Token* position = nullptr;  // [batch, pos]: of each token; null: token p at p
  /// [batch, key]: 0 hides a token as a key; null: all are seen. Keys are the tokens themselves, or
  /// with `past` those before them too.
  const std::uint8_t* visible = nullptr;
  /// Keys and values of the tokens before these, to which theirs are added; null: there are none.
  KeyValueCache<T>* past = nullptr;
  /// Shortformer: what is added to the inputs of queries and keys. [batch, pos, d_model], or rows
  /// with the map of `resid`; empty: nothing.
  Variable<T> pos_embed = {};
  /// The positions that are wanted from the next block on, rising; empty: all.
  std::span<const Token> wanted = {};
  /// The rows that alone are computed from the next attention on; null: all.
  const KeptRows* kept = nullptr;

  Stream() = default;
  Stream(Variable<T> x) : resid(x) {}
  Stream(Variable<T> x, const Token* positions, const std::uint8_t* mask)
      : resid(x), position(positions), visible(mask) {}
};

}  // namespace hooked
