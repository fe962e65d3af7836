// a + b, a - b, a * b and c * a on Variables, for metrics and hook functions.
#pragma once

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/ops/add.hpp"
#include "hooked/ops/gather_rows.hpp"
#include "hooked/ops/multiply.hpp"
#include "hooked/ops/scale.hpp"
#include "hooked/ops/subtract.hpp"
#include "hooked/ops/sum.hpp"

namespace hooked {

/// Element by element; the shapes must agree (ShapeError).
template <Scalar T>
Variable<T> operator+(Variable<T> a, Variable<T> b) {
  return record<Add>({}, a, b);
}
template <Scalar T>
Variable<T> operator-(Variable<T> a, Variable<T> b) {
  return record<Subtract>({}, a, b);
}
template <Scalar T>
Variable<T> operator*(Variable<T> a, Variable<T> b) {
  return record<Multiply>({}, a, b);
}

/// By a fixed number.
template <Scalar T>
Variable<T> operator*(double factor, Variable<T> x) {
  return record<Scale>({factor}, x);
}
template <Scalar T>
Variable<T> operator-(Variable<T> x) {
  return -1.0 * x;
}

/// Sum and mean of all elements, a scalar.
template <Scalar T>
Variable<T> sum(Variable<T> x) {
  return record<Sum>({1.0}, x);
}
template <Scalar T>
Variable<T> mean(Variable<T> x) {
  const Variable<T> all = dense(x);
  return record<Sum>({1.0 / static_cast<double>(all.value().numel())}, all);
}

/// One element as a scalar: `element(logits, {0, -1, 3})`. Negative indices count from the end.
template <Scalar T>
Variable<T> element(Variable<T> x, std::initializer_list<Index> indices) {
  x = dense(x);
  const Shape& shape = x.shape();
  if (static_cast<int>(indices.size()) != shape.rank()) {
    fail<ShapeError>("element: ", indices.size(), " indices for the shape ", shape);
  }
  Index flat = 0;
  int axis = 0;
  for (Index i : indices) {
    const Index size = shape[axis++];
    if (i < -size || i >= size) fail<ShapeError>("element: index ", i, " in the shape ", shape);
    flat = flat * size + (i < 0 ? i + size : i);
  }
  auto* index = x.tape().arena().template make<Token>(static_cast<Token>(flat));
  return record<GatherRows>({index, Shape{}}, x.tape().reshape(x, {x.value().numel()}));
}

}  // namespace hooked
