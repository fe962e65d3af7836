// Eigenvalues and eigenvectors of a symmetric matrix, by Eigen.
#pragma once

#include "hooked/core/eigen.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>

#include "hooked/core/compiled.hpp"
#include "hooked/core/finite_matrix.hpp"

namespace hooked {

/// A = V diag(values) V^T for a symmetric A [n, n]: `values` [n] rising, `vectors` V [n, n] with
/// orthonormal columns.
template <class T>
struct Eigh {
  Tensor<T> values, vectors;
};

namespace detail {

template <Scalar T>
Eigh<T> symmetric_eigen_pairs(const Tensor<T>& A) {
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>> solver(
      A.matrix());
  if (solver.info() != Eigen::Success) fail<NumericError>("eigh did not converge");
  Eigh<T> found{Tensor<T>({A.size(0)}), Tensor<T>(A.shape())};
  found.values.matrix().row(0) = solver.eigenvalues().transpose();
  found.vectors.matrix() = solver.eigenvectors();
  return found;
}

#ifdef HOOKED_COMPILED
extern template Eigh<double> symmetric_eigen_pairs(const Tensor<double>&);
#endif

}  // namespace detail

/// Eigenvalues and eigenvectors of a symmetric matrix, computed in double. Throws ShapeError unless
/// A is square, NumericError when it is not finite or not symmetric (to the root of T's precision).
template <TensorLike X>
Eigh<typename X::value_type> eigh(const X& A) {
  using T = typename X::value_type;
  const Tensor<double> m = detail::square_matrix("eigh", A.view());
  double skew = 0.0, largest = 0.0;
  Index row = 0, column = 0;
  for (Index i = 0; i < m.size(0); ++i) {
    for (Index j = 0; j < m.size(1); ++j) {
      largest = std::max(largest, std::abs(m(i, j)));
      if (j >= i || std::abs(m(i, j) - m(j, i)) <= skew) continue;
      skew = std::abs(m(i, j) - m(j, i));
      row = i;
      column = j;
    }
  }
  if (skew > std::sqrt(std::numeric_limits<T>::epsilon()) * largest) {
    fail<NumericError>("eigh wants a symmetric matrix: element (", row, ", ", column, ") is ",
                       m(row, column), " but (", column, ", ", row, ") is ", m(column, row));
  }
  const Eigh<double> found = detail::symmetric_eigen_pairs(m);
  return {cast<T>(found.values), cast<T>(found.vectors)};
}

}  // namespace hooked
