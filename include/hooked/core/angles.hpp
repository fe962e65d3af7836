// Cosines and angles between the rows of matrices.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "hooked/core/tensor.hpp"

namespace hooked {

namespace detail {

// f(cosine) for every pair of rows, in double until the end.
template <TensorLike X, TensorLike Y, class F>
Tensor<typename X::value_type> row_cosines(const char* name, const X& x, const Y& y, F f) {
  using T = typename X::value_type;
  if (x.rank() != 2 || y.rank() != 2 || x.size(1) != y.size(1)) {
    fail<ShapeError>(name, ": x is ", x.shape(), ", y is ", y.shape(),
                     ": two matrices with equally long rows are wanted");
  }
  const auto unit_rows = [](View<const T> rows) {
    Eigen::MatrixXd m = Tensor<T>(rows).matrix().template cast<double>();
    for (Index i = 0; i < m.rows(); ++i) {
      const double length = m.row(i).norm();
      if (length != 0.0) m.row(i) /= length;
    }
    return m;
  };
  const Eigen::MatrixXd cosines = unit_rows(x.view()) * unit_rows(y.view()).transpose();
  Tensor<T> result({x.size(0), y.size(0)});
  result.matrix() = cosines.unaryExpr(
      [f](double cosine) { return static_cast<T>(f(std::clamp(cosine, -1.0, 1.0))); });
  return result;
}

}  // namespace detail

/// cos(x_i, y_j) = x_i . y_j / (|x_i| |y_j|) for the rows of x [m, d] and y [n, d]: [m, n].
/// A row of zeros has no direction; its cosines are 0.
/// Throws ShapeError unless both are matrices with equally long rows.
template <TensorLike X, TensorOf<typename X::value_type> Y>
Tensor<typename X::value_type> cosine_similarity(const X& x, const Y& y) {
  return detail::row_cosines("cosine_similarity", x, y, [](double cosine) { return cosine; });
}
/// The cosines between all rows of x [n, d]: [n, n].
template <TensorLike X>
Tensor<typename X::value_type> cosine_similarity(const X& x) {
  return cosine_similarity(x, x);
}

/// The angles between the rows of x [m, d] and y [n, d] in degrees, 0 to 180: [m, n].
/// As cosine_similarity; a row of zeros is at 90 degrees to all. Exact to 2e-6 degrees: near 0 and
/// 180 the arc cosine is blunt.
template <TensorLike X, TensorOf<typename X::value_type> Y>
Tensor<typename X::value_type> angles_in_degrees(const X& x, const Y& y) {
  return detail::row_cosines("angles_in_degrees", x, y, [](double cosine) {
    return std::acos(cosine) * (180.0 / std::numbers::pi);
  });
}
/// The angles between all rows of x [n, d] in degrees: [n, n].
template <TensorLike X>
Tensor<typename X::value_type> angles_in_degrees(const X& x) {
  return angles_in_degrees(x, x);
}

}  // namespace hooked
