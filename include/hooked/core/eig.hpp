// Eigenvalues and eigenvectors of any real square matrix, by Eigen.
#pragma once

#include "hooked/core/eigen.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <complex>
#include <numeric>
#include <vector>

#include "hooked/core/compiled.hpp"
#include "hooked/core/finite_matrix.hpp"

namespace hooked {

/// A v_i = lambda_i v_i: `values` [n] and `vectors` [n, n], whose column i is v_i of length 1.
struct Eig {
  Tensor<std::complex<double>> values, vectors;
};

namespace detail {

template <Scalar T>
Eig eigen_pairs(const Tensor<T>& A) {
  using Complex = std::complex<double>;
  const Eigen::EigenSolver<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>> solver(A.matrix());
  if (solver.info() != Eigen::Success) fail<NumericError>("eig did not converge");
  const Eigen::VectorXcd values = solver.eigenvalues();
  const Eigen::MatrixXcd vectors = solver.eigenvectors();
  const Index n = values.size();
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return std::abs(values[a]) > std::abs(values[b]); });
  Eig found{Tensor<Complex>({n}), Tensor<Complex>({n, n})};
  for (Index j = 0; j < n; ++j) {
    const Index from = order[static_cast<std::size_t>(j)];
    found.values(j) = values[from];
    for (Index i = 0; i < n; ++i) found.vectors(i, j) = vectors(i, from);
  }
  return found;
}

#ifdef HOOKED_COMPILED
extern template Eig eigen_pairs(const Tensor<double>&);
#endif

}  // namespace detail

/// Eigenvalues and eigenvectors of a real square matrix A [n, n] in double, the largest modulus
/// first; of a conjugate pair the one with positive imaginary part first.
/// Throws ShapeError unless A is square, NumericError when it is not finite or does not converge.
template <TensorLike X>
Eig eig(const X& A) {
  return detail::eigen_pairs(detail::square_matrix("eig", A.view()));
}

}  // namespace hooked
