// The QR decomposition, with Eigen's reflections.
#pragma once

#include "hooked/core/eigen.hpp"

#include <Eigen/Householder>
#include <algorithm>

#include "hooked/core/compiled.hpp"
#include "hooked/core/finite_matrix.hpp"

namespace hooked {

/// A = Q R: Q [m, k] with orthonormal columns, R [k, n] upper triangular, k = min(m, n).
template <class T>
struct Qr {
  Tensor<T> Q, R;
};

namespace detail {

// One reflection at a time: Eigen's own classes take blocks of them together, and seconds to
// compile.
template <Scalar T>
Qr<T> thin_qr(const Tensor<T>& A) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  Matrix R = A.matrix();
  const Index m = R.rows(), n = R.cols(), k = std::min(m, n);
  Vector factors(k), room(std::max(n, k));
  for (Index i = 0; i < k; ++i) {
    T diagonal;
    R.col(i).tail(m - i).makeHouseholderInPlace(factors[i], diagonal);
    R(i, i) = diagonal;
    R.bottomRightCorner(m - i, n - i - 1)
        .applyHouseholderOnTheLeft(R.col(i).tail(m - i - 1), factors[i], room.data());
  }
  Matrix Q = Matrix::Identity(m, k);
  for (Index i = k; i-- > 0;) {
    Q.bottomRightCorner(m - i, k - i)
        .applyHouseholderOnTheLeft(R.col(i).tail(m - i - 1), factors[i], room.data());
  }
  Qr<T> found{Tensor<T>({m, k}), Tensor<T>({k, n})};
  found.Q.matrix() = Q;
  for (Index i = 0; i < k; ++i) {
    for (Index j = i; j < n; ++j) found.R(i, j) = R(i, j);
  }
  return found;
}

#ifdef HOOKED_COMPILED
extern template Qr<double> thin_qr(const Tensor<double>&);
#endif

}  // namespace detail

/// The thin QR decomposition of A [m, n], computed in double. Throws as svd.
template <TensorLike X>
Qr<typename X::value_type> qr(const X& A) {
  using T = typename X::value_type;
  const Qr<double> found = detail::thin_qr(detail::finite_matrix("qr", A.view()));
  return {cast<T>(found.Q), cast<T>(found.R)};
}

}  // namespace hooked
