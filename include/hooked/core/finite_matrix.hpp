// What decompositions are handed: checked matrices in double, whatever the elements are.
#pragma once

#include <cmath>

#include "hooked/core/arithmetic.hpp"

namespace hooked::detail {

// x in double. Throws ShapeError unless it is a matrix with elements, NumericError for one that is
// not finite.
template <Scalar T>
Tensor<double> finite_matrix(const char* name, View<const T> x) {
  if (x.rank() != 2 || x.numel() == 0) {
    fail<ShapeError>(name, " wants a matrix with at least one element, the shape is ", x.shape());
  }
  Tensor<double> m = cast<double>(x);
  for (Index i = 0; i < m.numel(); ++i) {
    if (std::isfinite(m.data()[i])) continue;
    fail<NumericError>(name, ": element (", i / m.size(1), ", ", i % m.size(1), ") is ",
                       m.data()[i]);
  }
  return m;
}

template <Scalar T>
Tensor<double> square_matrix(const char* name, View<const T> x) {
  Tensor<double> m = finite_matrix(name, x);
  if (m.size(0) != m.size(1)) fail<ShapeError>(name, " wants a square matrix, got ", x.shape());
  return m;
}

}  // namespace hooked::detail
