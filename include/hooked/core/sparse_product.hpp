// Matrix products a b where many numbers of a, or of b, may be zero, as features of a sparse
// autoencoder are: what is zero is not multiplied. Each element is added up in the order and in the
// blocks of core/product.hpp, and a zero would add nothing, so the bits are those of set_product
// and add_product, if the other factor is finite.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "hooked/core/product.hpp"
#include "hooked/core/tile_product.hpp"

namespace hooked {

namespace detail {

/// Copies those of n numbers that are not zero, and says how many they are and where each stood.
/// Both targets have room for a packet more.
template <Scalar T>
Index keep_nonzero(Index n, const T* x, T* number, std::int32_t* place) {
  Index count = 0, i = 0;
#ifdef EIGEN_VECTORIZE_AVX512
  if constexpr (std::same_as<T, float>) {
    __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (; i + kPacket<T> <= n; i += kPacket<T>) {
      const Packet<T> v = load(x + i);
      const __mmask16 kept = _mm512_cmp_ps_mask(v, splat(T(0)), _CMP_NEQ_UQ);
      _mm512_storeu_ps(number + count, _mm512_maskz_compress_ps(kept, v));
      _mm512_storeu_si512(place + count, _mm512_maskz_compress_epi32(kept, places));
      places = _mm512_add_epi32(places, _mm512_set1_epi32(16));
      count += std::popcount(static_cast<unsigned>(kept));
    }
  }
#endif
  for (; i < n; ++i) {
    number[count] = x[i];
    place[count] = static_cast<std::int32_t>(i);
    count += x[i] != T(0) ? 1 : 0;
  }
  return count;
}

/// The numbers of a row that are not zero, and where they stood.
template <Scalar T>
struct SparseRow {
  const T* number;            ///< [count]
  const std::int32_t* place;  ///< [count]
  Index count;
};

/// Rows of a times a strip of b that is N packets wide, `row(i)` being row i of a. The sums of a
/// row stay in registers.
template <int N, Scalar T, class Rows>
void sparse_strip(Rows row, const T* strip, const TileTarget<T>& to, Index rows, Index columns) {
  using Eigen::internal::padd, Eigen::internal::pmadd;
  for (Index r = 0; r < rows; ++r) {
    const SparseRow<T> a = row(r);
    Packet<T> sum[N];
    for (int n = 0; n < N; ++n) sum[n] = splat(T(0));
    for (Index i = 0; i < a.count; ++i) {
      const Packet<T> A = splat(a.number[i]);
      const T* const b = strip + a.place[i] * N * kPacket<T>;
      for (int n = 0; n < N; ++n) sum[n] = pmadd(A, load(b + n * kPacket<T>), sum[n]);
    }
    for (int n = 0; n < N; ++n) {
      const TileTarget<T> at = to.from(r, n * kPacket<T>);
      const Index left = columns - n * kPacket<T>;
      if (left >= kPacket<T>) {
        store<T>(at.c, at.start == nullptr ? sum[n] : padd(load(at.start), sum[n]));
      } else {
        store_part<T>(at.c, left,
                      at.start == nullptr ? sum[n] : padd(load_part(at.start, left), sum[n]));
      }
    }
  }
}

// Rows of a whose numbers do not lie side by side are turned so many at a time: their neighbours
// lie in lines that follow each other.
inline constexpr Index kTurned = 64;

/// As product(); `to` does not scale.
template <Scalar T>
void sparse_product(Strided<const T> a, Strided<const T> b, const TileTarget<T>& to, Index rows,
                    Index depth, Index columns) {
  const Index block_depth = depth_of_blocks(depth), block_rows = std::min(kBlockRows, rows);
  const Index room = whole_packets<T>(block_depth) + kPacket<T>;  // for what is kept of a row
  HOOKED_SCRATCH(T, strip, block_depth * kTileColumns<T>);
  HOOKED_SCRATCH(T, turned, room * kTurned);
  HOOKED_SCRATCH(T, number, block_rows * room);
  HOOKED_SCRATCH(std::int32_t, place, block_rows * room);
  HOOKED_SCRATCH(Index, count, block_rows);
  const auto row = [&](Index r) {
    return SparseRow<T>{number + r * room, place + r * room, count[r]};
  };
  TileTarget<T> sums = to;
  for (Index k = 0; k < std::max<Index>(1, depth); k += block_depth) {
    const Index d = std::min(block_depth, depth - k);
    for (Index i = 0; i < rows; i += block_rows) {
      const Index m = std::min(block_rows, rows - i);
      for (Index r = 0; r < m; ++r) {
        const T* x = a.at(i + r, k);
        if (a.column != 1) {  // columns are contiguous
          if (r % kTurned == 0) {
            pack_columns([&](Index c) { return a.at(i + r, k + c); }, d, std::min(kTurned, m - r),
                         turned, whole_packets<T>(d));
          }
          x = turned + r % kTurned * whole_packets<T>(d);
        }
        count[r] = keep_nonzero(d, x, number + r * room, place + r * room);
      }
      for (Index j = 0; j < columns; j += kTileColumns<T>) {
        const Index n = std::min(kTileColumns<T>, columns - j), width = whole_packets<T>(n);
        pack_strip(b, k, d, j, n, strip, width);
        const TileTarget<T> here = sums.from(i, j);
        switch (width / kPacket<T>) {
          case 1:
            sparse_strip<1>(row, strip, here, m, n);
            break;
          case 2:
            sparse_strip<2>(row, strip, here, m, n);
            break;
          case 3:
            if constexpr (kTilePackets >= 3) sparse_strip<3>(row, strip, here, m, n);
            break;
          case 4:
            if constexpr (kTilePackets >= 4) sparse_strip<4>(row, strip, here, m, n);
            break;
        }
      }
    }
    sums.start = sums.c;
    sums.start_row = sums.c_row;
  }
}

#ifdef HOOKED_COMPILED
extern template void sparse_product(Strided<const float>, Strided<const float>,
                                    const TileTarget<float>&, Index, Index, Index);
extern template void sparse_product(Strided<const double>, Strided<const double>,
                                    const TileTarget<double>&, Index, Index, Index);
#endif

/// Whether so many numbers of a [rows, depth] are zero that leaving them out takes less time.
template <Scalar T>
bool is_sparse([[maybe_unused]] Strided<const T> a, [[maybe_unused]] Index rows,
               [[maybe_unused]] Index depth) {
#ifdef HOOKED_USE_BLAS
  return false;  // who adds in an order of its own
#else
  constexpr double kMost = 0.4;  // where the dense product is as fast
  const bool by_rows = a.column == 1;
  const Index lines = by_rows ? rows : depth, length = by_rows ? depth : rows;
  Index count = 0;
  for (Index l = 0; l < lines; ++l) {
    const T* const line = by_rows ? a.at(l, 0) : a.at(0, l);
    std::int32_t in_line = 0;
    for (Index i = 0; i < length; ++i) in_line += line[i] != T(0) ? 1 : 0;
    count += in_line;
  }
  return static_cast<double>(count) <= kMost * static_cast<double>(rows * depth);
#endif
}

}  // namespace detail

/// c = a b + bias, the same bias for every row.
template <MatrixInMemory A, MatrixInMemory B, Scalar T = typename A::Scalar>
void set_sparse_product(const A& a, const B& b, const std::type_identity_t<T>* bias,
                        MatrixMap<std::type_identity_t<T>> c) {
  const Strided<const T> numbers = detail::strided(a);
  if (!detail::is_sparse(numbers, a.rows(), a.cols())) return set_product(a, b, bias, c);
  detail::sparse_product<T>(numbers, detail::strided(b), {c.data(), c.outerStride(), bias, 0},
                            c.rows(), a.cols(), c.cols());
}

/// c = a b, or c += a b, where many numbers of a may be zero.
template <MatrixInMemory A, MatrixInMemory B, Scalar T = typename A::Scalar>
void sparse_product(const A& a, const B& b, bool adds, MatrixMap<std::type_identity_t<T>> c) {
  const Strided<const T> numbers = detail::strided(a);
  if (!detail::is_sparse(numbers, a.rows(), a.cols())) {
    return adds ? add_product(a, b, c) : set_product(a, b, c);
  }
  detail::sparse_product<T>(
      numbers, detail::strided(b),
      {c.data(), c.outerStride(), adds ? c.data() : nullptr, adds ? c.outerStride() : 0}, c.rows(),
      a.cols(), c.cols());
}

/// c = a^T b, or c += a^T b, where many numbers of b may be zero; meanwhile c stands transposed.
template <Scalar T>
void product_by_sparse(MatrixMap<const T> a, MatrixMap<const T> b, bool adds, MatrixMap<T> c) {
  const Strided<const T> numbers = detail::strided(b.transpose());
  const Index rows = b.cols(), columns = a.cols();
  if (!detail::is_sparse(numbers, rows, b.rows())) {
    return adds ? add_product(a.transpose(), b, c) : set_product(a.transpose(), b, c);
  }
  HOOKED_SCRATCH(T, sums, rows * columns);
  if (adds) transpose<T>({c.data(), c.outerStride(), 1}, columns, rows, sums, columns);
  detail::sparse_product<T>(numbers, detail::strided(a),
                            {sums, columns, adds ? sums : nullptr, adds ? columns : 0}, rows,
                            b.rows(), columns);
  transpose<T>({sums, columns, 1}, rows, columns, c.data(), c.outerStride());
}

}  // namespace hooked
