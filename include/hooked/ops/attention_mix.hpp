// attention_mix: z[b, i, h] = sum_j pattern[b, h, i, j] v[b, j, h] (contract, 5.1); hook_z shows
// it. Backward: d pattern_ij = dz_i . v_j, dv_j = sum_i pattern_ij dz_i. Where the pattern is zero,
// v_j may be infinite or NaN: it adds nothing, as in the fused op, which hides keys by zeros too.
#pragma once

#include "hooked/core/sums.hpp"
#include "hooked/ops/attention_mask.hpp"
#include "hooked/ops/attention_tiles.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct AttentionMix {
  static constexpr std::string_view name = "attention_mix";
  static constexpr int inputs = 2;
  struct Args {};

  /// pattern [batch, head, query, key], v [batch, key, head, d_head] -> [batch, query, head,
  /// d_head]
  static Shape shape(const Args&, const Shape& pattern, const Shape& v) {
    if (pattern.rank() != 4 || v.rank() != 4 || pattern[0] != v[0] ||
        !share_heads(pattern[1], v[2]) || pattern[3] != v[1]) {
      fail<ShapeError>("attention_mix: pattern is ", pattern, ", v is ", v,
                       ": [batch, head, query, key] needs v [batch, key, head, d_head], of as many "
                       "heads or of a number that divides them");
    }
    return {pattern[0], pattern[2], pattern[1], v[3]};
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> pattern, View<const T> v, View<T> z) {
    const T* P = in_order("attention_mix: pattern", pattern);
    const Index group = pattern.size(1) / v.size(2);
    for_each_head<T>(pattern.shape(), v.size(3), [&](const auto& tile, Index b, Index h) {
      tile.mix(P, head_rows(v, b, h / group), kAllKeys, head_rows(z, b, h));
      P += pattern.size(2) * pattern.size(3);
    });
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> pattern, View<const T> v, View<const T>,
                       View<const T> dz, Acc<T> dpattern, Acc<T> dv) {
    const Index queries = pattern.size(2), keys = pattern.size(3);
    const Index group = pattern.size(1) / v.size(2);
    const Sums<T> dV = dv.sums();
    const Index block = std::min(queries, AttentionTile<T>::kQueryBlock);
    HOOKED_SCRATCH(T, dP, block * keys);
    const T* P = in_order("attention_mix: pattern", pattern);
    for_each_head<T>(pattern.shape(), v.size(3), [&](const auto& tile, Index b, Index h) {
      const auto dpattern_h = dpattern.select(0, b).select(0, h);
      for (Index first = 0; first < queries; first += block) {
        const Index last = std::min(queries, first + block);
        tile.mix_backward(P + first * keys, head_rows(dz, b, h), head_rows(v, b, h / group), first,
                          last, kAllKeys, dP);
        dpattern_h.slice(0, first, last).add({dP, {last - first, keys}});
        tile.add_over_queries(P + first * keys, head_rows(dz, b, h), first, last, kAllKeys,
                              head_sums(dV, v.shape(), b, h / group));
      }
      P += queries * keys;
    });
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{2, 2, 3, 3}, {2, 3, 2, 4}}},
            {{}, {{1, 3, 1, 4}, {1, 4, 3, 2}}},
            {{}, {{2, 4, 3, 3}, {2, 3, 2, 2}}},
            {{}, {{1, 1, 7, 19}, {1, 19, 1, 5}}},
            {{}, {{2, 2, 32, 32}, {2, 32, 2, 16}}}};
  }

 private:
  static constexpr AttentionMask kAllKeys{.causal = false};
};

}  // namespace hooked
