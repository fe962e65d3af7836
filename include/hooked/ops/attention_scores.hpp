// attention_scores: S[b, h, i, j] = q[b, i, h] . k[b, j, h] / divisor, and -inf where query i may
// not look at key j (contract, 5.1). hook_attn_scores shows it. With a cap c, c tanh(S / c) takes
// the place of S; with ALiBi, m_h min(0, j - i) is added. Heads may share keys: with k of fewer
// heads, head h of q reads head h / group of k, the group being heads of q for each of k.
// Backward: dq_i = sum_j dS_ij k_j / divisor, dk_j = sum_i dS_ij q_i / divisor, dS_ij times 1 -
// (S_ij / c)^2 where S is capped; a masked score is a constant, so what arrives there is dropped.
#pragma once

#include "hooked/core/sums.hpp"
#include "hooked/ops/attention_mask.hpp"
#include "hooked/ops/attention_tiles.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct AttentionScores {
  static constexpr std::string_view name = "attention_scores";
  static constexpr int inputs = 2;
  struct Args {
    double divisor = 1.0;     // sqrt(d_head), usually
    AttentionMask mask = {};  ///< which keys are seen
    double cap = 0.0;         // c; 0: scores are not capped
    bool alibi = false;       ///< adds ALiBi's bias

    /// The rule of head h of n.
    template <Scalar T>
    ScoreRule<T> rule(Index h, Index n) const {
      return {static_cast<T>(1.0 / divisor), static_cast<T>(cap), alibi ? alibi_slope(h, n) : 0.0f};
    }
  };

  /// q [batch, query, head, d_head], k [batch, key, head, d_head] -> [batch, head, query, key]
  static Shape shape(const Args& args, const Shape& q, const Shape& k) {
    if (q.rank() != 4 || k.rank() != 4 || q[0] != k[0] || !share_heads(q[2], k[2]) ||
        q[3] != k[3]) {
      fail<ShapeError>("attention_scores: q is ", q, ", k is ", k,
                       ": both are [batch, pos, head, d_head] and differ in pos only, or heads of "
                       "q share those of k, which must divide them");
    }
    if (args.mask.causal && args.mask.query_position == nullptr && q[1] != k[1]) {
      fail<ShapeError>("attention_scores: q is ", q, ", k is ", k,
                       ": with fewer queries than keys a causal mask needs query_position");
    }
    return {q[0], q[2], q[1], k[1]};
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> q, View<const T> k, View<T> scores) {
    const Index heads = q.size(2), group = heads / k.size(2);
    T* S = scores.data();
    for_each_head<T>(scores.shape(), q.size(3), [&](const auto& tile, Index b, Index h) {
      tile.scores(head_rows(q, b, h), head_rows(k, b, h / group), args.template rule<T>(h, heads),
                  args.mask, b, S);
      S += scores.size(2) * scores.size(3);
    });
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> q, View<const T> k, View<const T> scores,
                       View<const T> dscores, Acc<T> dq, Acc<T> dk) {
    const auto scale = static_cast<T>(1.0 / args.divisor);
    const Index heads = q.size(2), group = heads / k.size(2);
    const Index queries = scores.size(2), keys = scores.size(3);
    const Sums<T> dQ = dq.sums(), dK = dk.sums();
    const Index block = std::min(queries, AttentionTile<T>::kQueryBlock);
    HOOKED_SCRATCH(T, dS, block * keys);
    const auto slope = [hidden = splat(AttentionTile<T>::kHidden), scale = splat(scale)](
                           const Packet<T>& score, const Packet<T>& d) {
      using namespace Eigen::internal;
      return pselect(pcmp_eq(score, hidden), splat(T(0)), Packet<T>(pmul(scale, d)));
    };
    for_each_head<T>(scores.shape(), q.size(3), [&](const auto& tile, Index b, Index h) {
      const auto S = scores.select(0, b).select(0, h).matrix();
      const auto dscores_h = dscores.select(0, b).select(0, h).matrix();
      for (Index first = 0; first < queries; first += block) {
        const Index last = std::min(queries, first + block);
        for (Index i = first; i < last; ++i) {
          T* const row = dS + (i - first) * keys;
          map_packets(keys, row, slope, row_of(S, i), row_of(dscores_h, i));
          if (args.cap > 0) {
            uncap(args.template rule<T>(h, heads), args.mask, i, keys, row_of(S, i), row);
          }
        }
        tile.add_over_keys(dS, head_rows(k, b, h / group), first, last, args.mask,
                           head_sums(dQ, q.shape(), b, h));
        tile.add_over_queries(dS, head_rows(q, b, h), first, last, args.mask,
                              head_sums(dK, k.shape(), b, h / group));
      }
    });
  }

  static std::vector<Sample<Args>> samples() {
    static constexpr Token last[] = {2};
    static constexpr std::uint8_t padded[] = {1, 1, 0, 0, 1, 1};
    return {{{.divisor = 2.0}, {{2, 3, 2, 4}, {2, 3, 2, 4}}},
            {{.mask = {.causal = false}}, {{1, 2, 1, 3}, {1, 5, 1, 3}}},
            {{.mask = {.query_position = last}}, {{2, 1, 2, 3}, {2, 3, 2, 3}}},
            {{.mask = {.key_visible = padded}}, {{2, 3, 1, 2}, {2, 3, 1, 2}}},
            {{.mask = {.causal = false}}, {{1, 7, 1, 5}, {1, 19, 1, 5}}},
            {{.divisor = 4.0}, {{2, 70, 1, 16}, {2, 70, 1, 16}}},
            {{.mask = {.window = 3}}, {{1, 9, 1, 3}, {1, 9, 1, 3}}},
            {{.cap = 2.0}, {{2, 3, 4, 3}, {2, 3, 2, 3}}, 2.0},
            {{.mask = {.window = 2}, .cap = 1.5, .alibi = true}, {{1, 4, 3, 2}, {1, 4, 1, 2}}},
            {{.mask = {.causal = false}, .alibi = true}, {{1, 4, 2, 2}, {1, 4, 2, 2}}}};
  }

 private:
  // dS of query i times the slope of the cap, told by the scores of that row.
  template <Scalar T>
  static void uncap(const ScoreRule<T>& rule, const AttentionMask& mask, Index i, Index keys,
                    const T* S, T* dS) {
    const Index seen = mask.seen(i, keys), at = mask.position(i);
    for (Index j = mask.first_seen(i); j < seen; ++j) {
      if (S[j] == AttentionTile<T>::kHidden) continue;
      const T share = (S[j] - rule.bias(j, at)) / rule.cap;
      dS[j] *= T(1) - share * share;
    }
  }
};

}  // namespace hooked
