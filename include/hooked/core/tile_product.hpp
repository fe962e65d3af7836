// The kernel of matrix products: tiles of c = a b whose sums stay in registers, where a is read as
// it lies and b row by row. Each element is added up from its first term to its last, so a tile may
// be cut anywhere without changing a bit.
#pragma once

#include "hooked/core/compiled.hpp"
#include "hooked/core/packets.hpp"

namespace hooked {

/// A matrix whose rows and columns are evenly spaced: element (i, k) at data[i * row + k * column].
template <class T>
struct Strided {
  T* data;            ///< element (0, 0)
  Index row, column;  ///< elements between neighbours down a column, and along a row

  /// Where element (i, k) lies.
  T* at(Index i, Index k) const { return data + i * row + k * column; }
  /// The matrix from element (i, k) on.
  Strided from(Index i, Index k) const { return {at(i, k), row, column}; }
};

/// Where the sums of a tile go: c[i, j] = start[i, j] + scale * sum. Rows are contiguous. `start`
/// may be c itself, one row for all (start_row 0), or null for 0.
template <Scalar T>
struct TileTarget {
  T* c;         ///< element (0, 0) of the target
  Index c_row;  ///< elements between its rows
  const T* start = nullptr;
  Index start_row = 0;  ///< elements between rows of `start`
  T scale = T(1);       ///< what the sum is multiplied by

  /// The target from element (i, j) on.
  TileTarget from(Index i, Index j) const {
    const T* const first = start == nullptr ? nullptr : start + i * start_row + j;
    return {c + i * c_row + j, c_row, first, start_row, scale};
  }
};

/// The tile in registers: rows by packets of columns. Its sums, a row of b and a number of a fit
/// the registers that there are.
inline constexpr Index kTileRows = 6;
/// Packets of columns in a tile.
inline constexpr Index kTilePackets = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS >= 32 ? 4 : 2;
/// Columns of a tile.
template <Scalar T>
inline constexpr Index kTileColumns = kTilePackets* kPacket<T>;

namespace detail {

inline void prefetch_to_write(void* address) {
#ifdef __GNUC__
  __builtin_prefetch(address, 1);
#endif
}

template <int M, int N, Scalar T>
void tile(Strided<const T> a, const T* b, Index b_row, const TileTarget<T>& to, Index depth,
          Index columns) {
  using Eigen::internal::padd, Eigen::internal::pmadd, Eigen::internal::pmul;
  // The target may lie far away: it is on its way while the sums are added up.
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) prefetch_to_write(to.c + m * to.c_row + n * kPacket<T>);
  }
  // Plain arrays: the compiler keeps them in registers.
  Packet<T> sum[M][N];
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) sum[m][n] = splat(T(0));
  }
  const T* a_k = a.data;
  for (Index k = 0; k < depth; ++k) {
    Packet<T> B[N];
    for (int n = 0; n < N; ++n) B[n] = load(b + n * kPacket<T>);
    for (int m = 0; m < M; ++m) {
      const Packet<T> A = splat(a_k[m * a.row]);
      for (int n = 0; n < N; ++n) sum[m][n] = pmadd(A, B[n], sum[m][n]);
    }
    a_k += a.column;
    b += b_row;
  }
  const Packet<T> scale = splat(to.scale);
#ifdef __GNUC__
#pragma GCC unroll 8  // so that the sums need not lie in memory
#endif
  for (int m = 0; m < M; ++m) {
#ifdef __GNUC__
#pragma GCC unroll 8
#endif
    for (int n = 0; n < N; ++n) {
      const TileTarget<T> at = to.from(m, n * kPacket<T>);
      const Index left = columns - n * kPacket<T>;
      const Packet<T> y = pmul(sum[m][n], scale);
      if (left >= kPacket<T>) {
        store<T>(at.c, at.start == nullptr ? y : padd(load(at.start), y));
      } else {
        store_part<T>(at.c, left, at.start == nullptr ? y : padd(load_part(at.start, left), y));
      }
    }
  }
}

// All rows of a strip that is N packets wide.
template <int N, Scalar T>
void strip(Strided<const T> a, const T* b, Index b_row, TileTarget<T> to, Index rows, Index depth,
           Index columns) {
  for (; rows >= kTileRows; rows -= kTileRows) {
    tile<kTileRows, N>(a, b, b_row, to, depth, columns);
    a = a.from(kTileRows, 0);
    to = to.from(kTileRows, 0);
  }
  switch (rows) {
    case 5:
      return tile<5, N>(a, b, b_row, to, depth, columns);
    case 4:
      return tile<4, N>(a, b, b_row, to, depth, columns);
    case 3:
      return tile<3, N>(a, b, b_row, to, depth, columns);
    case 2:
      return tile<2, N>(a, b, b_row, to, depth, columns);
    case 1:
      return tile<1, N>(a, b, b_row, to, depth, columns);
    default:
      return;
  }
}

}  // namespace detail

/// The product of `rows` rows of a and b [depth, columns], whose rows are contiguous, `b_row` apart
/// and readable up to whole packets.
template <Scalar T>
void tile_product(Strided<const T> a, const T* b, Index b_row, const TileTarget<T>& to, Index rows,
                  Index depth, Index columns) {
  for (Index j = 0; j < columns; j += kTileColumns<T>) {
    const Index width = std::min(kTileColumns<T>, columns - j);
    const TileTarget<T> here = to.from(0, j);
    switch ((width + kPacket<T> - 1) / kPacket<T>) {
      case 1:
        detail::strip<1>(a, b + j, b_row, here, rows, depth, width);
        break;
      case 2:
        detail::strip<2>(a, b + j, b_row, here, rows, depth, width);
        break;
      case 3:
        if constexpr (kTilePackets >= 3)
          detail::strip<3>(a, b + j, b_row, here, rows, depth, width);
        break;
      case 4:
        if constexpr (kTilePackets >= 4)
          detail::strip<4>(a, b + j, b_row, here, rows, depth, width);
        break;
    }
  }
}

#ifdef HOOKED_COMPILED
extern template void tile_product(Strided<const float>, const float*, Index,
                                  const TileTarget<float>&, Index, Index, Index);
extern template void tile_product(Strided<const double>, const double*, Index,
                                  const TileTarget<double>&, Index, Index, Index);
#endif

/// Copies `count` rows of `width` numbers, row i at from(i), to `to`, each filled up with zeros to
/// `padded`, which is whole packets.
template <Scalar T, class Rows>
void pack_rows(Rows from, Index count, Index width, T* to, Index padded) {
  for (Index i = 0; i < count; ++i, to += padded) {
    const T* row = from(i);
    Index j = 0;
    for (; j + kPacket<T> <= width; j += kPacket<T>) store<T>(to + j, load(row + j));
    if (j < width) store<T>(to + j, load_part(row + j, width - j));
  }
}

// g++ says that Packet's alignment is lost as a template argument; the block has its own.
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif
/// As pack_rows, but turned: number j of row i goes to to[j * padded + i], and columns from `count`
/// to `padded` are zeros.
template <Scalar T, class Rows>
void pack_columns(Rows from, Index count, Index width, T* to, Index padded) {
  Eigen::internal::PacketBlock<Packet<T>, kPacket<T>> block;
  for (Index i = 0; i < padded; i += kPacket<T>) {
    for (Index j = 0; j < width; j += kPacket<T>) {
      const Index left = std::min(kPacket<T>, width - j);
      for (Index r = 0; r < kPacket<T>; ++r) {
        if (i + r >= count) {
          block.packet[r] = splat(T(0));
        } else {
          const T* at = from(i + r) + j;
          block.packet[r] = left == kPacket<T> ? load(at) : load_part(at, left);
        }
      }
      Eigen::internal::ptranspose(block);
      for (Index c = 0; c < left; ++c) store<T>(to + (j + c) * padded + i, block.packet[c]);
    }
  }
}

/// to(j, i) = from(i, j), whose rows are contiguous as those of `to` are, `to_row` apart.
template <Scalar T>
void transpose(Strided<const T> from, Index rows, Index columns, T* to, Index to_row) {
  constexpr Index P = kPacket<T>;
  Eigen::internal::PacketBlock<Packet<T>, P> block;
  for (Index i = 0; i < rows; i += P) {
    for (Index j = 0; j < columns; j += P) {
      if (i + P <= rows && j + P <= columns) {
        for (Index r = 0; r < P; ++r) block.packet[r] = load(from.at(i + r, j));
        Eigen::internal::ptranspose(block);
        for (Index c = 0; c < P; ++c) store<T>(to + (j + c) * to_row + i, block.packet[c]);
        continue;
      }
      for (Index r = i; r < std::min(rows, i + P); ++r) {
        for (Index c = j; c < std::min(columns, j + P); ++c) to[c * to_row + r] = *from.at(r, c);
      }
    }
  }
}
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

}  // namespace hooked
