// How periodic a function of two numbers is.
#pragma once

#include <cmath>
#include <numbers>

#include "hooked/core/error.hpp"
#include "hooked/core/shape.hpp"
#include "hooked/core/tensor.hpp"

namespace hooked {

/// One frequency, in cycles over the whole of an axis, and the share from 0 to 1 of the variance
/// that it explains.
struct Frequency {
  Index cycles = 0;    ///< over the whole of an axis
  double share = 0.0;  ///< of the variance
};

/// The frequency of `least` cycles or more that explains most of the variance of f [n, n] along
/// its two axes: with the means of f over either axis, l_1 and l_2, and their discrete Fourier
/// transforms L, the share of k cycles is 2 (|L_1(k)|^2 + |L_2(k)|^2) / (n^2 var f), without the 2
/// at k = n / 2. A constant f has share 0, one with a NaN has NaN. Throws ShapeError unless f is a
/// square of at least 2 x 2 and `least` is from 1 to n / 2.
template <TensorLike X>
Frequency strongest_frequency(const X& f, Index least = 1) {
  const Index n = f.rank() == 2 ? f.size(0) : 0;
  if (n < 2 || f.size(1) != n) {
    fail<ShapeError>("strongest_frequency: f is ", f.shape(), ", it must be a square [n, n]");
  }
  if (least < 1 || least > n / 2) {
    fail<ShapeError>("strongest_frequency: at least ", least, " cycles of at most ", n / 2);
  }
  const auto real = [](Index i) { return static_cast<double>(i); };
  Tensor<double> lines({2, n}), cosine({n}), sine({n});
  double mean = 0.0, variance = 0.0;
  for_each_element(f.view(), [&](Index, const auto& element) {
    mean += static_cast<double>(element) / real(n * n);
  });
  for_each_element(f.view(), [&](Index i, const auto& element) {
    const double v = static_cast<double>(element) - mean;
    lines(0, i / n) += v / real(n), lines(1, i % n) += v / real(n);
    variance += v * v / real(n * n);
  });
  if (!(variance > 0)) return {0, variance};  // 0, or NaN where f has one
  for (Index i = 0; i < n; ++i) {
    const double angle = 2.0 * std::numbers::pi * real(i) / real(n);
    cosine(i) = std::cos(angle), sine(i) = std::sin(angle);
  }
  Frequency best;
  for (Index cycles = least; cycles <= n / 2; ++cycles) {
    double power = 0.0;
    for (Index axis = 0; axis < 2; ++axis) {
      double c = 0.0, s = 0.0;
      for (Index i = 0; i < n; ++i) {
        const Index phase = cycles * i % n;
        c += lines(axis, i) * cosine(phase), s += lines(axis, i) * sine(phase);
      }
      power += (c * c + s * s) / real(n * n);
    }
    const double share = (2 * cycles == n ? 1.0 : 2.0) * power / variance;
    if (share > best.share) best = {cycles, share};
  }
  return best;
}

}  // namespace hooked
