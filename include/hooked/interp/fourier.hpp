// The orthonormal Fourier basis of real functions on 0..n-1, and tensors seen in it along an axis.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "hooked/core/matmul.hpp"

namespace hooked {

/// The basis F [n, n], a function of x = 0..n-1 a row:
///   row 0       1 / sqrt(n)
///   row 2k - 1  sqrt(2 / n) cos(2 pi k x / n)
///   row 2k      sqrt(2 / n) sin(2 pi k x / n)   for 0 < k < n / 2
///   row n - 1   cos(pi x) / sqrt(n)             where n is even; its sine is 0 everywhere
/// so that F F^T = 1, and row r has frequency (r + 1) / 2. Throws ShapeError for n < 1.
inline Tensor<double> fourier_basis(Index n) {
  if (n < 1) fail<ShapeError>("fourier_basis: of functions on ", n, " points: there must be one");
  const auto length = static_cast<double>(n);
  Tensor<double> basis({n, n});
  for (Index r = 0; r < n; ++r) {
    const Index k = (r + 1) / 2;
    const double norm = std::sqrt((k == 0 || 2 * k == n ? 1.0 : 2.0) / length);
    for (Index x = 0; x < n; ++x) {
      const double angle = 2.0 * std::numbers::pi * static_cast<double>(k * x % n) / length;
      basis(r, x) = norm * (r == 2 * k && k > 0 ? std::sin(angle) : std::cos(angle));
    }
  }
  return basis;
}

namespace detail {

// A [m, n] times every line of x along `axis`, which has length n: that axis becomes m long.
template <TensorLike X>
Tensor<double> times_lines(const Tensor<double>& A, const X& x, int axis) {
  axis = normalize_axis(axis, x.rank());
  const Shape before = x.shape().axes(0, axis), after = x.shape().axes(axis + 1, x.rank());
  Shape shape = x.shape();
  shape[axis] = A.size(0);
  return matmul(A, cast<double>(x).reshape({before.numel(), x.size(axis), after.numel()}))
      .reshape(shape);
}

inline void check_frequencies(const char* name, const std::vector<Index>& frequencies, Index least,
                              Index n) {
  for (const Index k : frequencies) {
    if (k >= least && k <= n / 2) continue;
    fail<ShapeError>(name, ": there is no frequency ", k, " of functions on ", n,
                     " points: they are ", least, " to ", n / 2);
  }
}

}  // namespace detail

/// The components of every line of x along `axis` in fourier_basis: F x, of x's shape. For several
/// axes, one after the other. Throws ShapeError for an axis that is not there or has no elements.
template <TensorLike X>
Tensor<double> fourier(const X& x, int axis) {
  return detail::times_lines(fourier_basis(x.size(axis)), x, axis);
}

/// Functions from their components along `axis`, the way back from fourier(): F^T x.
template <TensorLike X>
Tensor<double> inverse_fourier(const X& x, int axis) {
  const Tensor<double> basis = fourier_basis(x.size(axis));
  return detail::times_lines(Tensor<double>(basis.transpose()), x, axis);
}

/// The sum of squares of x's cosine and sine components by frequency: `axis`, of length n, becomes
/// n / 2 + 1 long, frequency k in place k. All frequencies together have the sum of squares of x.
/// Throws as fourier().
template <TensorLike X>
Tensor<double> fourier_power(const X& x, int axis) {
  const Tensor<double> components = fourier(x, axis);
  const Index n = x.size(axis);
  Tensor<double> by_frequency({n / 2 + 1, n});
  for (Index r = 0; r < n; ++r) by_frequency((r + 1) / 2, r) = 1.0;
  return detail::times_lines(by_frequency, components * components, axis);
}

/// x with nothing but some frequencies left along `axis`, the projection on their sines and
/// cosines. One that is named twice counts once. Throws ShapeError for a frequency outside 0..n/2,
/// and as fourier().
template <TensorLike X>
Tensor<double> keep_frequencies(const X& x, int axis, const std::vector<Index>& frequencies) {
  const Index n = x.size(axis);
  detail::check_frequencies("keep_frequencies", frequencies, 0, n);
  Tensor<double> kept = fourier_basis(n);
  for (Index r = 0; r < n; ++r) {
    const bool keep =
        std::find(frequencies.begin(), frequencies.end(), (r + 1) / 2) != frequencies.end();
    if (!keep) kept.select(0, r).array() = 0.0;
  }
  return detail::times_lines(matmul(kept.transpose(), kept), x, axis);
}

}  // namespace hooked
