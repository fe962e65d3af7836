// Strides: how many elements lie between neighbours along each axis of a window on numbers. What
// can be said and done with shapes, strides and pointers alone.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "hooked/core/shape.hpp"

namespace hooked {

/// How many elements lie between neighbours along each axis.
using Strides = std::array<Index, kMaxRank>;

namespace detail {

/// The strides of numbers that lie in row-major order.
inline Strides row_major(const Shape& shape) {
  Strides strides{};
  Index stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/// Finds the strides with which `target` walks the elements of a window, which is not empty, in the
/// same order; false when that takes a copy. As numpy's no-copy reshape: groups of axes with equal
/// products are matched, and inside a group the old axes must be evenly spaced.
inline bool reshape_strides(const Shape& shape, const Strides& strides, const Shape& target,
                            Strides& found) {
  const auto at = [](int axis) { return static_cast<std::size_t>(axis); };
  Shape sizes;  // without axes of size 1, and their strides
  Strides steps{};
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    steps[at(sizes.rank())] = strides[at(axis)];
    sizes.push_back(shape[axis]);
  }
  int from = 0, to = 0;
  while (from < sizes.rank()) {
    int from_end = from + 1, to_end = to + 1;
    Index old_count = sizes[from], new_count = target[to];
    while (old_count != new_count) {
      if (old_count < new_count) {
        old_count *= sizes[from_end++];
      } else {
        new_count *= target[to_end++];
      }
    }
    for (int axis = from; axis + 1 < from_end; ++axis) {
      if (steps[at(axis)] != steps[at(axis + 1)] * sizes[axis + 1]) return false;
    }
    Index stride = steps[at(from_end - 1)];
    for (int axis = to_end - 1; axis >= to; --axis) {
      found[at(axis)] = stride;
      stride *= target[axis];
    }
    from = from_end;
    to = to_end;
  }
  return true;
}

template <class Visit, class... T>
void walk_axis(const Shape& shape, int axis, Visit& visit,
               std::pair<T*, const Index*>... elements_and_strides) {
  const bool innermost = axis + 1 == shape.rank();
  for (Index i = 0, size = shape[axis]; i < size; ++i) {
    if (innermost) {
      visit(*elements_and_strides.first...);
    } else {
      walk_axis<Visit, T...>(shape, axis + 1, visit, elements_and_strides...);
    }
    ((elements_and_strides.first += elements_and_strides.second[axis]), ...);
  }
}

/// Calls `visit(a, b, ...)` with the elements of several windows of one shape at each index, in
/// row-major order.
template <class Visit, class... T>
void walk_strides(const Shape& shape, Visit& visit,
                  std::pair<T*, const Index*>... elements_and_strides) {
  if (shape.rank() == 0) {
    visit(*elements_and_strides.first...);
  } else if (shape.numel() > 0) {  // of no numbers there may be no address to step from
    walk_axis<Visit, T...>(shape, 0, visit, elements_and_strides...);
  }
}

/// The first and the last address of a window that is not empty.
template <class T>
std::pair<const T*, const T*> reach(const Shape& shape, const T* data, const Strides& strides) {
  const T *first = data, *last = data;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const Index length = (shape[axis] - 1) * strides[static_cast<std::size_t>(axis)];
    (length < 0 ? first : last) += length;
  }
  return {first, last};
}

/// to = from, element by element. Where the windows may share numbers, all are read before any is
/// written.
template <class T>
void assign(const Shape& shape, const T* from, Strides from_strides, T* to,
            const Strides& to_strides) {
  if (shape.numel() == 0) return;
  const auto copy = [](const T& a, T& b) { b = a; };
  const auto [first, last] = reach(shape, from, from_strides);
  const auto [to_first, to_last] = reach<T>(shape, to, to_strides);
  std::vector<T> numbers;
  if (std::less_equal<>()(first, to_last) && std::less_equal<>()(to_first, last)) {
    const Strides plain = row_major(shape);
    numbers.resize(static_cast<std::size_t>(shape.numel()));
    walk_strides<const decltype(copy), const T, T>(shape, copy, {from, from_strides.data()},
                                                   {numbers.data(), plain.data()});
    from = numbers.data();
    from_strides = plain;
  }
  walk_strides<const decltype(copy), const T, T>(shape, copy, {from, from_strides.data()},
                                                 {to, to_strides.data()});
}

}  // namespace detail

}  // namespace hooked
