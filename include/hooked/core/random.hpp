// Random numbers that are the same on every platform: a counter-based generator and integer-exact
// or explicitly fused arithmetic behind every distribution.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "hooked/core/shape.hpp"

namespace hooked {

/// What makes a run repeatable. Two different seeds give unrelated numbers.
struct Seed {
  std::uint64_t value = 0;  ///< any number
  friend bool operator==(const Seed&, const Seed&) = default;
};

/// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
/// Ten rounds that turn a 128-bit counter and a 64-bit key into 128 random bits.
inline std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                               std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    counter = {high(b) ^ counter[1] ^ key[0], low(b), high(a) ^ counter[3] ^ key[1], low(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// What the name of a stream stands for (FNV-1a).
inline std::uint64_t stream_number(std::string_view stream) {
  std::uint64_t number = 0xcbf29ce484222325;
  for (const char c : stream) number = (number ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return number;
}

/// A sequence of random numbers, named by a seed and a stream. Streams of one seed are independent:
/// a parameter that draws from the stream of its own name keeps its values when others come or go.
class Random {
 public:
  explicit Random(Seed seed, std::string_view stream = "")
      : seed_(seed.value), stream_(stream_number(stream)) {}

  /// 64 random bits.
  std::uint64_t bits() {
    const auto word = [](std::uint64_t x, int i) {
      return static_cast<std::uint32_t>(x >> 32 * i);
    };
    const auto out =
        philox4x32({word(count_, 0), word(count_, 1), word(stream_, 0), word(stream_, 1)},
                   {word(seed_, 0), word(seed_, 1)});
    ++count_;
    return std::uint64_t{out[1]} << 32 | out[0];
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  /// Uniform in {0, ..., n - 1}, without bias (values past the last whole multiple are redrawn).
  Index below(Index n) {
    if (n < 1) fail<ShapeError>("Random::below wants n >= 1, got ", n);
    const auto range = static_cast<std::uint64_t>(n);
    const std::uint64_t whole = std::numeric_limits<std::uint64_t>::max() / range * range;
    std::uint64_t draw = bits();
    while (draw >= whole) draw = bits();
    return static_cast<Index>(draw % range);
  }

  /// Standard normal by the polar method: Marsaglia and Bray (1964). For (u, v) uniform in the unit
  /// disc and s = u^2 + v^2, u sqrt(-2 ln(s) / s) is normal.
  double normal() {
    for (;;) {
      const double u = std::fma(2.0, uniform(), -1.0), v = std::fma(2.0, uniform(), -1.0);
      const double s = std::fma(u, u, v * v);
      if (s > 0.0 && s < 1.0) return u * std::sqrt(-2.0 * portable_log(s) / s);
    }
  }

  /// The numbers 0..n-1 in random order (Fisher-Yates), into `out`.
  template <class Integers>
  void permutation(Integers& out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto j = static_cast<std::size_t>(below(static_cast<Index>(i) + 1));
      out[i] = out[j];
      out[j] = static_cast<typename Integers::value_type>(i);
    }
  }

 private:
  // ln(x) = e ln 2 + 2 artanh(z), z = (m - 1) / (m + 1), x = m 2^e with m in [sqrt(1/2), sqrt(2)).
  // Every operation is exactly rounded (fma, division), so no compiler or libm changes a bit.
  static double portable_log(double x) {
    int e = 0;
    double m = std::frexp(x, &e);
    if (m < 0.70710678118654752) {
      m *= 2.0;
      --e;
    }
    const double z = (m - 1.0) / (m + 1.0), z2 = z * z;
    double series = 0.0;
    for (int k = 23; k >= 1; k -= 2) series = std::fma(series, z2, 1.0 / k);
    return std::fma(e, 0.69314718055994531, 2.0 * (z * series));
  }

  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t count_ = 0;
};

}  // namespace hooked
