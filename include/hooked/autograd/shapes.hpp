// Variables under other shapes: select, slice, permute, transpose, reshape, broadcast. Named as for
// tensors.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/ops/broadcast.hpp"
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

}  // namespace hooked
