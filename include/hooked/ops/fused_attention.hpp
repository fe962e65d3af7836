// fused_attention: scores, softmax and mix in one go, head by head, where nobody looks between them
// (contract, 5.1): z_i = sum_j P_ij v_j, P = softmax_j(q_i . k_j / divisor) over the visible keys.
// Backward, with dP_ij = dz_i . v_j: dS_ij = P_ij (dP_ij - sum_k dP_ik P_ik), and then
// dq_i = sum_j dS_ij k_j / divisor, dk_j = sum_i dS_ij q_i / divisor, dv_j = sum_i P_ij dz_i.
// Queries, keys and values are read where they lie: distinct rows need not be spread out first.
#pragma once

#include "hooked/core/sums.hpp"
#include "hooked/ops/attention_mask.hpp"
#include "hooked/ops/attention_scores.hpp"
#include "hooked/ops/attention_tiles.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/softmax.hpp"

namespace hooked {

/// Which row of a table stands at each (batch, position); without `row`, row b * positions + p.
struct AttentionRows {
  Index positions = 0;         ///< of a sequence
  const Token* row = nullptr;  // [batch * positions]
};

struct FusedAttention {
  static constexpr std::string_view name = "fused_attention";
  static constexpr int inputs = 3;
  struct Args {
    Index batch;                      ///< sequences
    AttentionRows query, key, value;  ///< the rows of q, k and v
    double divisor = 1.0;             ///< attn_scale
    AttentionMask mask = {};          ///< which keys are seen
    bool alibi = false;               ///< adds ALiBi's bias to the scores
  };

  /// Tables q, k, v [rows, head, d_head] -> z [batch, query, head, d_head]
  static Shape shape(const Args& args, const Shape& q, const Shape& k, const Shape& v) {
    if (q.rank() != 3 || k.rank() != 3 || v.rank() != 3 || !share_heads(q[1], k[1]) ||
        k[1] != v[1] || q[2] != k[2] || q[2] != v[2]) {
      fail<ShapeError>(
          "fused_attention: q is ", q, ", k is ", k, ", v is ", v,
          ": all are [rows, head, d_head] and differ in rows only, or heads of q share "
          "those of k and v, which must divide them");
    }
    const auto check = [&](const AttentionRows& rows, const char* what, const Shape& table) {
      const Index count = args.batch * rows.positions;
      if (rows.row == nullptr && table[0] != count) {
        fail<ShapeError>("fused_attention: q is ", q, ", k is ", k, ", v is ", v, ": ", what,
                         " needs a row for each of ", args.batch, " times ", rows.positions,
                         " positions");
      }
      for (Index i = 0; rows.row != nullptr && i < count; ++i) {
        if (rows.row[i] >= 0 && rows.row[i] < table[0]) continue;
        fail<ShapeError>("fused_attention: q is ", q, ", k is ", k, ", v is ", v, ": row ",
                         rows.row[i], " at place ", i, " is outside the ", table[0], " rows of ",
                         what);
      }
    };
    check(args.query, "q", q);
    check(args.key, "k", k);
    check(args.value, "v", v);
    if (args.key.positions != args.value.positions) {
      fail<ShapeError>("fused_attention: ", args.key.positions, " keys, ", args.value.positions,
                       " values: there must be one value for each key");
    }
    if (args.mask.causal && args.mask.query_position == nullptr &&
        args.query.positions != args.key.positions) {
      fail<ShapeError>("fused_attention: ", args.query.positions, " queries, ", args.key.positions,
                       " keys: with fewer queries than keys a causal mask needs query_position");
    }
    return {args.batch, args.query.positions, q[1], q[2]};
  }
  /// Keeps the pattern, [batch, head, query, key].
  static Shape saved(const Args& args, const Shape& q, const Shape&, const Shape&) {
    return {args.batch, q[1], args.query.positions, args.key.positions};
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> q, View<const T> k, View<const T> v,
                      View<T> z, View<T> pattern) {
    const AttentionScores::Args scores{args.divisor, args.mask, 0.0, args.alibi};
    const Index heads = q.size(1), group = heads / k.size(1);
    const Index queries = args.query.positions, keys = args.key.positions;
    T* P = pattern.data();
    for_each_head<T>(pattern.shape(), q.size(2), [&](const auto& tile, Index b, Index h) {
      tile.scores(rows(q, args.query, b, h), rows(k, args.key, b, h / group),
                  scores.template rule<T>(h, heads), args.mask, b, P);
      for (Index i = 0; i < queries; ++i) {
        T* const row = P + i * keys;
        const Index seen = args.mask.seen(i, keys);
        Softmax::forward_row(seen, row, row);
        std::fill(row + seen, row + keys, T(0));
      }
      tile.mix(P, rows(v, args.value, b, h / group), args.mask, head_rows(z, b, h));
      P += queries * keys;
    });
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> q, View<const T> k, View<const T> v,
                       View<const T>, View<const T> pattern, View<const T> dz, Acc<T> dq, Acc<T> dk,
                       Acc<T> dv) {
    const auto scale = static_cast<T>(1.0 / args.divisor);
    const Index group = q.size(1) / k.size(1);
    const Index queries = args.query.positions, keys = args.key.positions;
    const Sums<T> dQ = dq.sums(), dK = dk.sums(), dV = dv.sums();
    const Index block = std::min(queries, AttentionTile<T>::kQueryBlock);
    HOOKED_SCRATCH(T, dS, block * keys);
    const T* P = pattern.data();
    for_each_head<T>(pattern.shape(), q.size(2), [&](const auto& tile, Index b, Index h) {
      const Index kv = h / group;
      const auto q_h = rows(q, args.query, b, h), k_h = rows(k, args.key, b, kv),
                 v_h = rows(v, args.value, b, kv), dz_h = head_rows(dz, b, h);
      const auto dq_h = sums(dQ, q.shape(), args.query, b, h),
                 dk_h = sums(dK, k.shape(), args.key, b, kv),
                 dv_h = sums(dV, v.shape(), args.value, b, kv);
      for (Index first = 0; first < queries; first += block) {
        const Index last = std::min(queries, first + block);
        const T* const P_first = P + first * keys;
        tile.mix_backward(P_first, dz_h, v_h, first, last, args.mask, dS);
        for (Index i = first; i < last; ++i) {
          T* const row = dS + (i - first) * keys;
          const Index seen = args.mask.seen(i, keys);
          Softmax::backward_row(seen, P + i * keys, row, scale);
          std::fill(row + seen, row + keys, T(0));
        }
        tile.add_over_keys(dS, k_h, first, last, args.mask, dq_h);
        tile.add_over_queries(dS, q_h, first, last, args.mask, dk_h);
        tile.add_over_queries(P_first, dz_h, first, last, args.mask, dv_h);
      }
      P += queries * keys;
    });
  }

  static std::vector<Sample<Args>> samples() {
    static constexpr Token q_row[] = {1, 0}, k_row[] = {0, 3, 1, 1, 2, 0}, last[] = {2};
    static constexpr std::uint8_t padded[] = {1, 1, 0, 0, 1, 1};
    const auto dense = [](Index batch, Index queries, Index keys, Index heads, Index d_head,
                          const AttentionMask& mask) {
      return Sample<Args>{{batch, {queries}, {keys}, {keys}, 2.0, mask},
                          {{batch * queries, heads, d_head},
                           {batch * keys, heads, d_head},
                           {batch * keys, heads, d_head}}};
    };
    return {dense(2, 3, 3, 2, 4, {}),
            dense(1, 2, 5, 1, 3, {.causal = false}),
            dense(2, 3, 3, 1, 2, {.key_visible = padded}),
            dense(1, 7, 19, 2, 5, {.causal = false}),
            dense(1, 20, 20, 1, 16, {}),
            dense(1, 140, 140, 1, 8, {}),
            dense(1, 12, 12, 1, 3, {.window = 4}),
            {{1, {4}, {4}, {4}, 2.0, {}, true}, {{4, 4, 2}, {4, 2, 2}, {4, 2, 2}}},
            {{2, {1, q_row}, {3, k_row}, {3, k_row}, 1.0, {.query_position = last}},
             {{2, 2, 3}, {4, 2, 3}, {4, 2, 3}}}};
  }

 private:
  // Head h of sequence b.
  template <class T>
  static HeadRows<T> rows(View<T> table, const AttentionRows& r, Index b, Index h) {
    if (table.stride(2) != 1)
      fail<ShapeError>("attention: d_head of ", table.shape(), " is strided");
    const Index stride = table.stride(0), first = b * r.positions;
    T* const head = table.data() + h * table.stride(1);
    if (r.row == nullptr) return {head + first * stride, stride};
    return {head, stride, r.row + first};
  }
  // The same of the gradient of a table of shape `table`; none stays none.
  template <Scalar T>
  static HeadSums<T> sums(Sums<T> dx, const Shape& table, const AttentionRows& r, Index b,
                          Index h) {
    if (!dx) return {};
    const Index stride = table[1] * table[2], first = b * r.positions;
    const Sums<T> head = dx.from(h * table[2]);
    if (r.row == nullptr) return {head.from(first * stride), stride};
    return {head, stride, r.row + first};
  }
};

}  // namespace hooked
