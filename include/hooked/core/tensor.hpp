// Tensor<T>: owns its numbers, row-major and 64-byte aligned. A value: copying copies the numbers.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <new>
#include <utility>
#include <vector>

#include "hooked/core/lifetime.hpp"
#include "hooked/core/memory.hpp"
#include "hooked/core/walk.hpp"

namespace hooked {

/// Memory for std::vector, which does not fill it with zeros unless told to.
template <class T>
struct TensorAllocator {
  using value_type = T;
  TensorAllocator() = default;
  template <class U>
  TensorAllocator(const TensorAllocator<U>&) {}
  /// Room for n elements.
  T* allocate(std::size_t n) { return static_cast<T*>(Memory::allocate(n * sizeof(T))); }
  /// Gives the room of n elements back.
  void deallocate(T* p, std::size_t n) { Memory::free(p, n * sizeof(T)); }
  /// Leaves numbers as they are, or makes one of the arguments.
  template <class U>
  void construct(U* p) {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
  friend bool operator==(const TensorAllocator&, const TensorAllocator&) { return true; }
};

/// Numbers with a shape of rank 0 to 6. Element access, `select`, `slice`, `permute`, `view_as`,
/// `broadcast`, `for`, `matrix()` and `array()` are those of View and look at this tensor's
/// storage.
template <class T>
class HOOKED_OWNER Tensor {
 public:
  using value_type = T;

  /// An empty tensor of shape [0].
  Tensor() = default;
  /// All elements `value`.
  explicit Tensor(const Shape& shape, T value = T{})
      : shape_(shape), numbers_(static_cast<std::size_t>(shape.numel()), value) {}
  /// Row-major numbers. Throws ShapeError when their count is not the shape's.
  Tensor(const Shape& shape, std::initializer_list<T> numbers)
      : shape_(shape), numbers_(numbers.begin(), numbers.end()) {
    check_count();
  }
  Tensor(const Shape& shape, const std::vector<T>& numbers)
      : shape_(shape), numbers_(numbers.begin(), numbers.end()) {
    check_count();
  }
  /// [n]: a vector's numbers. `to_vector(x)` is the way back.
  template <std::same_as<std::vector<T>> Numbers>
  explicit Tensor(const Numbers& numbers) : Tensor({static_cast<Index>(numbers.size())}, numbers) {}
  /// [rows, columns]: an Eigen matrix, array or expression of either order. `x.matrix()` is the way
  /// back.
  template <EigenOf<T> Derived>
  explicit Tensor(const Eigen::DenseBase<Derived>& m)
      : shape_{m.rows(), m.cols()}, numbers_(static_cast<std::size_t>(shape_.numel())) {
    array() = m.derived().array();
  }
  /// A copy of what a view shows, made contiguous.
  explicit Tensor(View<const T> x)
      : shape_(x.shape()), numbers_(static_cast<std::size_t>(x.numel())) {
    copy(x, view());
  }
  explicit Tensor(View<T> x) : Tensor(View<const T>(x)) {}

  /// Room for numbers, with whatever stands there; for those who write all of them.
  static Tensor empty(const Shape& shape) {
    Tensor room;
    room.shape_ = shape;
    room.numbers_ = Numbers(static_cast<std::size_t>(shape.numel()));
    return room;
  }
  /// One number, of rank 0.
  static Tensor scalar(T value) { return Tensor(Shape{}, {value}); }

  /// A window on all of it, which ends with it.
  View<T> view() HOOKED_LIFETIMEBOUND { return {numbers_.data(), shape_}; }
  View<const T> view() const HOOKED_LIFETIMEBOUND { return {numbers_.data(), shape_}; }
  operator View<T>() { return view(); }
  operator View<const T>() const { return view(); }

  /// The first of the numbers, in row-major order.
  T* data() HOOKED_LIFETIMEBOUND { return numbers_.data(); }
  const T* data() const HOOKED_LIFETIMEBOUND { return numbers_.data(); }
  /// Sizes of the axes, outermost first.
  const Shape& shape() const HOOKED_LIFETIMEBOUND { return shape_; }
  /// Number of axes; 0 for a scalar.
  int rank() const { return shape_.rank(); }
  /// Of one axis; negative ones count from the end.
  Index size(int axis) const { return shape_[axis]; }
  /// Number of elements.
  Index numel() const { return static_cast<Index>(numbers_.size()); }

  /// One element; negative indices count from the end. Throws ShapeError outside the shape.
  template <std::convertible_to<Index>... I>
  T& operator()(I... indices) HOOKED_LIFETIMEBOUND {
    return view()(indices...);
  }
  template <std::convertible_to<Index>... I>
  const T& operator()(I... indices) const HOOKED_LIFETIMEBOUND {
    return view()(indices...);
  }
  /// The only element. Throws ShapeError when there are more, or none.
  T item() const { return view().item(); }
  /// Another shape, in the same memory where that is large enough; what stands there is left over.
  void resize(const Shape& shape) {
    numbers_.resize(static_cast<std::size_t>(shape.numel()));
    shape_ = shape;
  }
  /// Makes all elements `value`.
  void fill(T value) { std::fill(numbers_.begin(), numbers_.end(), value); }

  View<T> select(int axis, Index index) HOOKED_LIFETIMEBOUND { return view().select(axis, index); }
  View<const T> select(int axis, Index index) const HOOKED_LIFETIMEBOUND {
    return view().select(axis, index);
  }
  View<T> slice(int axis, Index start, Index stop, Index step = 1) HOOKED_LIFETIMEBOUND {
    return view().slice(axis, start, stop, step);
  }
  View<const T> slice(int axis, Index start, Index stop,
                      Index step = 1) const HOOKED_LIFETIMEBOUND {
    return view().slice(axis, start, stop, step);
  }
  View<T> permute(std::initializer_list<int> order) HOOKED_LIFETIMEBOUND {
    return view().permute(order);
  }
  View<const T> permute(std::initializer_list<int> order) const HOOKED_LIFETIMEBOUND {
    return view().permute(order);
  }
  /// The last two axes exchanged: a view, no copy.
  View<T> transpose() HOOKED_LIFETIMEBOUND { return view().transpose(); }
  View<const T> transpose() const HOOKED_LIFETIMEBOUND { return view().transpose(); }
  View<T> view_as(std::initializer_list<Index> sizes) HOOKED_LIFETIMEBOUND {
    return view().view_as(sizes);
  }
  View<const T> view_as(std::initializer_list<Index> sizes) const HOOKED_LIFETIMEBOUND {
    return view().view_as(sizes);
  }
  View<T> view_as(const Shape& shape) HOOKED_LIFETIMEBOUND { return view().view_as(shape); }
  View<const T> view_as(const Shape& shape) const HOOKED_LIFETIMEBOUND {
    return view().view_as(shape);
  }
  /// A tensor's numbers stand in order, so that another shape is only another look at them.
  View<T> reshape(std::initializer_list<Index> sizes) & HOOKED_LIFETIMEBOUND {
    return view().view_as(sizes);
  }
  View<const T> reshape(std::initializer_list<Index> sizes) const& HOOKED_LIFETIMEBOUND {
    return view().view_as(sizes);
  }
  /// Of a tensor that nobody else has: takes its numbers along.
  Tensor reshape(std::initializer_list<Index> sizes) && {
    shape_ = view().view_as(sizes).shape();
    return std::move(*this);
  }
  View<T> reshape(const Shape& shape) & HOOKED_LIFETIMEBOUND { return view().view_as(shape); }
  View<const T> reshape(const Shape& shape) const& HOOKED_LIFETIMEBOUND {
    return view().view_as(shape);
  }
  Tensor reshape(const Shape& shape) && {
    shape_ = view().view_as(shape).shape();
    return std::move(*this);
  }
  auto begin() HOOKED_LIFETIMEBOUND { return view().begin(); }
  auto begin() const HOOKED_LIFETIMEBOUND { return view().begin(); }
  auto end() HOOKED_LIFETIMEBOUND { return view().end(); }
  auto end() const HOOKED_LIFETIMEBOUND { return view().end(); }
  View<const T> broadcast(const Shape& shape) const HOOKED_LIFETIMEBOUND {
    return view().broadcast(shape);
  }
  /// Leading axes folded into rows, the last axis as columns: an Eigen map, no copy.
  MatrixMap<T> matrix() HOOKED_LIFETIMEBOUND { return view().matrix(); }
  MatrixMap<const T> matrix() const HOOKED_LIFETIMEBOUND { return view().matrix(); }
  /// As matrix(), for element-by-element arithmetic.
  ArrayMap<T> array() HOOKED_LIFETIMEBOUND { return view().array(); }
  ArrayMap<const T> array() const HOOKED_LIFETIMEBOUND { return view().array(); }

 private:
  void check_count() const {
    if (shape_.numel() != numel()) {
      fail<ShapeError>("a tensor of shape ", shape_, " has ", shape_.numel(), " elements, ",
                       numel(), " were given");
    }
  }

  Shape shape_{0};
  using Numbers = std::vector<T, TensorAllocator<T>>;
  Numbers numbers_;
};

template <class T>
const Tensor<typename View<T>::value_type> View<T>::reshape(
    std::initializer_list<Index> sizes) const {
  return Tensor<value_type>(view()).reshape(sizes);
}
template <class T>
const Tensor<typename View<T>::value_type> View<T>::reshape(const Shape& shape) const {
  return Tensor<value_type>(view()).reshape(shape);
}

/// The numbers in row-major order.
template <TensorLike X>
std::vector<typename X::value_type> to_vector(const X& x) {
  const Tensor<typename X::value_type> numbers(x.view());
  return {numbers.data(), numbers.data() + numbers.numel()};
}

}  // namespace hooked
