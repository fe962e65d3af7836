// One head of one sequence: the arithmetic that the ops of attention share. The staged ops
// (attention_scores, softmax, attention_mix), between which hooks look, and the fused one
// (attention) call the same functions on the same numbers, so they agree bit for bit. What the mask
// hides adds exact zeros, so leaving it out changes no bit either.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "hooked/core/sums.hpp"
#include "hooked/core/tile_product.hpp"
#include "hooked/ops/attention_mask.hpp"

namespace hooked {

/// Rows that lie `stride` apart in memory, or where `row` says: one head of [row, head, d_head].
template <class T>
struct HeadRows {
  T* data;  ///< the first row
  Index stride;
  const Token* row = nullptr;  // null: row i is row i
  /// Where row i begins.
  T* operator()(Index i) const { return data + (row == nullptr ? i : row[i]) * stride; }
};

/// The same of a gradient, whose rows are added to.
template <Scalar T>
struct HeadSums {
  Sums<T> data = {};           ///< the first row
  Index stride = 0;            ///< elements between rows
  const Token* row = nullptr;  ///< null: row i is row i
  explicit operator bool() const { return static_cast<bool>(data); }
  /// Row i, to be added to.
  Sums<T> operator()(Index i) const { return data.from((row == nullptr ? i : row[i]) * stride); }
};

/// One head of one sequence: matrices of `queries` and `keys` rows, `d_head` wide. Scratch memory
/// is the caller's: `scratch_size()` numbers.
template <Scalar T>
class AttentionTile {
 public:
  /// The score of a key that is not seen.
  static constexpr T kHidden = -std::numeric_limits<T>::infinity();
  /// Backward takes the queries in blocks of this many, so that scratch memory stays small.
  static constexpr Index kQueryBlock = 128;

  AttentionTile(Index queries, Index keys, Index d_head, T* scratch)
      : queries_(queries),
        keys_(keys),
        d_head_(d_head),
        width_(whole_packets<T>(d_head)),
        rows_(scratch),
        packed_(scratch + kTileRows * width_) {}

  /// How many numbers of scratch memory a head takes.
  static Index scratch_size(Index queries, Index keys, Index d_head) {
    const Index width = whole_packets<T>(d_head);
    const Index packed = std::max(
        {keys * width, d_head * whole_packets<T>(keys), std::min(queries, kQueryBlock) * width});
    return kTileRows * width + packed;
  }

  /// S[i, j] by the rule from q_i . k_j, minus infinity where the mask hides key j of sequence b.
  void scores(HeadRows<const T> q, HeadRows<const T> k, const ScoreRule<T>& rule,
              const AttentionMask& mask, Index b, T* S) const {
    times_columns(q, 0, queries_, k, rule.scale, mask, S);
    for (Index i = 0; i < queries_; ++i) {
      const Index seen = mask.seen(i, keys_), first = mask.first_seen(i), at = mask.position(i);
      for (Index j = first; rule.cap > 0 && j < seen; ++j) {
        S[i * keys_ + j] = rule.cap * std::tanh(S[i * keys_ + j] / rule.cap);
      }
      for (Index j = first; rule.slope != 0 && j < seen; ++j) {
        S[i * keys_ + j] += rule.bias(j, at);
      }
      std::fill(S + i * keys_, S + i * keys_ + first, kHidden);
      std::fill(S + i * keys_ + seen, S + (i + 1) * keys_, kHidden);
      for (Index j = 0; mask.key_visible != nullptr && j < seen; ++j) {
        if (mask.key_visible[b * keys_ + j] == 0) S[i * keys_ + j] = kHidden;
      }
    }
  }

  /// z_i = sum_j P[i, j] v_j; z has no row map. Where P is zero, as it is at hidden keys, nothing
  /// is taken, not even of a v that is infinite or NaN.
  void mix(const T* P, HeadRows<const T> v, const AttentionMask& mask, HeadRows<T> z) const {
    if (is_short()) {
      for (Index i = 0; i < queries_; ++i) {
        combine(P + i * keys_, v, mask.seen(i, keys_), store_to(z(i)));
      }
    } else {
      pack_rows<T>(v, keys_, d_head_, packed_, width_);
      in_blocks(queries_, [&](Index i, Index count) {
        tile_product<T>({P + i * keys_, keys_, 1}, packed_, width_, {z(i), z.stride}, count,
                        mask.seen(i + count - 1, keys_), d_head_);
      });
    }
    if (all_finite(d_head_, z(0), queries_, z.stride)) return;  // takes less time than row by row
    for (Index i = 0; i < queries_; ++i, P += keys_) {
      if (all_finite(d_head_, z(i))) continue;
      combine<Zeros::skip>(P, v, mask.seen(i, keys_), store_to(z(i)));
    }
  }

  /// dP[i, j] = dz_i . v_j for queries [first, last), whose first row P and dP begin with. Where
  /// the mask hides a key, dP may be left as it is; where mix took nothing, what is not finite is
  /// zero.
  void mix_backward(const T* P, HeadRows<const T> dz, HeadRows<const T> v, Index first, Index last,
                    const AttentionMask& mask, T* dP) const {
    times_columns(dz, first, last, v, T(1), mask, dP);
    for (Index i = first; i < last; ++i, P += keys_, dP += keys_) {
      const Index seen = mask.seen(i, keys_);
      if (all_finite(seen, dP)) continue;
      for (Index j = 0; j < seen; ++j) {
        if (P[j] == T(0) && !std::isfinite(dP[j])) dP[j] = T(0);
      }
    }
  }

  /// out_i += sum_j A[i, j] x_j for queries [first, last): dq from dS and k.
  void add_over_keys(const T* A, HeadRows<const T> x, Index first, Index last,
                     const AttentionMask& mask, HeadSums<T> out) const {
    if (!out) return;
    if (is_short()) {
      for (Index i = first; i < last; ++i) {
        combine(A + (i - first) * keys_, x, mask.seen(i, keys_),
                [to = out(i)](Index c, Index n, const Packet<T>& sum) { to.add(c, n, sum); });
      }
      return;
    }
    pack_rows<T>(x, mask.seen(last - 1, keys_), d_head_, packed_, width_);
    in_blocks(last - first, [&](Index i, Index count) {
      add_block({A + i * keys_, keys_, 1}, packed_, count, mask.seen(first + i + count - 1, keys_),
                out, first + i);
    });
  }

  /// out_j += sum of A[i, j] x_i over queries i of [first, last): dv from P and dz, dk from dS and
  /// q.
  void add_over_queries(const T* A, HeadRows<const T> x, Index first, Index last,
                        const AttentionMask& mask, HeadSums<T> out) const {
    if (!out) return;
    if (is_short()) {
      for (Index i = first; i < last; ++i) {
        for (Index j = 0; j < mask.seen(i, keys_); ++j) {
          out(j).add_row(d_head_, A[(i - first) * keys_ + j], x(i));
        }
      }
      return;
    }
    pack_rows<T>([&](Index i) { return x(first + i); }, last - first, d_head_, packed_, width_);
    in_blocks(mask.seen(last - 1, keys_), [&](Index j, Index count) {
      const Index from = std::max(first, mask.first_to_see(j, last)) - first;
      add_block({A + from * keys_ + j, 1, keys_}, packed_ + from * width_, count,
                last - first - from, out, j);
    });
  }

 private:
  // Few keys fill no register: then the numbers of one row go side by side instead of the keys.
  bool is_short() const { return keys_ <= 8; }

  template <class Block>
  static void in_blocks(Index rows, Block block) {
    for (Index i = 0; i < rows; i += kTileRows) block(i, std::min(kTileRows, rows - i));
  }

  // y[i, j] = scale x_i . k_j, i in [first, last), as far as the mask lets any row of a block see.
  void times_columns(HeadRows<const T> x, Index first, Index last, HeadRows<const T> k, T scale,
                     const AttentionMask& mask, T* y) const {
    if (is_short()) {
      for (Index i = first; i < last; ++i, y += keys_) {
        for (Index j = 0; j < mask.seen(i, keys_); ++j) y[j] = scale * dot(d_head_, x(i), k(j));
      }
      return;
    }
    const Index columns = whole_packets<T>(keys_);
    pack_columns(k, mask.seen(last - 1, keys_), d_head_, packed_, columns);
    in_blocks(last - first, [&](Index i, Index count) {
      Strided<const T> rows{x(first + i), x.stride, 1};
      if (x.row != nullptr) {
        pack_rows<T>([&](Index r) { return x(first + i + r); }, count, d_head_, rows_, width_);
        rows = {rows_, width_, 1};
      }
      tile_product<T>(rows, packed_, columns, {y + i * keys_, keys_, nullptr, 0, scale}, count,
                      d_head_, mask.seen(first + i + count - 1, keys_));
    });
  }

  static auto store_to(T* to) {
    return [to](Index c, Index n, const Packet<T>& sum) {
      if (n == kPacket<T>) {
        store<T>(to + c, sum);
      } else {
        store_part<T>(to + c, n, sum);
      }
    };
  }
  // Hands sum_j a[j] x_j to `take`, a register at a time.
  enum class Zeros { multiply, skip };
  template <Zeros kZeros = Zeros::multiply, class Take>
  void combine(const T* a, HeadRows<const T> x, Index count, Take take) const {
    using Eigen::internal::pmadd;
    for (Index c = 0; c < d_head_; c += kPacket<T>) {
      const Index n = std::min(kPacket<T>, d_head_ - c);
      Packet<T> sum = splat(T(0));
      for (Index j = 0; j < count; ++j) {
        if (kZeros == Zeros::skip && a[j] == T(0)) continue;
        const Packet<T> X = n == kPacket<T> ? load(x(j) + c) : load_part(x(j) + c, n);
        sum = pmadd(splat(a[j]), X, sum);
      }
      take(c, n, sum);
    }
  }

  // out_(i + r) += row r of a times b, b packed, r < count.
  void add_block(Strided<const T> a, const T* b, Index count, Index depth, HeadSums<T> out,
                 Index i) const {
    if (out.row == nullptr) {
      return out(i).add_tiles(out.stride, a, b, width_, count, depth, d_head_);
    }
    tile_product<T>(a, b, width_, {rows_, width_}, count, depth, d_head_);
    for (Index r = 0; r < count; ++r) out(i + r).add_row(d_head_, T(1), rows_ + r * width_);
  }

  Index queries_, keys_, d_head_, width_;
  T* rows_;    // a few rows
  T* packed_;  // an operand of a product
};

/// Head h of sequence b of x [batch, pos, head, d_head]. Throws ShapeError when d_head is strided.
template <class T>
HeadRows<T> head_rows(View<T> x, Index b, Index h) {
  if (x.stride(3) != 1) fail<ShapeError>("attention: d_head of ", x.shape(), " is strided");
  return {x.data() + b * x.stride(0) + h * x.stride(2), x.stride(1)};
}

/// The same of the gradient of x, whose shape is `x`; none stays none.
template <Scalar T>
HeadSums<T> head_sums(Sums<T> dx, const Shape& x, Index b, Index h) {
  if (!dx) return {};
  const Index row = x[2] * x[3];
  return {dx.from(b * x[1] * row + h * x[3]), row};
}

/// Calls `work(tile, b, h)` for every head of every sequence of a pattern [batch, head, query,
/// key].
template <Scalar T, class Work>
void for_each_head(const Shape& pattern, Index d_head, Work work) {
  const Index queries = pattern[2], keys = pattern[3];
  HOOKED_SCRATCH(T, scratch, AttentionTile<T>::scratch_size(queries, keys, d_head));
  const AttentionTile<T> tile(queries, keys, d_head, scratch);
  for (Index b = 0; b < pattern[0]; ++b) {
    for (Index h = 0; h < pattern[1]; ++h) work(tile, b, h);
  }
}

}  // namespace hooked
