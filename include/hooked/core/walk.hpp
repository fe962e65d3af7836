// Walking views: one element by element or row by row, several in step. What copying, arithmetic,
// reductions and sorting stand on.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "hooked/core/view.hpp"

namespace hooked {

namespace detail {

// What `for` walks with.
template <class T>
class AlongFirstAxis {
 public:
  using value_type = View<T>;
  using difference_type = Index;

  AlongFirstAxis(View<T> x, Index i) : x_(x), i_(i) {}
  View<T> operator*() const { return x_.select(0, i_); }
  AlongFirstAxis& operator++() {
    ++i_;
    return *this;
  }
  friend bool operator==(const AlongFirstAxis& a, const AlongFirstAxis& b) { return a.i_ == b.i_; }

 private:
  View<T> x_;
  Index i_;
};

}  // namespace detail

/// Calls `visit(i, element)` for every element in row-major order.
template <class T, class Visit>
void for_each_element(View<T> x, Visit visit) {
  if (x.is_contiguous()) {
    for (Index i = 0; i < x.numel(); ++i) visit(i, x.data()[i]);
    return;
  }
  std::array<Index, kMaxRank> index{};
  T* element = x.data();
  for (Index i = 0, count = x.numel(); i < count; ++i) {
    visit(i, *element);
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      auto& k = index[static_cast<std::size_t>(axis)];
      element += x.stride(axis);
      if (++k < x.size(axis)) break;
      element -= x.stride(axis) * k;
      k = 0;
    }
  }
}

/// Calls `visit(a, b, ...)` with the elements of all views at each index, in row-major order.
/// Throws ShapeError when the shapes differ.
template <class Visit, class First, class... Rest>
void walk(Visit visit, View<First> first, View<Rest>... rest) {
  const Shape& shape = first.shape();
  [[maybe_unused]] const auto check = [&](const Shape& other) {
    if (other != shape) fail<ShapeError>("walk: the shapes are ", shape, " and ", other);
  };
  (check(rest.shape()), ...);
  detail::walk_strides<Visit, First, Rest...>(shape, visit, {first.data(), first.strides().data()},
                                              {rest.data(), rest.strides().data()}...);
}

/// Calls `visit(line_a, line_b, ...)` with each line along `axis`, a view of rank 1. The views
/// agree in all other axes; along `axis` each has its own length, and where one has none nothing is
/// called.
template <class Visit, class First, class... Rest>
void for_each_line(int axis, Visit visit, View<First> first, View<Rest>... rest) {
  if (first.size(axis) == 0 || ((rest.size(axis) == 0) || ...)) return;
  const auto line = [axis](const auto& view, auto& start) {
    return std::decay_t<decltype(view)>(&start, {view.size(axis)}, {view.stride(axis)});
  };
  walk([&](First& a, Rest&... others) { visit(line(first, a), line(rest, others)...); },
       first.select(axis, 0), rest.select(axis, 0)...);
}

/// Copies numbers between views of one shape. Throws ShapeError when the shapes differ.
template <class T>
void copy(View<const std::type_identity_t<T>> from, View<T> to) {
  if (from.shape() != to.shape()) {
    fail<ShapeError>("copy: from ", from.shape(), " to ", to.shape());
  }
  if (from.is_contiguous() && to.is_contiguous()) {
    std::copy_n(from.data(), from.numel(), to.data());
  } else {
    walk([](const T& a, T& b) { b = a; }, from, to);
  }
}

}  // namespace hooked
