// Picking from Variables and joining them: element, take, take_along_axis, concat, stack. Named as
// for tensors.
#pragma once

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/shapes.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/core/select.hpp"
#include "hooked/ops/concat.hpp"
#include "hooked/ops/gather_rows.hpp"

namespace hooked {

namespace detail {

/// x in row-major order as rows of the shape `row`, which GatherRows picks.
/// Throws ShapeError when a Token cannot number them.
template <Scalar T>
Variable<T> rows_to_pick(Variable<T> x, const Shape& row) {
  const Index count = row.numel() == 0 ? 0 : x.shape().numel() / row.numel();
  if (count > std::numeric_limits<Token>::max()) {
    fail<ShapeError>("too many elements to pick from: ", x.shape());
  }
  return x.tape().reshape(x, join({count}, row));
}

}  // namespace detail

/// One element as a scalar: `element(logits, {0, -1, 3})`. Negative indices count from the end.
template <Scalar T>
Variable<T> element(Variable<T> x, std::initializer_list<Index> indices) {
  x = contiguous(x);
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
  return record<GatherRows>({index, Shape{}}, detail::rows_to_pick(x, {}));
}

/// x at `indices` of `axis`, as for tensors: the axis is replaced by the axes of `indices`, whose
/// numbers may repeat and count from the end where they are negative.
/// Throws ShapeError for an index outside the axis.
template <Scalar T, IndexLike I>
Variable<T> take(Variable<T> x, int axis, const I& indices) {
  x = contiguous(x);
  const Shape& shape = x.shape();
  axis = detail::with_place(x.tape(), [&] { return normalize_axis(axis, shape.rank()); });
  const Shape head = shape.axes(0, axis);
  const Index outer = head.numel(), size = shape[axis], count = indices.numel();
  const auto rows = detail::rows_to_pick(x, shape.axes(axis + 1, shape.rank()));
  auto* picked = x.tape().arena().template allocate<Token>(static_cast<std::size_t>(outer * count));
  detail::with_place(x.tape(), [&] {
    for_each_element(indices.view(), [&](Index k, const auto& i) {
      const Index at = normalize_index(static_cast<Index>(i), axis, shape);
      for (Index h = 0; h < outer; ++h) picked[h * count + k] = static_cast<Token>(h * size + at);
    });
  });
  return record<GatherRows>({picked, join(head, indices.shape())}, rows);
}
template <Scalar T>
Variable<T> take(Variable<T> x, int axis, const std::vector<Index>& indices) {
  return take(x, axis, View<const Index>(indices.data(), {static_cast<Index>(indices.size())}));
}

/// y[..., k, ...] = x[..., indices[..., k, ...], ...] with k on `axis`, as for tensors: the shape
/// is that of `indices`, which agrees with x in all other axes (torch.gather). Throws ShapeError
/// when it does not, and for an index outside the axis.
template <Scalar T, IndexLike I>
Variable<T> take_along_axis(Variable<T> x, const I& indices, int axis) {
  x = contiguous(x);
  const Shape& shape = x.shape();
  auto* picked =
      x.tape().arena().template allocate<Token>(static_cast<std::size_t>(indices.numel()));
  const auto rows = detail::rows_to_pick(x, {});
  detail::with_place(x.tape(), [&] {
    axis = normalize_axis(axis, shape.rank());
    Shape expected = indices.shape();
    if (expected.rank() == shape.rank()) expected[axis] = shape[axis];
    if (expected != shape) {
      fail<ShapeError>("take_along_axis: x is ", shape, ", indices are ", indices.shape(),
                       ": they may differ in axis ", axis, " alone");
    }
    const Index width = shape.axes(axis + 1, shape.rank()).numel();
    const Index count = indices.size(axis);
    for_each_element(indices.view(), [&](Index k, const auto& i) {
      const Index at = normalize_index(static_cast<Index>(i), axis, shape);
      const Index head = k / (count * width), tail = k % width;
      picked[k] = static_cast<Token>((head * shape[axis] + at) * width + tail);
    });
  });
  return record<GatherRows>({picked, indices.shape()}, rows);
}

/// A container of Variables: what can be joined.
template <class Parts>
concept VariableList = requires {
  typename detail::FirstVariable<typename Parts::value_type>::type;
};

/// Variables one after the other along `axis`: [2, 4] and [3, 4] become [5, 4].
/// Takes a braced list or any container. Throws ShapeError when they differ in another axis.
template <VariableList Parts>
typename Parts::value_type concat(const Parts& parts, int axis = 0) {
  using V = typename Parts::value_type;
  if (parts.size() == 0) fail<ShapeError>("concat of nothing");
  auto& tape = parts.begin()->tape();
  std::size_t count = parts.size();
  V* const joined = tape.arena().template allocate<V>(count);
  std::transform(parts.begin(), parts.end(), joined, [](const V& part) { return dense(part); });
  const Shape first = joined->shape();
  axis = detail::with_place(tape, [&] { return normalize_axis(axis, first.rank()); });
  Shape none = first;
  none[axis] = 0;
  const V nothing = tape.constant({nullptr, none});
  while (count > 1) {  // four become one
    std::size_t fewer = 0;
    for (std::size_t k = 0; k < count; k += 4) {
      const auto part = [&](std::size_t i) { return k + i < count ? joined[k + i] : nothing; };
      joined[fewer++] = record<Concat>({axis}, part(0), part(1), part(2), part(3));
    }
    count = fewer;
  }
  return *joined;
}
template <Scalar T>
Variable<T> concat(std::initializer_list<Variable<T>> parts, int axis = 0) {
  return concat<std::initializer_list<Variable<T>>>(parts, axis);
}

/// Variables of one shape along a new axis: three of [2, 4] become [3, 2, 4], or [2, 3, 4] for
/// axis 1. Takes a braced list or any container. Throws ShapeError when the shapes differ.
template <VariableList Parts>
typename Parts::value_type stack(const Parts& parts, int axis = 0) {
  using V = typename Parts::value_type;
  if (parts.size() == 0) fail<ShapeError>("stack of nothing");
  auto& tape = parts.begin()->tape();
  const Shape shape = dense(*parts.begin()).shape();
  const std::span<V> layers(tape.arena().template allocate<V>(parts.size()), parts.size());
  detail::with_place(tape, [&] {
    axis = normalize_axis(axis, shape.rank() + 1);
    const Shape layer = join(join(shape.axes(0, axis), {1}), shape.axes(axis, shape.rank()));
    Index k = 0;
    for (const V& part : parts) {
      const V x = contiguous(part);
      if (x.shape() != shape) {
        fail<ShapeError>("stack: part 0 is ", shape, ", part ", k, " is ", x.shape());
      }
      layers[static_cast<std::size_t>(k++)] = tape.reshape(x, layer);
    }
  });
  return concat(layers, axis);
}
template <Scalar T>
Variable<T> stack(std::initializer_list<Variable<T>> parts, int axis = 0) {
  return stack<std::initializer_list<Variable<T>>>(parts, axis);
}

}  // namespace hooked
