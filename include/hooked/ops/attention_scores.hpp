// attention_scores: S[b, h, i, j] = q[b, i, h] . k[b, j, h] / divisor, and -inf where query i may
// not look at key j (contract, 5.1). hook_attn_scores shows it.
// Backward: dq_i = sum_j dS_ij k_j / divisor, dk_j = sum_i dS_ij q_i / divisor; a masked score is a
// constant, so what arrives there is dropped.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "hooked/ops/op.hpp"

namespace hooked {

struct AttentionScores {
  static constexpr std::string_view name = "attention_scores";
  static constexpr int inputs = 2;
  struct Args {
    double divisor = 1.0;                       // sqrt(d_head), usually
    bool causal = true;                         // query i sees keys 0..i
    const Token* query_position = nullptr;      // [query]; null: query i stands at position i
    const std::uint8_t* key_visible = nullptr;  // [batch, key], 0 hides a key (padding); null: all
  };

  /// q [batch, query, head, d_head], k [batch, key, head, d_head] -> [batch, head, query, key]
  static Shape shape(const Args& args, const Shape& q, const Shape& k) {
    if (q.rank() != 4 || k.rank() != 4 || q[0] != k[0] || q[2] != k[2] || q[3] != k[3]) {
      fail<ShapeError>("attention_scores: q is ", q, ", k is ", k,
                       ": both are [batch, pos, head, d_head] and differ in pos only");
    }
    if (args.causal && args.query_position == nullptr && q[1] != k[1]) {
      fail<ShapeError>("attention_scores: q is ", q, ", k is ", k,
                       ": with fewer queries than keys a causal mask needs query_position");
    }
    return {q[0], q[2], q[1], k[1]};
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> q, View<const T> k, View<T> scores) {
    const T scale = static_cast<T>(1.0 / args.divisor);
    for (Index b = 0; b < scores.size(0); ++b) {
      for (Index h = 0; h < scores.size(1); ++h) {
        auto S = scores.select(0, b).select(0, h).matrix();  // [query, key]
        S.noalias() = head(q, b, h) * head(k, b, h).transpose();
        S *= scale;
        for_each_hidden(args, b, S.rows(), S.cols(),
                        [&](Index i, Index j) { S(i, j) = kHidden<T>; });
      }
    }
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> q, View<const T> k, View<const T> scores,
                       View<const T> dscores, Acc<T> dq, Acc<T> dk) {
    const T scale = static_cast<T>(1.0 / args.divisor);
    const Index queries = scores.size(2), keys = scores.size(3);
    // A masked copy of dS, a tile at a time, on the stack: a product would take the heap for it.
    constexpr Index kTile = 64;
    std::array<T, kTile * kTile> tile;
    for (Index b = 0; b < scores.size(0); ++b) {
      for (Index h = 0; h < scores.size(1); ++h) {
        const auto S = scores.select(0, b).select(0, h).array();
        const auto dS = dscores.select(0, b).select(0, h).array();
        for (Index i = 0; i < queries; i += kTile) {
          for (Index j = 0; j < keys; j += kTile) {
            const Index rows = std::min(kTile, queries - i), columns = std::min(kTile, keys - j);
            MatrixMap<T> visible(tile.data(), rows, columns, Eigen::OuterStride<>(columns));
            visible.array() = (S.block(i, j, rows, columns) == kHidden<T>)
                                  .select(T(0), dS.block(i, j, rows, columns) * scale);
            head(dq, b, h).slice(0, i, i + rows).matrix() +=
                visible * head(k, b, h).middleRows(j, columns);
            head(dk, b, h).slice(0, j, j + columns).matrix() +=
                visible.transpose() * head(q, b, h).middleRows(i, rows);
          }
        }
      }
    }
  }

  static std::vector<Sample<Args>> samples() {
    static constexpr Token last[] = {2};
    static constexpr std::uint8_t padded[] = {1, 1, 0, 0, 1, 1};
    return {{{.divisor = 2.0}, {{2, 3, 2, 4}, {2, 3, 2, 4}}},
            {{.causal = false}, {{1, 2, 1, 3}, {1, 5, 1, 3}}},
            {{.query_position = last}, {{2, 1, 2, 3}, {2, 3, 2, 3}}},
            {{.key_visible = padded}, {{2, 3, 1, 2}, {2, 3, 1, 2}}},
            {{.divisor = 4.0}, {{2, 70, 1, 16}, {2, 70, 1, 16}}}};
  }

 private:
  template <Scalar T>
  static constexpr T kHidden = -std::numeric_limits<T>::infinity();

  // The [pos, d_head] matrix of one head; works for View and Acc alike.
  template <class T>
  static MatrixMap<T> head(View<T> x, Index b, Index h) {
    return x.select(0, b).select(1, h).matrix();
  }
  template <Scalar T>
  static Acc<T> head(Acc<T> x, Index b, Index h) {
    return x.select(0, b).select(1, h);
  }

  template <class Hide>
  static void for_each_hidden(const Args& args, Index b, Index queries, Index keys, Hide hide) {
    for (Index i = 0; i < queries; ++i) {
      const Index position = args.query_position == nullptr ? i : args.query_position[i];
      for (Index j = 0; j < keys; ++j) {
        const bool padding = args.key_visible != nullptr && args.key_visible[b * keys + j] == 0;
        if (padding || (args.causal && j > position)) hide(i, j);
      }
    }
  }
};

}  // namespace hooked
