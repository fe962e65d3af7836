// Matrix products of any size, cut into blocks that fit the caches. On the shapes of small
// transformers this is a fifth faster than Eigen's kernel, which packs both operands and must find
// zeros in the result (docs/performance.md); and the bits of a row do not depend on how many rows
// there are beside it, so computing fewer rows changes nothing. With HOOKED_USE_BLAS the products
// go to Eigen, and from there to the BLAS.
#pragma once

#include <cstring>
#include <type_traits>

#include "hooked/core/tile_product.hpp"

namespace hooked {

namespace detail {

// Largest blocks: depth so that a strip of b stays in the first-level cache, rows so that the block
// of a stays in the second.
inline constexpr Index kBlockDepth = 160, kBlockRows = 480;

/// How deep the blocks are that a product of this depth is added up in.
inline Index depth_of_blocks(Index depth) {
  const Index cuts = std::max<Index>(1, (depth + kBlockDepth - 1) / kBlockDepth);
  return std::max<Index>(1, (depth + cuts - 1) / cuts);
}

/// Copies rows of a, whose columns are contiguous, as one tile after the other:
/// [tile, depth, kTileRows].
template <Scalar T>
void pack_tiles(Strided<const T> a, Index rows, Index depth, T* to) {
  constexpr Index kChunk = 16;  // rows of memory, few enough to stay in the first-level cache
  for (Index k = 0; k < depth; k += kChunk) {
    const Index stop = std::min(depth, k + kChunk);
    Index i = 0;
    for (; i + kTileRows <= rows; i += kTileRows) {
      for (Index c = k; c < stop; ++c) {
        std::memcpy(to + i * depth + c * kTileRows, a.at(i, c), kTileRows * sizeof(T));
      }
    }
    for (Index c = k; i < rows && c < stop; ++c) {
      std::copy_n(a.at(i, c), rows - i, to + i * depth + c * kTileRows);
    }
  }
}

/// Copies rows k to k + d and columns j to j + n of b, whose rows or columns are contiguous, as d
/// rows of `width`, beyond n zeros.
template <Scalar T>
void pack_strip(Strided<const T> b, Index k, Index d, Index j, Index n, T* to, Index width) {
  if (b.column == 1) {
    pack_rows([&](Index r) { return b.at(k + r, j); }, d, n, to, width);
  } else {
    pack_columns([&](Index r) { return b.at(k, j + r); }, n, d, to, width);
  }
}

/// to = a b with sizes [rows, depth] and [depth, columns]; rows or columns of a are contiguous, and
/// of b. The target is not part of a or b.
template <Scalar T>
void product(Strided<const T> a, Strided<const T> b, const TileTarget<T>& to, Index rows,
             Index depth, Index columns) {
  const Index block_depth = depth_of_blocks(depth);
  const bool packs_a = a.column != 1;
  const Index block_rows = std::min(kBlockRows, (rows + kTileRows - 1) / kTileRows * kTileRows);
  HOOKED_SCRATCH(T, strip_of_b, block_depth * kTileColumns<T>);
  HOOKED_SCRATCH(T, tiles_of_a, packs_a ? block_rows * block_depth : 1);
  TileTarget<T> sums = to;
  for (Index k = 0; k < std::max<Index>(1, depth); k += block_depth) {
    const Index d = std::min(block_depth, depth - k);
    for (Index i = 0; i < rows; i += block_rows) {
      const Index m = std::min(block_rows, rows - i);
      if (packs_a) pack_tiles(a.from(i, k), m, d, tiles_of_a);
      for (Index j = 0; j < columns; j += kTileColumns<T>) {
        const Index n = std::min(kTileColumns<T>, columns - j), width = whole_packets<T>(n);
        pack_strip(b, k, d, j, n, strip_of_b, width);
        if (!packs_a) {
          tile_product<T>(a.from(i, k), strip_of_b, width, sums.from(i, j), m, d, n);
          continue;
        }
        for (Index t = 0; t < m; t += kTileRows) {
          tile_product<T>({tiles_of_a + t * d, 1, kTileRows}, strip_of_b, width,
                          sums.from(i + t, j), std::min(kTileRows, m - t), d, n);
        }
      }
    }
    sums.start = sums.c;
    sums.start_row = sums.c_row;
  }
}

#ifdef HOOKED_COMPILED
extern template void product(Strided<const float>, Strided<const float>, const TileTarget<float>&,
                             Index, Index, Index);
extern template void product(Strided<const double>, Strided<const double>,
                             const TileTarget<double>&, Index, Index, Index);
#endif

template <class M>
auto strided(const M& m) {
  using T = const typename M::Scalar;
  return M::IsRowMajor ? Strided<T>{m.data(), m.outerStride(), 1}
                       : Strided<T>{m.data(), 1, m.outerStride()};
}

}  // namespace detail

/// A matrix that lies in memory, as it is or transposed: `x.matrix()`, `x.matrix().transpose()`.
template <class M>
concept MatrixInMemory = requires(const M& m) {
  m.data();
  m.outerStride();
  requires int(Eigen::internal::inner_stride_at_compile_time<M>::ret) == 1;
};

/// c = a b.
template <MatrixInMemory A, MatrixInMemory B, Scalar T = typename A::Scalar>
void set_product(const A& a, const B& b, MatrixMap<std::type_identity_t<T>> c) {
#ifdef HOOKED_USE_BLAS
  c.noalias() = a * b;
#else
  detail::product<T>(detail::strided(a), detail::strided(b), {c.data(), c.outerStride()}, c.rows(),
                     a.cols(), c.cols());
#endif
}

/// c += a b.
template <MatrixInMemory A, MatrixInMemory B, Scalar T = typename A::Scalar>
void add_product(const A& a, const B& b, MatrixMap<std::type_identity_t<T>> c) {
#ifdef HOOKED_USE_BLAS
  c.noalias() += a * b;
#else
  detail::product<T>(detail::strided(a), detail::strided(b),
                     {c.data(), c.outerStride(), c.data(), c.outerStride()}, c.rows(), a.cols(),
                     c.cols());
#endif
}

/// c = a b + bias, the same bias for every row.
template <MatrixInMemory A, MatrixInMemory B, Scalar T = typename A::Scalar>
void set_product(const A& a, const B& b, const std::type_identity_t<T>* bias,
                 MatrixMap<std::type_identity_t<T>> c) {
#ifdef HOOKED_USE_BLAS
  c.rowwise() = MatrixMap<const T>(bias, 1, c.cols(), Eigen::OuterStride<>(c.cols())).row(0);
  c.noalias() += a * b;
#else
  detail::product<T>(detail::strided(a), detail::strided(b), {c.data(), c.outerStride(), bias, 0},
                     c.rows(), a.cols(), c.cols());
#endif
}

/// y = the sum of the rows of x, or y += it; y has one row. In the order in which Eigen adds.
template <Scalar T>
[[gnu::noinline]] void column_sums(MatrixMap<const T> x, bool adds, MatrixMap<T> y) {
  if (adds) {
    y.noalias() += x.colwise().sum();
  } else {
    y.noalias() = x.colwise().sum();
  }
}

#ifdef HOOKED_COMPILED
extern template void column_sums<float>(MatrixMap<const float>, bool, MatrixMap<float>);
extern template void column_sums<double>(MatrixMap<const double>, bool, MatrixMap<double>);
#endif

}  // namespace hooked
