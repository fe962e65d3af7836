// Draws: many random numbers at once. Number i is a function of seed, stream and i alone, so they
// can be drawn in blocks, in any order and by any number of threads.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "hooked/core/packets.hpp"
#include "hooked/core/random.hpp"

namespace hooked {

/// The numbers of a stream of its own, unrelated to those of a Random of the same name. The same on
/// every platform: all arithmetic is exact or rounded once (fma, division, root), in loops that
/// compilers turn into vector code.
class Draws {
 public:
  explicit Draws(Seed seed, std::string_view stream)
      : seed_(seed.value), stream_(stream_number(stream) ^ 0x9E3779B97F4A7C15) {}

  /// The numbers [first, first + count) of the normal distribution with mean 0, by Box and Muller
  /// (1958): for u, v uniform in (0, 1], r = sqrt(-2 ln u), two numbers r cos(2 pi v), r sin(2 pi
  /// v).
  template <Scalar T>
  void normal(Index first, Index count, double deviation, T* out) const {
    in_blocks(first, count, out,
              [&](const std::uint64_t* u, const std::uint64_t* v, double* a, double* b) {
                double r[kBlock], x[kBlock], y[kBlock];
                for (Index i = 0; i < kBlock; ++i) r[i] = -2.0 * log_of(unit(u[i]));
                for (Index i = 0; i < kBlock; ++i) r[i] = deviation * std::sqrt(r[i]);
                for (Index i = 0; i < kBlock; ++i) turn(unit(v[i]), r[i], x[i], y[i]);
                std::copy_n(x, kBlock, a);
                std::copy_n(y, kBlock, b);
              });
  }

  /// The numbers [first, first + count) of the uniform distribution in (-bound, bound].
  template <Scalar T>
  void uniform(Index first, Index count, double bound, T* out) const {
    in_blocks(first, count, out,
              [&](const std::uint64_t* u, const std::uint64_t* v, double* a, double* b) {
                for (Index i = 0; i < kBlock; ++i) {
                  a[i] = bound * std::fma(2.0, unit(u[i]), -1.0);
                  b[i] = bound * std::fma(2.0, unit(v[i]), -1.0);
                }
              });
  }

 private:
  static constexpr Index kBlock = 64;  // pairs of numbers

  // In (0, 1], a multiple of 2^-53.
  static double unit(std::uint64_t bits) {
    return static_cast<double>(static_cast<std::int64_t>(bits >> 11) + 1) * 0x1p-53;
  }

  // ln x for x in (0, 1], as portable_log in random.hpp: x = m 2^e with m in [sqrt(1/2), sqrt(2)).
  static double log_of(double x) {
    const auto bits = Eigen::numext::bit_cast<std::uint64_t>(x);
    constexpr std::uint64_t kRoot = 0x3FE6A09E667F3BCD;  // sqrt(1/2)
    const std::uint64_t up = bits - kRoot + 0x3FF0000000000000;
    const auto e = static_cast<double>(static_cast<std::int64_t>(up >> 52) - 1023);
    const double m = Eigen::numext::bit_cast<double>((up & 0x000FFFFFFFFFFFFF) + kRoot);
    const double z = (m - 1.0) / (m + 1.0), z2 = z * z;
    const double series = horner(z2, 1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0);
    return std::fma(e, 0.69314718055994531, 2.0 * (z * series));
  }

  // The polynomial in x with these coefficients, the highest power first.
  template <class... Rest>
  static double horner(double x, double highest, Rest... rest) {
    double y = highest;
    ((y = std::fma(y, x, rest)), ...);
    return y;
  }

  // r cos(2 pi v), r sin(2 pi v): v is a quarter q / 4 and a rest within an eighth on either side.
  static void turn(double v, double r, double& a, double& b) {
    const double t = 4.0 * v, q = std::floor(t + 0.5), x = (t - q) * 1.5707963267948966, x2 = x * x;
    const double sine = x * horner(x2, -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800,
                                   1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6, 1.0);
    const double cosine = horner(x2, 1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600,
                                 -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -0.5, 1.0);
    const bool one = q == 1.0, two = q == 2.0, three = q == 3.0;
    const double s = (one | three) ? cosine : sine, c = (one | three) ? sine : cosine;
    a = ((one | two) ? -r : r) * c;
    b = ((two | three) ? -r : r) * s;
  }

  // Pair p of numbers, 2 p and 2 p + 1, comes from the p-th 128 bits of the stream.
  template <class T, class Fill>
  void in_blocks(Index first, Index count, T* out, Fill fill) const {
    std::uint64_t u[kBlock], v[kBlock];
    double a[kBlock], b[kBlock];
    for (Index p = first / 2; 2 * p < first + count; p += kBlock) {
      random_bits(static_cast<std::uint64_t>(p), u, v);
      fill(u, v, a, b);
      const Index begin = std::max(first, 2 * p), end = std::min(first + count, 2 * (p + kBlock));
      if (end - begin == 2 * kBlock) {
        T* const to = out + (begin - first);
        for (Index i = 0; i < kBlock; ++i) {
          to[2 * i] = static_cast<T>(a[i]);
          to[2 * i + 1] = static_cast<T>(b[i]);
        }
        continue;
      }
      for (Index n = begin; n < end; ++n) {
        out[n - first] = static_cast<T>(n % 2 == 0 ? a[n / 2 - p] : b[n / 2 - p]);
      }
    }
  }

  // philox4x32 of the counters p, p + 1, ...: the same rounds as in random.hpp, side by side.
  void random_bits(std::uint64_t p, std::uint64_t* u, std::uint64_t* v) const {
    std::uint32_t c0[kBlock], c1[kBlock], c2[kBlock], c3[kBlock];
    for (Index i = 0; i < kBlock; ++i) {
      const std::uint64_t counter = p + static_cast<std::uint64_t>(i);
      c0[i] = static_cast<std::uint32_t>(counter);
      c1[i] = static_cast<std::uint32_t>(counter >> 32);
      c2[i] = static_cast<std::uint32_t>(stream_);
      c3[i] = static_cast<std::uint32_t>(stream_ >> 32);
    }
    auto k0 = static_cast<std::uint32_t>(seed_), k1 = static_cast<std::uint32_t>(seed_ >> 32);
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
      for (Index i = 0; i < kBlock; ++i) {
        const std::uint64_t a = std::uint64_t{0xD2511F53} * c0[i];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57} * c2[i];
        c0[i] = static_cast<std::uint32_t>(b >> 32) ^ c1[i] ^ k0;
        c2[i] = static_cast<std::uint32_t>(a >> 32) ^ c3[i] ^ k1;
        c1[i] = static_cast<std::uint32_t>(b);
        c3[i] = static_cast<std::uint32_t>(a);
      }
    }
    for (Index i = 0; i < kBlock; ++i) {
      u[i] = std::uint64_t{c1[i]} << 32 | c0[i];
      v[i] = std::uint64_t{c3[i]} << 32 | c2[i];
    }
  }

  std::uint64_t seed_, stream_;
};

}  // namespace hooked
