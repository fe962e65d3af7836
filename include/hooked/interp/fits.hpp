// Least-squares fits of many units at once: y_u ~ c_u + sum_k m_{k,u} x_k, in double.
#pragma once

#include <limits>

#include "hooked/core/arithmetic.hpp"
#include "hooked/core/linalg.hpp"
#include "hooked/core/lstsq.hpp"

namespace hooked {

/// A copy in double.
template <TensorLike X>
Tensor<double> in_double(const X& x) {
  return map(x, [](const auto& v) { return static_cast<double>(v); });
}

/// One straight-line fit for each unit.
struct LinearFits {
  Tensor<double> slopes;      ///< m [predictor, unit]
  Tensor<double> intercepts;  ///< c [unit]
  Tensor<double> r2;          ///< [unit]: share of the variance explained

  /// c_u + sum_k m_{k,u} x_k for x [n, predictor]: [n, unit].
  template <TensorLike X>
  Tensor<double> predict(const X& x) const {
    if (x.rank() != 2 || x.size(1) != slopes.size(0)) {
      fail<ShapeError>("predict: x is ", x.shape(), ", the fits have ", slopes.size(0),
                       " predictors");
    }
    Tensor<double> y({x.size(0), slopes.size(1)});
    y.matrix() = (in_double(x).matrix() * slopes.matrix()).rowwise() + intercepts.matrix().row(0);
    return y;
  }
};

/// Fits every column of y [n, unit] by the columns of x [n, predictor] and a constant.
/// Throws ShapeError unless both are matrices of n rows, NumericError when one is not finite.
template <TensorLike X, TensorLike Y>
LinearFits fit_linear(const X& x, const Y& y) {
  if (x.rank() != 2)
    fail<ShapeError>("fit_linear: x is ", x.shape(), ", it must be [n, predictor]");
  const Index predictors = x.size(1);
  Tensor<double> design({x.size(0), predictors + 1}, 1.0);
  copy(in_double(x).view(), design.slice(1, 0, predictors));
  const Lstsq<double> fit = lstsq(design, in_double(y));
  return {Tensor<double>(fit.solution.slice(0, 0, predictors)),
          Tensor<double>(fit.solution.select(0, predictors)), fit.r2};
}

/// R2 = 1 - sum (y - f)^2 / sum (y - mean y)^2 of each column of y [n, unit] by any model f of it,
/// [n, unit]. NaN for a column that does not vary. Throws ShapeError when the shapes differ.
template <TensorLike Y, TensorLike F>
Tensor<double> r_squared(const Y& y, const F& f) {
  if (y.rank() != 2 || y.shape() != f.shape()) {
    fail<ShapeError>("r_squared: y is ", y.shape(), ", its model is ", f.shape());
  }
  const Tensor<double> truth = in_double(y), model = in_double(f);
  const Eigen::RowVectorXd mean = truth.matrix().colwise().mean();
  const Eigen::RowVectorXd spread = (truth.matrix().rowwise() - mean).colwise().squaredNorm();
  const Eigen::RowVectorXd lost = (truth.matrix() - model.matrix()).colwise().squaredNorm();
  Tensor<double> r2({y.size(1)});
  for (Index u = 0; u < y.size(1); ++u) {
    r2(u) = spread[u] > 0 ? 1.0 - lost[u] / spread[u] : std::numeric_limits<double>::quiet_NaN();
  }
  return r2;
}

}  // namespace hooked
