// Least squares, by Eigen's complete orthogonal decomposition.
#pragma once

#include "hooked/core/eigen.hpp"

#include <Eigen/QR>

#include "hooked/core/compiled.hpp"
#include "hooked/core/finite_matrix.hpp"

namespace hooked {

/// The X that makes |B - A X| least, and how well it does.
template <class T>
struct Lstsq {
  Tensor<T> solution;  ///< X [n, k]; of all that fit equally well, the shortest
  Tensor<T> residual;  ///< B - A X [m, k]
  Tensor<T> r2;        ///< [k]: 1 - (sum of residual^2) / (sum of (b - mean b)^2)
  Index rank = 0;      ///< of A, numerically
};

namespace detail {

template <Scalar T>
Lstsq<T> least_squares(const Tensor<T>& a, const Tensor<T>& b) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  const Matrix left = a.matrix(), right = b.matrix();
  const Eigen::CompleteOrthogonalDecomposition<Matrix> solver(left);
  const Matrix solution = solver.solve(right);
  const Matrix residual = right - left * solution;
  Lstsq<T> fit{Tensor<T>({solution.rows(), solution.cols()}), Tensor<T>(b.shape()),
               Tensor<T>({right.cols()}), solver.rank()};
  fit.solution.matrix() = solution;
  fit.residual.matrix() = residual;
  for (Index k = 0; k < right.cols(); ++k) {
    const T lost = residual.col(k).squaredNorm();
    const T spread = (right.col(k).array() - right.col(k).mean()).square().sum();
    const T nothing = T(1e-24) * right.col(k).squaredNorm();
    fit.r2(k) = spread > nothing ? T(1) - lost / spread : lost <= nothing ? T(1) : T(0);
  }
  return fit;
}

#ifdef HOOKED_COMPILED
extern template Lstsq<double> least_squares(const Tensor<double>&, const Tensor<double>&);
#endif

}  // namespace detail

/// Least squares of A [m, n] against B [m, k], column by column, in double: A may have any
/// rank. There is no intercept unless A has a column of ones. Where a
/// column of B is constant, its r2 is 1 when it is met (to 1e-12 of its length) and 0 otherwise.
/// Throws ShapeError unless both are matrices of m rows, NumericError when one is not finite.
template <TensorLike A, TensorOf<typename A::value_type> B>
Lstsq<typename A::value_type> lstsq(const A& a, const B& b) {
  using T = typename A::value_type;
  const Tensor<double> left = detail::finite_matrix("lstsq", a.view());
  const Tensor<double> right = detail::finite_matrix("lstsq", b.view());
  if (left.size(0) != right.size(0)) {
    fail<ShapeError>("lstsq: a is ", a.shape(), ", b is ", b.shape(), ": a has ", left.size(0),
                     " rows but b has ", right.size(0));
  }
  const Lstsq<double> fit = detail::least_squares(left, right);
  return {cast<T>(fit.solution), cast<T>(fit.residual), cast<T>(fit.r2), fit.rank};
}

}  // namespace hooked
