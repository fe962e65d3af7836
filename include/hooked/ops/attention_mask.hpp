// Which keys a query sees, and what a score is made of beside the product of query and key.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "hooked/core/view.hpp"

namespace hooked {

/// Which keys a query may look at.
struct AttentionMask {
  bool causal = true;                         // query i sees keys 0..i
  Index window = 0;                           // of these the last so many; 0: all
  const Token* query_position = nullptr;      // [query], rising; null: query i stands at position i
  const std::uint8_t* key_visible = nullptr;  // [batch, key], 0 hides a key (padding); null: all

  /// The position at which query i stands.
  Index position(Index i) const { return query_position == nullptr ? i : Index{query_position[i]}; }
  /// Query i sees none of the keys from here on.
  Index seen(Index i, Index keys) const { return causal ? std::min(keys, position(i) + 1) : keys; }
  /// Query i sees none of the keys before this one.
  Index first_seen(Index i) const {
    return causal && window > 0 ? std::max(Index{0}, position(i) + 1 - window) : 0;
  }
  /// The first query, of `queries`, that sees key j.
  Index first_to_see(Index j, Index queries) const {
    if (!causal) return 0;
    if (query_position == nullptr) return std::min(j, queries);
    return std::lower_bound(query_position, query_position + queries, j) - query_position;
  }
};

/// What a score is made of beside the product: cap tanh(scale q.k / cap) (cap 0: scale q.k), and
/// slope (key - query) for keys before the query (contract, 5.1 and 5.3).
template <Scalar T>
struct ScoreRule {
  T scale = T(1);   // what q.k is multiplied by
  T cap = T(0);     // scores stay below it; 0: no cap
  float slope = 0;  // ALiBi's; 0: none

  /// What the distance adds to the score of a key; rounded to float, as HookedTransformer has it.
  T bias(Index key, Index query) const {
    return static_cast<T>(slope * static_cast<float>(std::min(Index{0}, key - query)));
  }
};

/// ALiBi's slope of head h of n: 2^(-8 (h + 1) / n) (Press et al., "Train short, test long", 2022).
/// HookedTransformer computes it in float, so its numbers are this float's, in double too.
inline float alibi_slope(Index h, Index n) {
  const auto start = static_cast<float>(std::exp2(-8.0 / static_cast<double>(n)));
  return start * static_cast<float>(std::pow(start, static_cast<double>(h)));
}

/// Whether `heads` can share `kept` keys and values: each of these serves equally many.
inline bool share_heads(Index heads, Index kept) { return kept > 0 && heads % kept == 0; }

}  // namespace hooked
