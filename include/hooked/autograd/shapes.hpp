// Variables under other shapes: select, slice, permute, transpose, reshape, broadcast, and picking
// and joining: element, take, take_along_axis, stack, concat. Named as for tensors.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/core/select.hpp"
#include "hooked/ops/broadcast.hpp"
#include "hooked/ops/concat.hpp"
#include "hooked/ops/gather_rows.hpp"
#include "hooked/ops/window.hpp"

namespace hooked {

/// What may stand beside Variables with elements T: another one, or a tensor, which is a constant.
template <class X, class T>
concept OperandOf = std::same_as<X, Variable<T>> || TensorOf<X, T>;

namespace detail {

// The T of the first Variable<T> among X.
template <class... X>
struct FirstVariable {};
template <class X, class... Rest>
struct FirstVariable<X, Rest...> : FirstVariable<Rest...> {};
template <class T, class... Rest>
struct FirstVariable<Variable<T>, Rest...> {
  using type = T;
};

template <Scalar T, class First, class... Rest>
Tape<T>& tape_of(const First& first, const Rest&... rest) {
  if constexpr (std::same_as<First, Variable<T>>) {
    if (!first) fail<Error>("a Variable is empty");
    return first.tape();
  } else {
    return tape_of<T>(rest...);
  }
}

// A Variable as it is, a tensor as a constant.
template <Scalar T, OperandOf<T> X>
Variable<T> on_tape(Tape<T>& tape, const X& x) {
  if constexpr (TensorLike<X>) {
    return tape.constant_copy(x.view());
  } else {
    return x;
  }
}

// f(), whose errors say which module is at work.
template <Scalar T, class F>
auto with_place(const Tape<T>& tape, const F& f) {
  try {
    return f();
  } catch (const ShapeError& error) {
    fail<ShapeError>(error.what(), tape.place.empty() ? "" : "; at ", tape.place);
  }
}

// x's axes under a window that shows all of it, each at its own place.
template <Scalar T>
Window::Args whole_window(Variable<T> x) {
  Window::Args args{x.shape()};
  for (int k = 0; k < x.shape().rank(); ++k) args.axes[static_cast<std::size_t>(k)].along = k;
  return args;
}

// The axes of a dense x in a new order.
template <Scalar T>
Variable<T> permuted(Variable<T> x, std::span<const int> order) {
  Window::Args args{{}};
  bool turns = false;
  for (const int axis : order) {
    args.axes[static_cast<std::size_t>(axis)].along = args.shape.rank();
    turns = turns || axis != args.shape.rank();
    args.shape.push_back(x.shape()[axis]);
  }
  return turns ? record<Window>(args, x) : x;
}

}  // namespace detail

/// x, dense and in row-major order; a copy where it is a parameter that lies otherwise.
template <Scalar T>
Variable<T> contiguous(Variable<T> x) {
  x = dense(x);
  return x.value().is_contiguous() ? x : record<Window>(detail::whole_window(x), x);
}

namespace detail {

// x, for ops that walk rows of numbers: as contiguous, but distinct rows and rows that lie apart
// may stay so.
template <Scalar T>
Variable<T> in_rows(Variable<T> x) {
  const View<const T> v = x.value();
  if (v.is_contiguous()) return x;
  const Index width = v.shape()[-1];
  Strides found{};
  const bool folds = v.numel() > 0 && v.stride(-1) == 1 &&
                     reshape_strides(v.shape(), v.strides(), {v.numel() / width, width}, found);
  return folds ? x : contiguous(x);
}

}  // namespace detail

template <Scalar T>
Variable<T> Variable<T>::select(int axis, Index index) const {
  const Variable x = dense(*this);
  const auto args = detail::with_place(x.tape(), [&] {
    axis = normalize_axis(axis, x.shape().rank());
    Window::Args window{x.value().select(axis, index).shape()};
    for (int k = 0; k < x.shape().rank(); ++k) {
      auto& of = window.axes[static_cast<std::size_t>(k)];
      if (k == axis) {
        of.start = normalize_index(index, axis, x.shape());
      } else {
        of.along = k < axis ? k : k - 1;
      }
    }
    return window;
  });
  return record<Window>(args, x);
}

template <Scalar T>
Variable<T> Variable<T>::slice(int axis, Index start, Index stop, Index step) const {
  const Variable x = dense(*this);
  const auto args = detail::with_place(x.tape(), [&] {
    Window::Args window = detail::whole_window(x);
    window.shape = x.value().slice(axis, start, stop, step).shape();
    auto& of = window.axes[static_cast<std::size_t>(normalize_axis(axis, x.shape().rank()))];
    of.start = start < 0 ? start + x.shape()[axis] : start;
    of.step = step;
    return window;
  });
  return record<Window>(args, x);
}

template <Scalar T>
Variable<T> Variable<T>::permute(std::initializer_list<int> order) const {
  const Variable x = dense(*this);
  std::array<int, kMaxRank> axes{};
  detail::with_place(x.tape(), [&] {
    x.value().permute(order);  // judges the order
    std::transform(order.begin(), order.end(), axes.begin(),
                   [&](int axis) { return normalize_axis(axis, x.shape().rank()); });
  });
  return detail::permuted(x, std::span<const int>(axes.data(), order.size()));
}

template <Scalar T>
Variable<T> Variable<T>::transpose() const {
  const Variable x = dense(*this);
  Window::Args args = detail::whole_window(x);
  args.shape = detail::with_place(x.tape(), [&] { return x.value().transpose().shape(); });
  const auto last = static_cast<std::size_t>(x.shape().rank() - 1);
  std::swap(args.axes[last].along, args.axes[last - 1].along);
  return record<Window>(args, x);
}

template <Scalar T>
Variable<T> Variable<T>::reshape(std::initializer_list<Index> sizes) const {
  const Variable x = contiguous(*this);
  return detail::with_place(x.tape(),
                            [&] { return x.tape().reshape(x, x.value().view_as(sizes).shape()); });
}
template <Scalar T>
Variable<T> Variable<T>::reshape(const Shape& shape) const {
  const Variable x = contiguous(*this);
  return detail::with_place(x.tape(), [&] { return x.tape().reshape(x, shape); });
}

template <Scalar T>
Variable<T> Variable<T>::broadcast(const Shape& shape) const {
  const Variable x = dense(*this);
  return x.shape() == shape ? x : record<Broadcast>({shape}, contiguous(x));
}

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
