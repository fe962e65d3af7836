// Functions of pairs (x, y) with x, y in 0..p-1 as waves in x, in y and in x + s y: what a model
// that computes modulo p is looked at with. Functions are columns of [p*p, m], pair (x, y) in row
// p x + y, w_k = 2 pi k / p, and s is 1 or -1.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "hooked/core/reduce.hpp"
#include "hooked/core/select.hpp"
#include "hooked/interp/fourier.hpp"

namespace hooked {

namespace detail {

// p of p * p rows.
template <TensorLike X>
Index points_of_pairs(const char* name, const X& f) {
  const Index rows = f.rank() == 2 ? f.size(0) : 0;
  const auto p = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(rows))));
  if (p < 1 || p * p != rows) {
    fail<ShapeError>(name, ": f is ", f.shape(), ", it must be [p*p, m], a row for each pair");
  }
  return p;
}

// (x + s y) mod p.
inline Index combined(Index x, Index y, int sign, Index p) {
  if (sign != 1 && sign != -1) {
    fail<ShapeError>("waves in x + s y: s is ", sign, ", it must be 1 or -1");
  }
  return sign > 0 ? (x + y) % p : (x - y + p) % p;
}

// Functions on the grid as their components along pairs of waves, [p, p, m], less their first
// value: so a function that does not vary is 0 to the last bit.
template <TensorLike X>
Tensor<double> pair_components(const X& f, Index p) {
  const Tensor<double> varying = cast<double>(f) - cast<double>(f.view().slice(0, 0, 1));
  return fourier(fourier(varying.reshape({p, p, f.size(1)}), 0), 1);
}

// The frequency of the product of wave i in x and wave j in y, 0 where it is of two.
inline Index pair_frequency(Index i, Index j) {
  const Index k = (i + 1) / 2, l = (j + 1) / 2;
  return k == l || k == 0 || l == 0 ? std::max(k, l) : 0;
}

}  // namespace detail

/// The mean of f [p*p, m] over the pairs with one c = (x + s y) mod p: [p, m], in row c. Throws
/// ShapeError for another shape, or another s than 1 and -1.
template <TensorLike X>
Tensor<double> mean_by_sum(const X& f, int sign = 1) {
  const Index p = detail::points_of_pairs("mean_by_sum", f), m = f.size(1);
  const Tensor<double> values = cast<double>(f);
  Tensor<double> mean({p, m});
  for (Index row = 0; row < p * p; ++row) {
    mean.matrix().row(detail::combined(row / p, row % p, sign, p)) +=
        values.matrix().row(row) / static_cast<double>(p);
  }
  return mean;
}

/// f(x, y) = g((x + s y) mod p) for the functions g [p, m]: [p*p, m]. Throws ShapeError for another
/// shape, or another s than 1 and -1.
template <TensorLike X>
Tensor<double> function_of_sum(const X& g, int sign = 1) {
  if (g.rank() != 2) fail<ShapeError>("function_of_sum: g is ", g.shape(), ", it must be [p, m]");
  const Index p = g.size(0), m = g.size(1);
  const Tensor<double> values = cast<double>(g);
  Tensor<double> f({p * p, m});
  for (Index row = 0; row < p * p; ++row) {
    copy(values.select(0, detail::combined(row / p, row % p, sign, p)), f.select(0, row));
  }
  return f;
}

/// The projection of f [p*p, m] on cos(w_k (x + s y)) and sin(w_k (x + s y)) for some frequencies
/// k: sum_k u_k u_k^T f + v_k v_k^T f with the unit vectors u_k = sqrt(2) / p cos and v_k = sqrt(2)
/// / p sin (Nanda et al., "Progress measures for grokking", 2023). Throws ShapeError for another
/// shape or s, and for a frequency outside 0..p/2.
template <TensorLike X>
Tensor<double> project_on_sums(const X& f, const std::vector<Index>& frequencies, int sign = 1) {
  return function_of_sum(keep_frequencies(mean_by_sum(f, sign), 0, frequencies), sign);
}

/// How much of the variance of each f [p*p, m] over all pairs is of frequency k: the squares of its
/// components along cos and sin of w_k x, of w_k y, and along the four products of a cosine or sine
/// of w_k x with one of w_k y, divided by those of all components but the constant one. [p/2 + 1,
/// m], frequency k in row k, 0 in row 0; NaN for a function that does not vary. Throws ShapeError
/// for another shape.
template <TensorLike X>
Tensor<double> frequency_shares(const X& f) {
  const Index p = detail::points_of_pairs("frequency_shares", f), m = f.size(1);
  const Tensor<double> components = detail::pair_components(f, p);
  Tensor<double> power({p / 2 + 1, m}), total({m});
  for (Index row = 1; row < p * p; ++row) {  // row 0 is constant
    const auto squares = components.matrix().row(row).array().square();
    const Index k = detail::pair_frequency(row / p, row % p);
    total.array() += squares;
    if (k > 0) power.array().row(k) += squares;
  }
  return power / total;
}

/// The same of some frequencies alone, at a fraction of the work: [frequencies, m], in their order.
/// Throws ShapeError for another shape, and for a frequency outside 1..p/2.
template <TensorLike X>
Tensor<double> frequency_shares(const X& f, const std::vector<Index>& frequencies) {
  const Index p = detail::points_of_pairs("frequency_shares", f), m = f.size(1);
  detail::check_frequencies("frequency_shares", frequencies, 1, p);
  std::vector<Index> rows{0};  // of the basis: 1, and each frequency's cos and sin
  for (const Index k : frequencies) rows.insert(rows.end(), {2 * k - 1, 2 * k < p ? 2 * k : 0});
  const Tensor<double> waves = take(fourier_basis(p), 0, rows), values = cast<double>(f);
  const Tensor<double> components =
      detail::times_lines(waves, detail::times_lines(waves, values.view_as({p, p, m}), 0), 1);
  const Tensor<double> total = var(values, 0) * static_cast<double>(p * p);
  Tensor<double> shares({static_cast<Index>(frequencies.size()), m});
  for (Index i = 0; i < shares.size(0); ++i) {
    const Index k = frequencies[static_cast<std::size_t>(i)], cosine = 2 * i + 1, sine = cosine + 1;
    auto power = shares.select(0, i).array();
    const auto add = [&](Index a, Index b) {
      power += components.select(0, a).select(0, b).array().square();
    };
    for (const Index wave : {cosine, sine}) {
      if (wave == sine && 2 * k == p) break;  // that sine is 0 everywhere
      add(0, wave), add(wave, 0), add(wave, cosine);
      if (2 * k < p) add(wave, sine);
    }
    power /= total.array();
  }
  return shares;
}

/// Each f [p*p, m] with nothing left but its mean and its waves of one frequency, those whose share
/// frequency_shares() gives: a polynomial of degree 2 in cos and sin of w_k x and w_k y, k being
/// frequencies[u] for column u. Throws ShapeError for another shape, another number of frequencies
/// than columns, or one outside 1..p/2.
template <TensorLike X>
Tensor<double> keep_pair_frequency(const X& f, const std::vector<Index>& frequencies) {
  const Index p = detail::points_of_pairs("keep_pair_frequency", f), m = f.size(1);
  if (static_cast<Index>(frequencies.size()) != m) {
    fail<ShapeError>("keep_pair_frequency: f is ", f.shape(), ", with ", frequencies.size(),
                     " frequencies: each column needs one");
  }
  detail::check_frequencies("keep_pair_frequency", frequencies, 1, p);
  Tensor<double> kept = detail::pair_components(f, p);
  for (Index row = 1; row < p * p; ++row) {
    const Index k = detail::pair_frequency(row / p, row % p);
    for (Index u = 0; u < m; ++u) {
      if (frequencies[static_cast<std::size_t>(u)] != k) kept.matrix()(row, u) = 0.0;
    }
  }
  const Tensor<double> waves = inverse_fourier(inverse_fourier(kept, 0), 1).reshape({p * p, m});
  return waves + cast<double>(f.view().slice(0, 0, 1));
}

/// The components of logits [p*p, p] along the unit cubes sqrt(2 / p^3) cos(w_k (x + s y - z)), z
/// being the output: [p/2 + 1], frequency k in place k (the constant cube is place 0, and
/// cos(pi ...) / p^1.5 the last one of an even p). Throws ShapeError for another shape or s.
template <TensorLike X>
Tensor<double> answer_coefficients(const X& logits, int sign = 1) {
  const Index p = detail::points_of_pairs("answer_coefficients", logits);
  if (logits.size(1) != p) {
    fail<ShapeError>("answer_coefficients: logits are ", logits.shape(), ", they must be [p*p, p]");
  }
  // Twice the mean over all with one argument: first x + s y = c, then c - z = d.
  const Tensor<double> by_sum = mean_by_sum(logits, sign);
  const Tensor<double> components =
      fourier(mean_by_sum(by_sum.view_as({p * p, 1}), -1), 0);  // [p, 1]
  Tensor<double> coefficients({p / 2 + 1});
  for (Index k = 0; k <= p / 2; ++k) {
    coefficients(k) = static_cast<double>(p) * components(k == 0 ? 0 : 2 * k - 1, 0);
  }
  return coefficients;
}

}  // namespace hooked
