// Picking and joining: take, take_along_axis, stack, concat, sort, argsort, topk.
#pragma once

#include <cmath>
#include <numeric>

#include "hooked/core/tensor.hpp"

namespace hooked {

/// A tensor of integers: what picks elements. Negative indices count from the end.
template <class I>
concept IndexLike = TensorLike<I> && std::integral<typename I::value_type>;

/// A container of tensors: what can be joined.
template <class Parts>
concept TensorList = TensorLike<typename Parts::value_type>;
/// The type of the numbers in a list of tensors.
template <TensorList Parts>
using ElementOf = typename Parts::value_type::value_type;

/// x at `indices` of `axis`: the axis is replaced by the axes of `indices`, so that
/// take([d_vocab, d_model], 0, [batch, pos]) is [batch, pos, d_model] and a scalar drops the axis.
/// Throws ShapeError for an index outside the axis.
template <TensorLike X, IndexLike I>
Tensor<typename X::value_type> take(const X& x, int axis, const I& indices) {
  axis = normalize_axis(axis, x.rank());
  const Shape head = x.shape().axes(0, axis), tail = x.shape().axes(axis + 1, x.rank());
  Tensor<typename X::value_type> y(join(join(head, indices.shape()), tail));
  const auto picked = y.view_as(join(join(head, {indices.numel()}), tail));
  for_each_element(indices.view(), [&](Index k, const auto& i) {
    copy(x.view().select(axis, static_cast<Index>(i)), picked.select(axis, k));
  });
  return y;
}
template <TensorLike X>
Tensor<typename X::value_type> take(const X& x, int axis, const std::vector<Index>& indices) {
  return take(x, axis, View<const Index>(indices.data(), {static_cast<Index>(indices.size())}));
}

/// y[..., k, ...] = x[..., indices[..., k, ...], ...] with k on `axis`; the shape is that of
/// `indices`, which agrees with x in all other axes. Given what argmax (with Keep::yes), argsort or
/// topk found, it reads the elements there.
/// Throws ShapeError when it does not, and for an index outside the axis.
template <TensorLike X, IndexLike I>
Tensor<typename X::value_type> take_along_axis(const X& x, const I& indices, int axis) {
  using T = typename X::value_type;
  axis = normalize_axis(axis, x.rank());
  Shape expected = indices.shape();
  if (expected.rank() == x.rank()) expected[axis] = x.size(axis);
  if (expected != x.shape()) {
    fail<ShapeError>("take_along_axis: x is ", x.shape(), ", indices are ", indices.shape(),
                     ": they may differ in axis ", axis, " alone");
  }
  for_each_element(indices.view(), [&](Index, const auto& i) {
    normalize_index(static_cast<Index>(i), axis, x.shape());
  });
  Tensor<T> y(indices.shape());
  for_each_line(
      axis,
      [](View<const T> from, auto at, View<T> to) {
        walk([&](const auto& i, T& out) { out = from(static_cast<Index>(i)); }, at, to);
      },
      x.view(), indices.view(), y.view());
  return y;
}

namespace detail {

// Ascending, with NaN as the largest.
template <class T>
bool before(T a, T b) {
  if constexpr (std::floating_point<T>) return a < b || (std::isnan(b) && !std::isnan(a));
  return a < b;
}

// The first `count` places of each line when its elements are ordered by `comes_first`; equals stay
// in their order.
template <TensorLike X, class ComesFirst>
Tensor<Index> ranked(const X& x, int axis, Index count, ComesFirst comes_first) {
  using T = typename X::value_type;
  Shape shape = x.shape();
  shape[axis] = count;
  Tensor<Index> places(shape);
  for_each_line(
      axis,
      [&](View<const T> line, View<Index> out) {
        const Tensor<T> values(line);
        std::vector<Index> order(static_cast<std::size_t>(line.numel()));
        std::iota(order.begin(), order.end(), Index{0});
        std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
          return comes_first(values.data()[a], values.data()[b]);
        });
        for_each_element(
            out, [&](Index k, Index& place) { place = order[static_cast<std::size_t>(k)]; });
      },
      x.view(), places.view());
  return places;
}

}  // namespace detail

/// Tensors of one shape along a new axis: three of [2, 4] become [3, 2, 4], or [2, 3, 4] for
/// axis 1. Takes a braced list or any container. Throws ShapeError when the shapes differ.
template <TensorList Parts>
Tensor<ElementOf<Parts>> stack(const Parts& parts, int axis = 0) {
  if (parts.size() == 0) fail<ShapeError>("stack of nothing");
  const Shape shape = parts.begin()->shape();
  axis = normalize_axis(axis, shape.rank() + 1);
  Tensor<ElementOf<Parts>> y(join(join(shape.axes(0, axis), {static_cast<Index>(parts.size())}),
                                  shape.axes(axis, shape.rank())));
  Index k = 0;
  for (const auto& part : parts) {
    if (part.shape() != shape) {
      fail<ShapeError>("stack: part 0 is ", shape, ", part ", k, " is ", part.shape());
    }
    copy(part.view(), y.select(axis, k++));
  }
  return y;
}
template <TensorLike X>
Tensor<typename X::value_type> stack(std::initializer_list<X> parts, int axis = 0) {
  return stack<std::initializer_list<X>>(parts, axis);
}

/// Tensors one after the other along `axis`: [2, 4] and [3, 4] become [5, 4].
/// Takes a braced list or any container. Throws ShapeError when they differ in another axis.
template <TensorList Parts>
Tensor<ElementOf<Parts>> concat(const Parts& parts, int axis = 0) {
  if (parts.size() == 0) fail<ShapeError>("concat of nothing");
  Shape shape = parts.begin()->shape();
  axis = normalize_axis(axis, shape.rank());
  shape[axis] = 0;
  Index k = 0;
  for (const auto& part : parts) {
    Shape others = part.shape();
    if (others.rank() == shape.rank()) others[axis] = shape[axis];
    if (others != shape) {
      fail<ShapeError>("concat: part 0 is ", parts.begin()->shape(), ", part ", k, " is ",
                       part.shape(), ": they may differ in axis ", axis, " alone");
    }
    shape[axis] += part.size(axis);
    ++k;
  }
  Tensor<ElementOf<Parts>> y(shape);
  Index start = 0;
  for (const auto& part : parts) {
    copy(part.view(), y.slice(axis, start, start + part.size(axis)));
    start += part.size(axis);
  }
  return y;
}
template <TensorLike X>
Tensor<typename X::value_type> concat(std::initializer_list<X> parts, int axis = 0) {
  return concat<std::initializer_list<X>>(parts, axis);
}

/// The places of the elements along `axis` in ascending order; stable, NaN last.
template <TensorLike X>
Tensor<Index> argsort(const X& x, int axis = -1) {
  using T = typename X::value_type;
  return detail::ranked(x, axis, x.size(axis), [](T a, T b) { return detail::before(a, b); });
}

/// The elements along `axis` in ascending order; NaN last.
template <TensorLike X>
Tensor<typename X::value_type> sort(const X& x, int axis = -1) {
  return take_along_axis(x, argsort(x, axis), axis);
}

/// What topk finds: `values` and, of the same shape, the `indices` at which they were.
template <class T>
struct TopK {
  Tensor<T> values;
  Tensor<Index> indices;
};

/// The k largest elements along `axis`, largest first (NaN counts as the largest); the first of
/// equals comes first. The axis becomes k long. Throws ShapeError when it has fewer than k
/// elements.
template <TensorLike X>
TopK<typename X::value_type> topk(const X& x, Index k, int axis = -1) {
  using T = typename X::value_type;
  if (k < 0 || k > x.size(axis)) {
    fail<ShapeError>("topk: ", k, " of axis ", axis, " of the shape ", x.shape());
  }
  Tensor<Index> indices = detail::ranked(x, axis, k, [](T a, T b) { return detail::before(b, a); });
  return {take_along_axis(x, indices, axis), indices};
}

}  // namespace hooked
