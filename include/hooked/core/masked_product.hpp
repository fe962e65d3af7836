// Matrix products of which only some elements are wanted, as the gradients of those features of a
// sparse autoencoder that are on. An element is the sum of as many partial sums as a packet has
// numbers, so that its last bits are not those of product.hpp, but they hang on nothing beside it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "hooked/core/compiled.hpp"
#include "hooked/core/packets.hpp"
#include "hooked/core/sparse_product.hpp"

namespace hooked {

namespace detail {

/// x times each of N rows.
template <std::size_t N, Scalar T>
std::array<T, N> dot_products(Index n, const T* x, const std::array<const T*, N>& rows) {
  using Eigen::internal::pmadd, Eigen::internal::predux;
  Packet<T> sum[N];
  for (std::size_t r = 0; r < N; ++r) sum[r] = splat(T(0));
  Index i = 0;
  for (; i + kPacket<T> <= n; i += kPacket<T>) {
    const Packet<T> v = load(x + i);
    for (std::size_t r = 0; r < N; ++r) sum[r] = pmadd(v, load(rows[r] + i), sum[r]);
  }
  if (i < n) {
    const Packet<T> v = load_part(x + i, n - i);
    for (std::size_t r = 0; r < N; ++r) sum[r] = pmadd(v, load_part(rows[r] + i, n - i), sum[r]);
  }
  std::array<T, N> dots;
  for (std::size_t r = 0; r < N; ++r) dots[r] = predux(sum[r]);
  return dots;
}

}  // namespace detail

/// c = a b^T, or c += a b^T, where `mask`, of c's size, is not zero; elsewhere c = 0, or stays.
template <Scalar T>
void masked_product(MatrixMap<const T> a, MatrixMap<const T> b, MatrixMap<const T> mask, bool adds,
                    MatrixMap<T> c) {
  constexpr Index kNumbers = 1 << 15;  // of b at a time, in the second-level cache
  constexpr std::size_t kAtOnce = 4;
  const Index depth = a.cols();
  const Index most = std::clamp<Index>(kNumbers / std::max<Index>(1, depth), 1, c.cols());
  HOOKED_SCRATCH(T, number, most + kPacket<T>);
  HOOKED_SCRATCH(std::int32_t, place, most + kPacket<T>);
  for (Index j = 0; j < c.cols(); j += most) {
    const Index n = std::min(most, c.cols() - j);
    for (Index i = 0; i < c.rows(); ++i) {
      T* const to = c.data() + i * c.outerStride() + j;
      const T* const x = a.data() + i * a.outerStride();
      if (!adds) std::fill_n(to, n, T(0));
      const Index count =
          detail::keep_nonzero(n, mask.data() + i * mask.outerStride() + j, number, place);
      const auto row = [&](Index at) { return b.data() + (j + place[at]) * b.outerStride(); };
      Index at = 0;
      for (; at + Index{kAtOnce} <= count; at += Index{kAtOnce}) {
        const auto dots = detail::dot_products<kAtOnce, T>(
            depth, x, {row(at), row(at + 1), row(at + 2), row(at + 3)});
        for (std::size_t d = 0; d < kAtOnce; ++d) to[place[at + static_cast<Index>(d)]] += dots[d];
      }
      for (; at < count; ++at) {
        to[place[at]] += detail::dot_products<1, T>(depth, x, {row(at)})[0];
      }
    }
  }
}

#ifdef HOOKED_COMPILED
extern template void masked_product<float>(MatrixMap<const float>, MatrixMap<const float>,
                                           MatrixMap<const float>, bool, MatrixMap<float>);
extern template void masked_product<double>(MatrixMap<const double>, MatrixMap<const double>,
                                            MatrixMap<const double>, bool, MatrixMap<double>);
#endif

}  // namespace hooked
