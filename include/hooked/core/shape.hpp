// The sizes of a tensor: up to six axes, row-major, kept inline (no heap, trivially copyable).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>

#include "hooked/core/eigen.hpp"
#include "hooked/core/error.hpp"

namespace hooked {

/// A size or a place, signed, as Eigen counts.
using Index = Eigen::Index;

/// A token id. 32 bits, so that a file of tokens written by numpy as int32 maps directly.
using Token = std::int32_t;

/// The most axes that a tensor has.
inline constexpr int kMaxRank = 6;

/// An axis number in [0, rank); negative numbers count from the end, as in numpy.
/// Throws ShapeError when there is no such axis.
inline int normalize_axis(int axis, int rank) {
  if (axis < -rank || axis >= rank) {
    fail<ShapeError>("axis ", axis, " does not exist: there are ", rank, " axes");
  }
  return axis < 0 ? axis + rank : axis;
}

/// Sizes of the axes, outermost first. Printed as "[2, 3, 4]".
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Index> sizes) {
    for (const Index size : sizes) push_back(size);
  }

  /// Number of axes; 0 for a scalar.
  int rank() const { return rank_; }
  /// The size of an axis; negative axes count from the end. Throws ShapeError.
  Index operator[](int axis) const {
    return sizes_[static_cast<std::size_t>(normalize_axis(axis, rank_))];
  }
  Index& operator[](int axis) {
    return sizes_[static_cast<std::size_t>(normalize_axis(axis, rank_))];
  }

  /// Number of elements; 1 for a scalar (rank 0).
  Index numel() const {
    Index product = 1;
    for (const Index size : *this) product *= size;
    return product;
  }

  /// Appends an axis. Throws ShapeError for a negative size or a seventh axis.
  void push_back(Index size) {
    if (rank_ == kMaxRank) fail<ShapeError>("a tensor has at most ", kMaxRank, " axes");
    if (size < 0) fail<ShapeError>("an axis cannot have size ", size);
    sizes_[static_cast<std::size_t>(rank_++)] = size;
  }

  /// The axes in [first, last), a shape of their own.
  Shape axes(int first, int last) const {
    Shape part;
    for (int axis = first; axis < last; ++axis) part.push_back((*this)[axis]);
    return part;
  }

  const Index* begin() const { return sizes_.data(); }
  const Index* end() const { return sizes_.data() + rank_; }

  friend bool operator==(const Shape& a, const Shape& b) {
    return a.rank_ == b.rank_ && std::equal(a.begin(), a.end(), b.begin());
  }
  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << '[';
    for (int axis = 0; axis < shape.rank_; ++axis) out << (axis == 0 ? "" : ", ") << shape[axis];
    return out << ']';
  }

 private:
  std::array<Index, kMaxRank> sizes_{};
  int rank_ = 0;
};

/// An index of `axis` in [0, shape[axis]); negative indices count from the end.
/// Throws ShapeError when it is outside.
inline Index normalize_index(Index index, int axis, const Shape& shape) {
  const Index size = shape[axis], i = index < 0 ? index + size : index;
  if (i < 0 || i >= size) {
    fail<ShapeError>("index ", index, " is outside axis ", axis, " of the shape ", shape);
  }
  return i;
}

/// Two shapes one after the other: `join({2, 3}, {4})` is [2, 3, 4].
inline Shape join(Shape head, const Shape& tail) {
  for (const Index size : tail) head.push_back(size);
  return head;
}

}  // namespace hooked
