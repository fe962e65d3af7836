// What an operation is: one struct with a shape rule, a forward, a backward and samples.
//
//   struct Relu {
//     static constexpr std::string_view name = "relu";
//     static constexpr int inputs = 1;
//     struct Args {};                                             // trivially copyable settings
//     static Shape shape(const Args&, const Shape& x);            // the only judge of sizes
//     template <Scalar T> static void forward(const Args&, View<const T> x, View<T> y);
//     template <Scalar T> static void backward(const Args&, View<const T> x, View<const T> y,
//                                              View<const T> dy, Acc<T> dx);
//     static std::vector<Sample<Args>> samples();                 // what it is tested and timed
//     with
//   };
//
// An op that keeps something for its backward adds `static Shape saved(args, input shapes...)`;
// then forward takes one more View<T> after y, and backward one more View<const T> after y.
// An op that treats every row (batch, position) alike sets `static constexpr int row_inputs = n`:
// its first n inputs are rows of activations, all others are parameters.
#pragma once

#include <algorithm>
#include <concepts>
#include <string_view>
#include <type_traits>
#include <vector>

#include "hooked/core/view.hpp"

namespace hooked {

/// A gradient that can only be added to. Empty (and then `+=` does nothing, not even evaluate its
/// right side) where nobody wants it. The first addition to a gradient that holds nothing yet is
/// written without reading, so adjoints need no clearing.
template <Scalar T>
class Acc {
 public:
  Acc() = default;
  /// `touched` tells whether `gradient` holds a value already; it is set by the first addition.
  Acc(View<T> gradient, bool* touched) : gradient_(gradient), touched_(touched) {}

  explicit operator bool() const { return touched_ != nullptr; }
  const Shape& shape() const { return gradient_.shape(); }

  /// The same elements under another shape (see View).
  Acc reshape(const Shape& shape) const {
    return *this ? Acc(gradient_.reshape(shape), touched_) : Acc();
  }

  template <class Map>
  class Sum {
   public:
    Sum(Map map, bool* touched) : map_(map), touched_(touched) {}
    Sum(const Sum&) = default;
    Sum& operator=(const Sum&) = delete;
    template <class Expression>
    void operator+=(const Expression& x) {
      if (touched_ == nullptr) return;
      if (*touched_) {
        add(x);
      } else {
        assign(x);
      }
      *touched_ = true;
    }

   private:
    // Products need noalias() to skip a temporary; arrays have no such word and no such need.
    void add(const auto& x) {
      if constexpr (requires { map_.noalias(); }) {
        map_.noalias() += x;
      } else {
        map_ += x;
      }
    }
    void assign(const auto& x) {
      if constexpr (requires { map_.noalias(); }) {
        map_.noalias() = x;
      } else {
        map_ = x;
      }
    }
    Map map_;
    bool* touched_;
  };

  /// Leading axes folded into rows, as View::matrix().
  Sum<MatrixMap<T>> matrix() const { return {folded().matrix(), touched_}; }
  Sum<ArrayMap<T>> array() const { return {folded().array(), touched_}; }

  /// Row by row, for terms that need a number of their own for each row: adds `term(r)`, an array
  /// expression, to row r of `array()`. (Eigen would keep such a column of numbers on the heap.)
  template <class Term>
  void add_rows(Term term) const {
    if (!*this) return;
    auto rows = folded().array();
    for (Index r = 0; r < rows.rows(); ++r) {
      if (*touched_) {
        rows.row(r) += term(r);
      } else {
        rows.row(r) = term(r);
      }
    }
    *touched_ = true;
  }

  /// One part: index `i` of `axis`. Parts may be added to in any order and number.
  Acc select(int axis, Index i) const {
    if (!*this) return {};
    clear_if_untouched();
    return {gradient_.select(axis, i), touched_};
  }

  /// As select, but of [start, stop) of `axis`, which stays.
  Acc slice(int axis, Index start, Index stop) const {
    if (!*this) return {};
    clear_if_untouched();
    return {gradient_.slice(axis, start, stop), touched_};
  }

  /// Raw memory to add to, cleared if it held nothing; null where nobody wants it.
  /// For scatter loops, which no Eigen expression says well. Only ever use `+=` on it.
  /// Throws ShapeError when the gradient is strided.
  T* raw() const {
    if (!*this) return nullptr;
    if (!gradient_.is_contiguous()) fail<ShapeError>("Acc::raw: ", shape(), " is strided");
    clear_if_untouched();
    return gradient_.data();
  }

 private:
  View<T> folded() const { return *this ? gradient_ : View<T>(nullptr, Shape{0, 0}); }
  void clear_if_untouched() const {
    if (*touched_) return;
    if (gradient_.is_contiguous()) {
      std::fill_n(gradient_.data(), gradient_.numel(), T(0));
    } else {
      for_each_element(gradient_, [](Index, T& element) { element = T(0); });
    }
    *touched_ = true;
  }

  View<T> gradient_;
  bool* touched_ = nullptr;
};

/// One case that an op is tested and timed with: its settings and the shapes of its inputs.
/// Inputs are drawn from the standard normal distribution, scaled and shifted.
template <class Args>
struct Sample {
  Args args;
  std::vector<Shape> inputs;
  double scale = 1.0;
  double shift = 0.0;
};

/// What the tape can record. See the head of this file.
template <class O>
concept Op = requires {
  { O::name } -> std::convertible_to<std::string_view>;
  { O::inputs } -> std::convertible_to<int>;
  requires std::is_trivially_copyable_v<typename O::Args>;
  { O::samples() } -> std::same_as<std::vector<Sample<typename O::Args>>>;
};

/// How many leading inputs of an op are rows of activations (0: the op is not row by row).
template <Op O>
constexpr int row_inputs() {
  if constexpr (requires { O::row_inputs; }) {
    return O::row_inputs;
  } else {
    return 0;
  }
}

/// Whether an op keeps a tensor between forward and backward.
template <Op O>
inline constexpr bool has_saved = requires {
  &O::saved;
};

}  // namespace hooked
