// View<T>: a window on numbers that somebody else owns, with sizes and strides.
#pragma once

#include <array>
#include <concepts>
#include <span>
#include <type_traits>
#include <utility>

#include "hooked/core/lifetime.hpp"
#include "hooked/core/strides.hpp"

namespace hooked {

/// The two kinds of numbers that hooked computes with: float to train, double to check.
template <class T>
concept Scalar = std::same_as<T, float> || std::same_as<T, double>;

/// Matrices that Eigen sees: row-major, rows `outer stride` apart. Maps, never expressions, so
/// `auto m = x.matrix();` is safe for as long as x's storage lives.
template <class T>
using MatrixMap = Eigen::Map<
    std::conditional_t<std::is_const_v<T>,
                       const Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic,
                                           Eigen::RowMajor>,
                       Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>,
    Eigen::Unaligned, Eigen::OuterStride<>>;
/// As MatrixMap, for element-by-element arithmetic.
template <class T>
using ArrayMap =
    Eigen::Map<std::conditional_t<std::is_const_v<T>,
                                  const Eigen::Array<std::remove_const_t<T>, Eigen::Dynamic,
                                                     Eigen::Dynamic, Eigen::RowMajor>,
                                  Eigen::Array<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>,
               Eigen::Unaligned, Eigen::OuterStride<>>;

/// An Eigen object with elements of type T.
template <class M, class T>
concept EigenOf = std::same_as<typename M::Scalar, T>;

template <class T>
class HOOKED_POINTER View;
template <class T>
class HOOKED_OWNER Tensor;

namespace detail {
template <class T>
class AlongFirstAxis;  // core/walk.hpp
}  // namespace detail

/// A Tensor or a View: whatever analysis code may be handed.
template <class X>
concept TensorLike = requires(const X& x) {
  typename X::value_type;
  { x.view() } -> std::same_as<View<const typename X::value_type>>;
};

/// A Tensor or a View with elements of type T.
template <class X, class T>
concept TensorOf = TensorLike<X> && std::same_as<typename X::value_type, T>;

/// A strided window of rank 0 to 6, whose storage must outlive it. A copy of it is another window
/// on the same numbers. What assignment does is what a reader of it would expect:
///  - to a View<T> it writes the numbers: `a.select(0, 1) = b.select(0, 0)`, also where both share
///    some. The shapes must agree (ShapeError). `rebind` makes it look elsewhere;
///  - a View<const T>, which only reads, looks elsewhere from then on. It must be a variable.
template <class T>
class HOOKED_POINTER View {
 public:
  using value_type = std::remove_const_t<T>;
  using Strides = hooked::Strides;

  View() = default;

  /// Row-major numbers at `data`.
  View(T* data, const Shape& shape) : View(data, shape, detail::row_major(shape)) {}
  View(T* data, const Shape& shape, const Strides& strides)
      : data_(data), shape_(shape), strides_(strides) {}

  /// Any Eigen matrix, array or map with direct storage, without a copy: shape [rows, cols].
  template <EigenOf<value_type> Derived>
  explicit View(Eigen::DenseBase<Derived>& m)
      : View(m.derived().data(), {m.rows(), m.cols()}, eigen_strides(m)) {}
  template <EigenOf<value_type> Derived>
  explicit View(const Eigen::DenseBase<Derived>& m) requires(std::is_const_v<T>)
      : View(m.derived().data(), {m.rows(), m.cols()}, eigen_strides(m)) {}

  View(const View&) = default;
  View& operator=(const View&) & requires(std::is_const_v<T>) = default;
  View& operator=(const View& other) & requires(!std::is_const_v<T>) {
    return *this = other.view();
  }
  template <TensorOf<value_type> X>
  View& operator=(const X& other) requires(!std::is_const_v<T>) {
    const View<const T> x = other.view();
    if (x.shape() != shape_) {
      fail<ShapeError>("assignment: a view of ", shape_, " cannot take ", x.shape());
    }
    detail::assign(shape_, x.data(), x.strides(), data_, strides_);
    return *this;
  }
  /// The numbers of a tensor that is about to go cannot be looked at.
  template <class X>
  requires(std::is_const_v<T>&& std::same_as<std::remove_const_t<X>, Tensor<value_type>>) View&
  operator=(X&&) & = delete;
  /// Looks at what `x` looks at.
  void rebind(const View& x) {
    data_ = x.data_;
    shape_ = x.shape_;
    strides_ = x.strides_;
  }

  operator View<const T>() const requires(!std::is_const_v<T>) { return {data_, shape_, strides_}; }
  /// The same window, to read only.
  View<const value_type> view() const { return {data_, shape_, strides_}; }

  /// The element whose indices are all 0.
  T* data() const { return data_; }
  /// Sizes of the axes, outermost first.
  const Shape& shape() const { return shape_; }
  /// Number of axes; 0 for a scalar.
  int rank() const { return shape_.rank(); }
  /// Of one axis; negative ones count from the end.
  Index size(int axis) const { return shape_[axis]; }
  /// Number of elements.
  Index numel() const { return shape_.numel(); }
  /// How many elements lie between neighbours along each axis.
  const Strides& strides() const { return strides_; }
  /// Of one axis; negative ones count from the end.
  Index stride(int axis) const { return strides_[at(normalize_axis(axis, rank()))]; }

  /// One element; negative indices count from the end. Throws ShapeError outside the shape.
  template <std::convertible_to<Index>... I>
  T& operator()(I... indices) const {
    const std::array<Index, sizeof...(I)> index{static_cast<Index>(indices)...};
    return (*this)[std::span<const Index>(index.data(), index.size())];
  }
  /// One element, by a list of indices. Throws ShapeError outside the shape.
  T& operator[](std::span<const Index> index) const {
    if (static_cast<int>(index.size()) != rank()) {
      fail<ShapeError>(index.size(), " indices given for a tensor of shape ", shape_);
    }
    Index offset = 0;
    for (int axis = 0; axis < rank(); ++axis) {
      offset += normalize_index(index[at(axis)], axis, shape_) * strides_[at(axis)];
    }
    return data_[offset];
  }
  /// The only element of a scalar or of a tensor with one element.
  T& item() const {
    if (numel() != 1) fail<ShapeError>("item() wants one element, the shape is ", shape_);
    return *data_;
  }

  /// Drops `axis` at position `index`.
  View select(int axis, Index index) const {
    axis = normalize_axis(axis, rank());
    View part = *this;
    part.data_ += normalize_index(index, axis, shape_) * strides_[at(axis)];
    part.shape_ = join(shape_.axes(0, axis), shape_.axes(axis + 1, rank()));
    for (int k = axis; k + 1 < rank(); ++k) part.strides_[at(k)] = strides_[at(k + 1)];
    return part;
  }

  /// Keeps [start, stop) of `axis`, every `step`-th; negative bounds count from the end.
  /// Unlike numpy, bounds outside the axis are an error.
  View slice(int axis, Index start, Index stop, Index step = 1) const {
    axis = normalize_axis(axis, rank());
    const Index size = shape_[axis];
    const Index first = start < 0 ? start + size : start, last = stop < 0 ? stop + size : stop;
    if (step < 1 || first < 0 || last > size || first > last) {
      fail<ShapeError>("slice ", start, ":", stop, ":", step, " of axis ", axis,
                       " does not fit the shape ", shape_);
    }
    View part = *this;
    part.data_ += first * strides_[at(axis)];
    part.shape_[axis] = (last - first + step - 1) / step;
    part.strides_[at(axis)] *= step;
    return part;
  }

  /// Axes in a new order: `x.permute({1, 0, 2})`.
  View permute(std::initializer_list<int> order) const {
    View turned = *this;
    std::array<bool, kMaxRank> seen{};
    int k = 0;
    for (const int from : order) {
      const int axis = normalize_axis(from, rank());
      if (k == rank() || seen[at(axis)]) fail<ShapeError>("permute needs each axis once");
      seen[at(axis)] = true;
      turned.shape_[k] = shape_[axis];
      turned.strides_[at(k++)] = strides_[at(axis)];
    }
    if (k != rank()) fail<ShapeError>("permute of ", k, " axes for the shape ", shape_);
    return turned;
  }
  /// The last two axes exchanged.
  View transpose() const {
    if (rank() < 2) fail<ShapeError>("transpose wants two axes, the shape is ", shape_);
    View turned = *this;
    std::swap(turned.shape_[-1], turned.shape_[-2]);
    std::swap(turned.strides_[at(rank() - 1)], turned.strides_[at(rank() - 2)]);
    return turned;
  }

  /// The same numbers under another shape, without a copy. One size may be -1: what is left.
  /// Throws ShapeError when the counts differ or the strides would need a copy.
  View view_as(std::initializer_list<Index> sizes) const {
    Index known = 1, open = 0;
    for (const Index size : sizes) {
      known *= size == -1 ? 1 : size;
      open += size == -1 ? 1 : 0;
    }
    if (open > 1) fail<ShapeError>("reshape: only one size can be -1");
    Shape shape;
    for (const Index size : sizes) {
      shape.push_back(size == -1 && known > 0 ? numel() / known : size);
    }
    return view_as(shape);
  }
  View view_as(const Shape& shape) const {
    if (shape.numel() != numel()) {
      fail<ShapeError>("reshape: ", shape_, " has ", numel(), " elements, ", shape, " has ",
                       shape.numel());
    }
    View result(data_, shape);
    const bool is_plain = numel() == 0 || is_contiguous();
    if (!is_plain && !detail::reshape_strides(shape_, strides_, shape, result.strides_)) {
      fail<ShapeError>("view_as: ", shape_, " as ", shape,
                       " would need a copy because of its strides; reshape makes one");
    }
    return result;
  }
  /// A tensor of another shape with the numbers in row-major order; one size may be -1. Numpy looks
  /// at the numbers where it can, so writes may be lost; here a view is always copied, and who
  /// wants to write to its numbers says view_as. (It is const so that no write to it compiles;
  /// `auto y = x.reshape({6})` is not.) Throws ShapeError when the counts differ.
  const Tensor<value_type> reshape(std::initializer_list<Index> sizes) const;
  const Tensor<value_type> reshape(const Shape& shape) const;

  /// Repeats axes of size 1 (and adds leading axes) until the shape is `shape`; stride 0, no copy.
  View broadcast(const Shape& shape) const {
    View wide(data_, shape);
    const int missing = shape.rank() - rank();
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const Index own = axis < missing ? 1 : shape_[axis - missing];
      if (missing < 0 || (own != 1 && own != shape[axis])) {
        fail<ShapeError>("broadcast: ", shape_, " cannot become ", shape);
      }
      wide.strides_[at(axis)] = own == 1 ? 0 : strides_[at(axis - missing)];
    }
    return wide;
  }

  /// All elements `value`.
  void fill(value_type value) const requires(!std::is_const_v<T>) {
    detail::assign<value_type>(shape_, &value, {}, data_, strides_);
  }

  /// Along the first axis: `for (auto row : x)` gives x.select(0, 0), x.select(0, 1), ...; of a
  /// vector scalars, which `item()` opens. Throws ShapeError for a scalar.
  detail::AlongFirstAxis<T> begin() const { return {*this, 0}; }
  detail::AlongFirstAxis<T> end() const { return {*this, size(0)}; }

  /// Whether the elements lie in row-major order without gaps.
  bool is_contiguous() const {
    Index stride = 1;
    for (int axis = rank() - 1; axis >= 0; --axis) {
      if (shape_[axis] != 1 && strides_[at(axis)] != stride) return false;
      stride *= shape_[axis];
    }
    return true;
  }

  /// Leading axes folded into rows, the last axis as columns; a vector is one row.
  /// Throws ShapeError when the last axis is strided or the leading axes do not fold.
  MatrixMap<T> matrix() const {
    const View folded = fold();
    return {data_, folded.size(0), folded.size(1), Eigen::OuterStride<>(folded.strides_[0])};
  }
  /// As matrix(), for element-by-element arithmetic.
  ArrayMap<T> array() const {
    const View folded = fold();
    return {data_, folded.size(0), folded.size(1), Eigen::OuterStride<>(folded.strides_[0])};
  }

 private:
  static constexpr std::size_t at(int axis) { return static_cast<std::size_t>(axis); }

  template <class Derived>
  static Strides eigen_strides(const Eigen::DenseBase<Derived>& m) {
    const auto& d = m.derived();
    return Derived::IsRowMajor ? Strides{d.outerStride(), d.innerStride()}
                               : Strides{d.innerStride(), d.outerStride()};
  }

  View fold() const {
    const Index rows = rank() == 0 ? 1 : shape_.axes(0, rank() - 1).numel();
    const View folded = view_as(Shape{rows, rank() == 0 ? 1 : shape_[-1]});
    if (folded.size(1) > 1 && folded.strides_[1] != 1) {
      fail<ShapeError>("matrix(): the last axis of ", shape_, " has stride ", folded.strides_[1],
                       "; copy into a Tensor first");
    }
    return folded;
  }

  T* data_ = nullptr;
  Shape shape_{0};
  Strides strides_{};
};

}  // namespace hooked
