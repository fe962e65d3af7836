// Shapley values: what each of a few players adds to a value that all of them make together, such
// as heads to a log-probability, exactly, from the values of all coalitions.
#pragma once

#include <bit>
#include <cstdint>

#include "hooked/core/error.hpp"
#include "hooked/core/shape.hpp"
#include "hooked/core/tensor.hpp"

namespace hooked {

namespace detail {

/// How many players 2^n coalitions have. Throws ShapeError unless v is [2^n] with n from `least` to
/// 20.
template <TensorLike V>
Index players_of(const char* what, const V& v, Index least) {
  const Index coalitions = v.rank() == 1 ? v.size(0) : 0;
  for (Index n = least; n <= 20; ++n) {
    if (coalitions == Index{1} << n) return n;
  }
  fail<ShapeError>(what, ": the values of coalitions are ", v.shape(), ", they must be [2^n] of ",
                   least, " to 20 players");
}

/// size! (n - size - 1)! / n!, the weight of a coalition of `size` that one of n players joins:
/// 1 / (n binomial(n - 1, size)).
inline double joining_weight(Index size, Index n) {
  double binomial = 1.0;
  for (Index k = 0; k < size; ++k) {
    binomial *= static_cast<double>(n - 1 - k) / static_cast<double>(k + 1);
  }
  return 1.0 / (static_cast<double>(n) * binomial);
}

inline Index size_of(Index coalition) {
  return std::popcount(static_cast<std::uint64_t>(coalition));
}

}  // namespace detail

/// The Shapley values [n] of n players, from the values v [2^n] of all coalitions: that of S stands
/// where bit i of the place is set for each player i in S, so that v(0) is nobody's and the last
/// one everybody's.
///   phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S))
/// They add up to v(all) - v(nobody). Shapley, "A value for n-person games" (1953). Throws
/// ShapeError unless v is [2^n] with n from 1 to 20.
template <TensorLike V>
Tensor<double> shapley_values(const V& v) {
  const Index n = detail::players_of("shapley_values", v, 1);
  Tensor<double> phi({n});
  for (Index S = 0; S < v.size(0); ++S) {
    for (Index i = 0; i < n; ++i) {
      const Index with_i = S | Index{1} << i;
      if (with_i == S) continue;
      phi(i) += detail::joining_weight(detail::size_of(S), n) *
                (static_cast<double>(v(with_i)) - static_cast<double>(v(S)));
    }
  }
  return phi;
}

/// The Shapley interactions [n, n] of pairs, from the values of coalitions as shapley_values takes
/// them: how much more two players add together than each of them alone; below zero, each does
/// part of the other's work.
///   I_ij = sum over S without i, j of |S|! (n - |S| - 2)! / (n - 1)!
///          (v(S + i + j) - v(S + i) - v(S + j) + v(S))
/// The diagonal is 0. Grabisch & Roubens, "An axiomatic approach to the concept of interaction
/// among players in cooperative games" (1999). Throws ShapeError unless v is [2^n] with n from 2 to
/// 20.
template <TensorLike V>
Tensor<double> shapley_interactions(const V& v) {
  const Index n = detail::players_of("shapley_interactions", v, 2);
  const auto at = [&](Index coalition) { return static_cast<double>(v(coalition)); };
  Tensor<double> interactions({n, n});
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < i; ++j) {
      const Index one = Index{1} << i, other = Index{1} << j;
      double sum = 0.0;
      for (Index S = 0; S < v.size(0); ++S) {
        if ((S & (one | other)) != 0) continue;
        sum += detail::joining_weight(detail::size_of(S), n - 1) *
               (at(S | one | other) - at(S | one) - at(S | other) + at(S));
      }
      interactions(i, j) = interactions(j, i) = sum;
    }
  }
  return interactions;
}

}  // namespace hooked
