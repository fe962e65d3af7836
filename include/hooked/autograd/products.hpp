// Products of Variables: matmul, einsum and linear.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/shapes.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/einsum.hpp"
#include "hooked/ops/linear.hpp"
#include "hooked/ops/matmul.hpp"
#include "hooked/ops/sum_axes.hpp"
#include "hooked/ops/window.hpp"

namespace hooked {

/// y[..., i, k] = sum over j of a[..., i, j] b[..., j, k]. The leading axes are the same, or one of
/// the two has none and serves all matrices of the other. Distinct rows of a stay distinct where b
/// is one matrix. Throws ShapeError when an operand has fewer than two axes or the sizes disagree.
template <class A, class B, class T = detail::OperandScalar<A, B>>
Variable<T> matmul(const A& a, const B& b) {
  Tape<T>& tape = detail::tape_of<T>(a, b);
  const Variable<T> left = detail::on_tape(tape, a), right = contiguous(detail::on_tape(tape, b));
  if (left.rows() == nullptr || left.shape().rank() < 2 || right.shape().rank() != 2) {
    return record<MatMul>({}, contiguous(left), right);
  }
  const Variable<T> y = record<MatMul>({}, table_of(left), right);
  y.node().rows = left.rows();
  return y;
}

/// y = x W + b for every row of x [..., in], with W [in, out] and b [out]: [..., out]. Distinct
/// rows stay distinct. Throws ShapeError when the sizes disagree.
template <Scalar T, OperandOf<T> W, OperandOf<T> B>
Variable<T> linear(Variable<T> x, const W& w, const B& b) {
  return record<Linear>({}, detail::in_rows(x), detail::in_rows(detail::on_tape(x.tape(), w)),
                        contiguous(detail::on_tape(x.tape(), b)));
}

namespace detail {

// A dense Variable whose axes have letters.
template <Scalar T>
struct LetteredVariable {
  std::string letters;
  Variable<T> x;

  // The axes in the order of `wanted`; a letter on several axes becomes their diagonal.
  Variable<T> arranged(std::string_view wanted) const {
    if (wanted == letters) return contiguous(x);
    Window::Args args;
    for (const char letter : wanted) args.shape.push_back(size(letter));
    for (std::size_t axis = 0; axis < letters.size(); ++axis) {
      args.axes[axis].along = static_cast<int>(wanted.find(letters[axis]));
    }
    return record<Window>(args, x);
  }
  Index size(char letter) const { return x.shape()[static_cast<int>(letters.find(letter))]; }

  // [loops, rows, columns]: the axes in these groups.
  Variable<T> matrices(const std::string& loops, const std::string& rows,
                       const std::string& columns) const {
    const Shape shape{count(loops), count(rows), count(columns)};
    const Variable<T> y = arranged(loops + rows + columns);
    return x.tape().reshape(y, loops.empty() ? shape.axes(1, 3) : shape);
  }
  Index count(std::string_view group) const {
    Index product = 1;
    for (const char letter : group) product *= size(letter);
    return product;
  }

  // Diagonals taken, and letters that `others` do not have summed out.
  LetteredVariable settled(std::string_view others) const {
    std::string unique, kept;
    SumAxes::Args summed;
    Shape shape;
    for (const char letter : letters) {
      if (has(unique, letter)) continue;
      if (has(others, letter)) {
        kept += letter;
        shape.push_back(size(letter));
      } else {
        summed.folds[unique.size()] = true;
      }
      unique += letter;
    }
    const Variable<T> y = arranged(unique);
    if (kept == unique) return {unique, y};
    return {kept, x.tape().reshape(record<SumAxes>(summed, y), shape)};
  }
};

// As for tensors: see core/einsum.hpp.
template <Scalar T>
LetteredVariable<T> contract(const LetteredVariable<T>& a, const LetteredVariable<T>& b,
                             std::string_view wanted) {
  const Contraction to(a.letters, b.letters, wanted);
  if (to.rows.empty() && to.inner.empty() && to.columns.empty()) {
    return {to.loops, a.arranged(to.loops) * b.arranged(to.loops)};
  }
  const std::string letters = to.loops + to.rows + to.columns;
  Shape shape;
  for (const char letter : letters) {
    shape.push_back(has(a.letters, letter) ? a.size(letter) : b.size(letter));
  }
  const Variable<T> product = record<MatMul>({}, a.matrices(to.loops, to.rows, to.inner),
                                             b.matrices(to.loops, to.inner, to.columns));
  return {letters, product.reshape(shape)};
}

template <Scalar T>
Variable<T> einsum(std::string_view spec, std::span<const Variable<T>> operands,
                   std::span<const Shape> shapes) {
  const EinsumSpec parsed(spec, shapes);
  auto result = LetteredVariable<T>{parsed.inputs[0], operands[0]}.settled(parsed.wanted_from(1));
  for (std::size_t k = 1; k < operands.size(); ++k) {
    const std::string wanted = parsed.wanted_from(k + 1);
    const auto next =
        LetteredVariable<T>{parsed.inputs[k], operands[k]}.settled(wanted + result.letters);
    result = contract(result, next, wanted);
  }
  return result.arranged(parsed.output);
}

}  // namespace detail

/// Sums of products, as einsum for tensors: `einsum("bi,io->bo", x, W)`. Operands may be tensors;
/// one at least is a Variable. Throws ShapeError when the letters do not fit the shapes or each
/// other.
template <class First, class... Rest,
          class T = typename detail::FirstVariable<First, Rest...>::type>
requires OperandOf<First, T> &&(OperandOf<Rest, T>&&...)  //
    Variable<T> einsum(std::string_view spec, const First& first, const Rest&... rest) {
  Tape<T>& tape = detail::tape_of<T>(first, rest...);
  const std::array operands{dense(detail::on_tape(tape, first)),
                            dense(detail::on_tape(tape, rest))...};
  std::array<Shape, operands.size()> shapes;
  for (std::size_t k = 0; k < shapes.size(); ++k) shapes[k] = operands[k].shape();
  return detail::with_place(
      tape, [&] { return detail::einsum(spec, std::span<const Variable<T>>(operands), shapes); });
}

}  // namespace hooked
