// + - * / on Variables, tensors and numbers. Shapes broadcast by numpy's rule.
#pragma once

#include <type_traits>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/shapes.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/ops/add.hpp"
#include "hooked/ops/add_bias.hpp"
#include "hooked/ops/divide.hpp"
#include "hooked/ops/divide_by.hpp"
#include "hooked/ops/multiply.hpp"
#include "hooked/ops/number_over.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/scale.hpp"
#include "hooked/ops/scale_columns.hpp"
#include "hooked/ops/shift.hpp"
#include "hooked/ops/subtract.hpp"

namespace hooked {

namespace detail {

// Of two operands, one of which at least is a Variable and none a number.
template <class A, class B, class T = typename FirstVariable<A, B>::type>
using OperandScalar = std::enable_if_t<OperandOf<A, T> && OperandOf<B, T>, T>;

// What `O`, an op on equal shapes, makes of shapes that broadcast. Distinct rows beside numbers
// that are the same for every row stay distinct.
template <Op O, Scalar T>
Variable<T> broadcasting(Variable<T> a, Variable<T> b) {
  if (!a || !b) return record<O>({}, a, b);  // refuses it
  a = in_rows(a);
  b = in_rows(b);
  if (a.shape() == b.shape() && a.rows() == b.rows()) return record<O>({}, a, b);
  const bool a_is_smaller = a.shape().rank() < b.shape().rank();
  const Variable<T> x = a_is_smaller ? b : a, v = a_is_smaller ? a : b;
  const bool one_for_all = v.rows() == nullptr && v.shape().rank() < x.shape().rank();
  if constexpr (std::same_as<O, Add> || std::same_as<O, Multiply>) {
    using ByColumn = std::conditional_t<std::same_as<O, Add>, AddBias, ScaleColumns>;
    if (one_for_all && v.shape() == Shape{x.shape()[-1]}) {
      return record<ByColumn>({}, x, contiguous(v));
    }
  }
  const auto shape_of = [](Variable<T> p, Variable<T> q) {
    return with_place(p.tape(), [&] { return broadcast_shape(O::name, p.shape(), q.shape()); });
  };
  if (one_for_all && x.rows() != nullptr && shape_of(a, b) == x.shape()) {
    const Variable<T> rows = v.broadcast(x.shape());
    rows.node().rows = x.rows();
    return a_is_smaller ? record<O>({}, rows, x) : record<O>({}, x, rows);
  }
  a = dense(a);
  b = dense(b);
  const Shape shape = shape_of(a, b);
  return record<O>({}, a.broadcast(shape), b.broadcast(shape));
}

}  // namespace detail

/// Element by element; shapes broadcast, and a tensor is a constant, copied to the tape.
/// Throws ShapeError when the shapes do not broadcast.
template <class A, class B, class T = detail::OperandScalar<A, B>>
Variable<T> operator+(const A& a, const B& b) {
  Tape<T>& tape = detail::tape_of<T>(a, b);
  return detail::broadcasting<Add>(detail::on_tape(tape, a), detail::on_tape(tape, b));
}
template <class A, class B, class T = detail::OperandScalar<A, B>>
Variable<T> operator-(const A& a, const B& b) {
  Tape<T>& tape = detail::tape_of<T>(a, b);
  return detail::broadcasting<Subtract>(detail::on_tape(tape, a), detail::on_tape(tape, b));
}
template <class A, class B, class T = detail::OperandScalar<A, B>>
Variable<T> operator*(const A& a, const B& b) {
  Tape<T>& tape = detail::tape_of<T>(a, b);
  return detail::broadcasting<Multiply>(detail::on_tape(tape, a), detail::on_tape(tape, b));
}
template <class A, class B, class T = detail::OperandScalar<A, B>>
Variable<T> operator/(const A& a, const B& b) {
  Tape<T>& tape = detail::tape_of<T>(a, b);
  return detail::broadcasting<Divide>(detail::on_tape(tape, a), detail::on_tape(tape, b));
}

/// With a fixed number.
template <Scalar T>
Variable<T> operator*(double factor, Variable<T> x) {
  return record<Scale>({factor}, detail::in_rows(x));
}
template <Scalar T>
Variable<T> operator*(Variable<T> x, double factor) {
  return factor * x;
}
template <Scalar T>
Variable<T> operator/(Variable<T> x, double divisor) {
  return record<DivideBy>({divisor}, detail::in_rows(x));
}
template <Scalar T>
Variable<T> operator/(double number, Variable<T> x) {
  return record<NumberOver>({number}, detail::in_rows(x));
}
template <Scalar T>
Variable<T> operator+(Variable<T> x, double offset) {
  return record<Shift>({offset}, detail::in_rows(x));
}
template <Scalar T>
Variable<T> operator+(double offset, Variable<T> x) {
  return x + offset;
}
template <Scalar T>
Variable<T> operator-(Variable<T> x, double offset) {
  return x + -offset;
}
template <Scalar T>
Variable<T> operator-(Variable<T> x) {
  return -1.0 * x;
}
template <Scalar T>
Variable<T> operator-(double number, Variable<T> x) {
  return -x + number;
}

}  // namespace hooked
