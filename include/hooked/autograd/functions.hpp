// Functions of the elements of Variables: exp, log, sqrt, abs, tanh, sigmoid, pow, clamp, where and
// the activations. Distinct rows stay distinct.
#pragma once

#include <cstdint>

#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/shapes.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/ops/abs.hpp"
#include "hooked/ops/clamp.hpp"
#include "hooked/ops/exp.hpp"
#include "hooked/ops/gelu.hpp"
#include "hooked/ops/gelu_new.hpp"
#include "hooked/ops/log.hpp"
#include "hooked/ops/power.hpp"
#include "hooked/ops/relu.hpp"
#include "hooked/ops/sigmoid.hpp"
#include "hooked/ops/silu.hpp"
#include "hooked/ops/sqrt.hpp"
#include "hooked/ops/tanh.hpp"
#include "hooked/ops/where.hpp"

namespace hooked {

/// e^x, exactly 0 where that is less than the smallest normal number.
template <Scalar T>
Variable<T> exp(Variable<T> x) {
  return record<Exp>({}, detail::in_rows(x));
}
/// The natural logarithm: -inf at 0, NaN below.
template <Scalar T>
Variable<T> log(Variable<T> x) {
  return record<Log>({}, detail::in_rows(x));
}
/// The square root; NaN below 0. The slope at 0 is infinite.
template <Scalar T>
Variable<T> sqrt(Variable<T> x) {
  return record<Sqrt>({}, detail::in_rows(x));
}
/// |x|; the slope at 0 is 0.
template <Scalar T>
Variable<T> abs(Variable<T> x) {
  return record<Abs>({}, detail::in_rows(x));
}
/// The hyperbolic tangent of each element.
template <Scalar T>
Variable<T> tanh(Variable<T> x) {
  return record<Tanh>({}, detail::in_rows(x));
}
/// 1 / (1 + e^-x)
template <Scalar T>
Variable<T> sigmoid(Variable<T> x) {
  return record<Sigmoid>({}, detail::in_rows(x));
}
/// x^p with a fixed number p; NaN below 0 unless p is whole.
template <Scalar T>
Variable<T> pow(Variable<T> x, double p) {
  return record<Power>({p}, detail::in_rows(x));
}
/// x, but not less than `low` and not more than `high`. The slope is 1 from low to high, ends
/// included, and 0 outside. Throws ConfigError when low is above high.
template <Scalar T>
Variable<T> clamp(Variable<T> x, double low, double high) {
  detail::check_bounds(low, high);
  return record<Clamp>({low, high}, detail::in_rows(x));
}

/// max(x, 0); the slope at 0 is 0.
template <Scalar T>
Variable<T> relu(Variable<T> x) {
  return record<Relu>({}, detail::in_rows(x));
}
/// x Phi(x), Phi the standard normal distribution.
template <Scalar T>
Variable<T> gelu(Variable<T> x) {
  return record<Gelu>({}, detail::in_rows(x));
}
/// The tanh form of gelu, as in GPT-2.
template <Scalar T>
Variable<T> gelu_new(Variable<T> x) {
  return record<GeluNew>({}, detail::in_rows(x));
}
/// x sigmoid(x)
template <Scalar T>
Variable<T> silu(Variable<T> x) {
  return record<Silu>({}, detail::in_rows(x));
}

/// a_i where condition_i, a tensor, is not zero, otherwise b_i. All three broadcast; a or b may be
/// a tensor. Throws ShapeError when the shapes do not broadcast.
template <TensorLike C, class A, class B, class T = detail::OperandScalar<A, B>>
Variable<T> where(const C& condition, const A& a, const B& b) {
  Tape<T>& tape = detail::tape_of<T>(a, b);
  const Variable<T> yes = contiguous(detail::on_tape(tape, a));
  const Variable<T> no = contiguous(detail::on_tape(tape, b));
  const Shape shape = detail::with_place(
      tape, [&] { return broadcast_shape("where", condition.shape(), yes.shape(), no.shape()); });
  auto* mask =
      tape.arena().template allocate<std::uint8_t>(static_cast<std::size_t>(shape.numel()));
  for_each_element(condition.view().broadcast(shape),
                   [&](Index i, const auto& c) { mask[i] = c != 0 ? 1 : 0; });
  return record<Where>({mask}, no.broadcast(shape), yes.broadcast(shape));
}

}  // namespace hooked
