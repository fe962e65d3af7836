// softmax, log_softmax, logsumexp and layer_norm of Variables.
#pragma once

#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/functions.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/autograd/shapes.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/ops/affine.hpp"
#include "hooked/ops/log_softmax.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/softmax.hpp"
#include "hooked/ops/standardize.hpp"

namespace hooked {

namespace detail {

// An op along the last axis, along any; distinct rows stay distinct where it is the last.
template <Op O, Scalar T>
Variable<T> along_axis(Variable<T> x, int axis) {
  const int rank = x.shape().rank() + (x.rows() != nullptr ? 1 : 0);
  axis = with_place(x.tape(), [&] { return normalize_axis(axis, rank); });
  if (x.shape().rank() < 2) x = dense(x);  // a row of [rows] is one number of [batch, pos]
  if (axis == rank - 1) return record<O>({}, in_rows(x));
  x = dense(x);
  std::array<int, kMaxRank> swapped{0, 1, 2, 3, 4, 5};
  std::swap(swapped[static_cast<std::size_t>(axis)], swapped[static_cast<std::size_t>(rank - 1)]);
  const std::span<const int> order(swapped.data(), static_cast<std::size_t>(rank));
  return permuted(record<O>({}, permuted(x, order)), order);
}

}  // namespace detail

/// exp(x) / sum exp(x) along `axis`. A line that is -inf throughout becomes zeros.
/// Throws ShapeError when the axis has no elements.
template <Scalar T>
Variable<T> softmax(Variable<T> x, int axis = -1) {
  return detail::along_axis<Softmax>(x, axis);
}

/// x - log sum exp(x) along `axis`. A line that is -inf throughout stays so.
/// Throws ShapeError when the axis has no elements.
template <Scalar T>
Variable<T> log_softmax(Variable<T> x, int axis = -1) {
  return detail::along_axis<LogSoftmax>(x, axis);
}

/// log sum exp(x) over `axes`. Throws ShapeError for no elements.
template <Scalar T>
Variable<T> logsumexp(Variable<T> x, const Axes& axes = {}, Keep keep = Keep::no) {
  x = contiguous(x);
  Tape<T>& tape = x.tape();
  // The maximum keeps exponentials small and is a constant: it drops out of the result.
  const Variable<T> most = max(x.detach(), axes, Keep::yes);
  const View<T> shift = tape.numbers(most.shape());
  walk([](T& s, T m) { s = std::isfinite(m) ? m : T(0); }, shift, most.value());
  const Variable<T> top = tape.constant(shift);
  const Variable<T> y = log(sum(exp(x - top), axes, Keep::yes)) + top;
  return y.reshape(axes.reduced(x.shape(), keep));
}

/// (x - mean) / sqrt(var + eps) over the last axis, times w and plus b: x [..., n], w [n], b [n].
/// Throws ShapeError when the sizes disagree.
template <Scalar T, OperandOf<T> W, OperandOf<T> B>
Variable<T> layer_norm(Variable<T> x, const W& w, const B& b, double eps = 1e-5) {
  const Variable<T> standard = layer_norm(x, eps);
  return record<Affine>({}, standard, contiguous(detail::on_tape(x.tape(), w)),
                        contiguous(detail::on_tape(x.tape(), b)));
}
/// Without w and b.
template <Scalar T>
Variable<T> layer_norm(Variable<T> x, double eps = 1e-5) {
  return record<Standardize>({true, eps}, detail::in_rows(x));
}

}  // namespace hooked
