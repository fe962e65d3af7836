// Decompositions and least squares: svd, eig, eigh, qr, lstsq. Computed in double by Eigen,
// whatever the elements are. A file that uses them compiles for seconds longer (svd: some 20 s with
// g++ 12), so keep them to few files.
#pragma once

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <cmath>
#include <complex>
#include <limits>
#include <numeric>
#include <vector>

#include "hooked/core/tensor.hpp"

namespace hooked {

namespace detail {

// x as a double matrix that can be decomposed.
template <TensorLike X>
Eigen::MatrixXd finite_matrix(const char* name, const X& x) {
  using T = typename X::value_type;
  if (x.rank() != 2 || x.numel() == 0) {
    fail<ShapeError>(name, " wants a matrix with at least one element, the shape is ", x.shape());
  }
  Eigen::MatrixXd m = Tensor<T>(x.view()).matrix().template cast<double>();
  for (Index i = 0; i < m.rows(); ++i) {
    for (Index j = 0; j < m.cols(); ++j) {
      if (!std::isfinite(m(i, j))) {
        fail<NumericError>(name, ": element (", i, ", ", j, ") is ", m(i, j));
      }
    }
  }
  return m;
}

template <TensorLike X>
Eigen::MatrixXd square_matrix(const char* name, const X& x) {
  Eigen::MatrixXd m = finite_matrix(name, x);
  if (m.rows() != m.cols()) fail<ShapeError>(name, " wants a square matrix, got ", x.shape());
  return m;
}

inline void check_converged(const char* name, Eigen::ComputationInfo info) {
  if (info != Eigen::Success) fail<NumericError>(name, " did not converge");
}

template <class T, class Derived>
Tensor<T> matrix_tensor(const Eigen::MatrixBase<Derived>& m) {
  Tensor<T> x({m.rows(), m.cols()});
  x.matrix() = m.template cast<T>();
  return x;
}
template <class T, class Derived>
Tensor<T> vector_tensor(const Eigen::MatrixBase<Derived>& v) {
  Tensor<T> x({v.size()});
  x.matrix().row(0) = v.transpose().template cast<T>();
  return x;
}

}  // namespace detail

/// A = U diag(S) V^T: U [m, k] and V [n, k] with orthonormal columns, S [k] falling, k = min(m, n).
template <class T>
struct Svd {
  Tensor<T> U, S, V;
};

/// The thin singular value decomposition of A [m, n]; the columns of V are the right vectors.
/// Throws ShapeError unless A is a matrix, NumericError when it is not finite.
template <TensorLike X>
Svd<typename X::value_type> svd(const X& A) {
  using T = typename X::value_type;
  const Eigen::BDCSVD<Eigen::MatrixXd> parts(detail::finite_matrix("svd", A),
                                             Eigen::ComputeThinU | Eigen::ComputeThinV);
  detail::check_converged("svd", parts.info());
  return {detail::matrix_tensor<T>(parts.matrixU()),
          detail::vector_tensor<T>(parts.singularValues()),
          detail::matrix_tensor<T>(parts.matrixV())};
}

/// A v_i = lambda_i v_i: `values` [n] and `vectors` [n, n], whose column i is v_i of length 1.
struct Eig {
  Tensor<std::complex<double>> values, vectors;
};

/// Eigenvalues and eigenvectors of a real square matrix A [n, n], the largest modulus first; of a
/// conjugate pair the one with positive imaginary part first.
/// Throws ShapeError unless A is square, NumericError when it is not finite or does not converge.
template <TensorLike X>
Eig eig(const X& A) {
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(detail::square_matrix("eig", A));
  detail::check_converged("eig", solver.info());
  const Eigen::VectorXcd values = solver.eigenvalues();
  const Eigen::MatrixXcd vectors = solver.eigenvectors();
  std::vector<Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return std::abs(values[a]) > std::abs(values[b]); });
  return {detail::vector_tensor<std::complex<double>>(values(order)),
          detail::matrix_tensor<std::complex<double>>(vectors(Eigen::all, order))};
}

/// A = V diag(values) V^T for a symmetric A [n, n]: `values` [n] rising, `vectors` V [n, n] with
/// orthonormal columns.
template <class T>
struct Eigh {
  Tensor<T> values, vectors;
};

/// Eigenvalues and eigenvectors of a symmetric matrix. Throws ShapeError unless A is square,
/// NumericError when it is not finite or not symmetric (to the root of T's precision).
template <TensorLike X>
Eigh<typename X::value_type> eigh(const X& A) {
  using T = typename X::value_type;
  const Eigen::MatrixXd m = detail::square_matrix("eigh", A);
  Index i = 0, j = 0;
  const double skew = (m - m.transpose()).cwiseAbs().maxCoeff(&i, &j);
  if (skew > std::sqrt(std::numeric_limits<T>::epsilon()) * m.cwiseAbs().maxCoeff()) {
    fail<NumericError>("eigh wants a symmetric matrix: element (", i, ", ", j, ") is ", m(i, j),
                       " but (", j, ", ", i, ") is ", m(j, i));
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(m);
  detail::check_converged("eigh", solver.info());
  return {detail::vector_tensor<T>(solver.eigenvalues()),
          detail::matrix_tensor<T>(solver.eigenvectors())};
}

/// A = Q R: Q [m, k] with orthonormal columns, R [k, n] upper triangular, k = min(m, n).
template <class T>
struct Qr {
  Tensor<T> Q, R;
};

/// The thin QR decomposition of A [m, n]. Throws as svd.
template <TensorLike X>
Qr<typename X::value_type> qr(const X& A) {
  using T = typename X::value_type;
  const Eigen::MatrixXd m = detail::finite_matrix("qr", A);
  const Index k = std::min(m.rows(), m.cols());
  const Eigen::HouseholderQR<Eigen::MatrixXd> parts(m);
  const Eigen::MatrixXd Q = parts.householderQ() * Eigen::MatrixXd::Identity(m.rows(), k);
  const Eigen::MatrixXd R = parts.matrixQR().topRows(k).triangularView<Eigen::Upper>();
  return {detail::matrix_tensor<T>(Q), detail::matrix_tensor<T>(R)};
}

/// The X that makes |B - A X| least, and how well it does.
template <class T>
struct Lstsq {
  Tensor<T> solution;  ///< X [n, k]; of all that fit equally well, the shortest
  Tensor<T> residual;  ///< B - A X [m, k]
  Tensor<T> r2;        ///< [k]: 1 - (sum of residual^2) / (sum of (b - mean b)^2)
  Index rank = 0;      ///< of A, numerically
};

/// Least squares of A [m, n] against B [m, k], column by column, by a complete orthogonal
/// decomposition: A may have any rank. There is no intercept unless A has a column of ones. Where a
/// column of B is constant, its r2 is 1 when it is met (to 1e-12 of its length) and 0 otherwise.
/// Throws ShapeError unless both are matrices of m rows, NumericError when one is not finite.
template <TensorLike A, TensorOf<typename A::value_type> B>
Lstsq<typename A::value_type> lstsq(const A& a, const B& b) {
  using T = typename A::value_type;
  const Eigen::MatrixXd left = detail::finite_matrix("lstsq", a);
  const Eigen::MatrixXd right = detail::finite_matrix("lstsq", b);
  if (left.rows() != right.rows()) {
    fail<ShapeError>("lstsq: a is ", a.shape(), ", b is ", b.shape(), ": a has ", left.rows(),
                     " rows but b has ", right.rows());
  }
  const Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd> solver(left);
  const Eigen::MatrixXd solution = solver.solve(right);
  const Eigen::MatrixXd residual = right - left * solution;
  Eigen::VectorXd r2(right.cols());
  for (Index k = 0; k < right.cols(); ++k) {
    const double lost = residual.col(k).squaredNorm();
    const double spread = (right.col(k).array() - right.col(k).mean()).square().sum();
    const double nothing = 1e-24 * right.col(k).squaredNorm();
    r2[k] = spread > nothing ? 1.0 - lost / spread : lost <= nothing ? 1.0 : 0.0;
  }
  return {detail::matrix_tensor<T>(solution), detail::matrix_tensor<T>(residual),
          detail::vector_tensor<T>(r2), solver.rank()};
}

}  // namespace hooked
