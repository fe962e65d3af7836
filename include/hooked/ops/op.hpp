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
//     static std::vector<Sample<Args>> samples();        // what it is tested and timed with
//   };
//
// An op that keeps something for its backward adds `static Shape saved(args, input shapes...)`;
// then forward takes one more View<T> after y, and backward one more View<const T> after y.
// An op that treats every row (batch, position) alike sets `static constexpr int row_inputs = n`:
// its first n inputs are rows of activations, all others are parameters.
// An op whose backward is not the slope of its forward (a straight-through estimate) adds `static
// void straight_through(args, x..., x0..., y)` on Views of double: a function that is forward at x
// = x0 and whose slope there is what backward gives. The gradient check takes differences of that.
#pragma once

#include <algorithm>
#include <concepts>
#include <string_view>
#include <type_traits>
#include <vector>

#include "hooked/core/masked_product.hpp"
#include "hooked/core/packets.hpp"
#include "hooked/core/product.hpp"
#include "hooked/core/sparse_product.hpp"
#include "hooked/core/sums.hpp"
#include "hooked/ops/axes.hpp"

namespace hooked {

/// A gradient that can only be added to. Empty (and then adding does nothing, not even evaluate
/// what would be added) where nobody wants it. The first addition to a gradient that holds nothing
/// yet is written without reading, so adjoints need no clearing.
template <Scalar T>
class Acc {
 public:
  Acc() = default;
  Acc(const Acc&) = default;
  Acc& operator=(const Acc&) = delete;
  /// `touched` tells whether `gradient` holds a value already; it is set by the first addition.
  Acc(View<T> gradient, bool* touched) : gradient_(gradient), touched_(touched) {}

  explicit operator bool() const { return touched_ != nullptr; }
  const Shape& shape() const { return gradient_.shape(); }

  /// The same elements under another shape (see View).
  Acc reshape(const Shape& shape) const {
    return *this ? Acc(gradient_.view_as(shape), touched_) : Acc();
  }

  /// Leading axes folded into rows; takes `+=` and an Eigen expression, which Eigen computes.
  template <class Map>
  class Sum {
   public:
    Sum(Map map, bool* touched) : map_(map), touched_(touched) {}
    Sum(const Sum&) = default;
    Sum& operator=(const Sum&) = delete;
    /// Adds an Eigen expression, or writes it where nothing was there.
    template <class Expression>
    void operator+=(const Expression& x) {
      if (touched_ == nullptr) return;
      // Products need noalias() to skip a temporary; arrays have no such word and no such need.
      if constexpr (requires { map_.noalias(); }) {
        add_to(map_.noalias(), x);
      } else {
        add_to(map_, x);
      }
      *touched_ = true;
    }

   private:
    void add_to(auto&& to, const auto& x) const {
      if (*touched_) {
        to += x;
      } else {
        to = x;
      }
    }
    Map map_;
    bool* touched_;
  };
  /// Element by element: `dx.array() += dy.array() * w.array()`.
  Sum<ArrayMap<T>> array() const { return {folded().array(), touched_}; }
  /// For expressions that are more than a product; add_product is the way of a product alone.
  Sum<MatrixMap<T>> matrix() const { return {folded().matrix(), touched_}; }

  /// Adds x, which has our shape.
  void add(View<const T> x) const {
    add_map([](const Packet<T>& v) { return v; }, x);
  }
  /// Adds a b, by our own kernel (core/product.hpp).
  template <MatrixInMemory A, MatrixInMemory B>
  void add_product(const A& a, const B& b) const {
    if (!*this) return;
    if (*touched_) {
      hooked::add_product(a, b, gradient_.matrix());
    } else {
      set_product(a, b, gradient_.matrix());
    }
    *touched_ = true;
  }
  /// The same where many numbers of a may be zero (core/sparse_product.hpp).
  template <MatrixInMemory A, MatrixInMemory B>
  void add_sparse_product(const A& a, const B& b) const {
    if (!*this) return;
    sparse_product(a, b, *touched_, gradient_.matrix());
    *touched_ = true;
  }
  /// Adds a^T b where many numbers of b may be zero.
  void add_product_by_sparse(MatrixMap<const T> a, MatrixMap<const T> b) const {
    if (!*this) return;
    product_by_sparse<T>(a, b, *touched_, gradient_.matrix());
    *touched_ = true;
  }
  /// Adds a b^T where `mask`, which has our shape, is not zero (core/masked_product.hpp).
  void add_masked_product(MatrixMap<const T> a, MatrixMap<const T> b,
                          MatrixMap<const T> mask) const {
    if (!*this) return;
    masked_product<T>(a, b, mask, *touched_, gradient_.matrix());
    *touched_ = true;
  }
  /// Adds the sum of the rows of x to our only row.
  void add_column_sums(MatrixMap<const T> x) const {
    if (!*this) return;
    hooked::column_sums<T>(x, *touched_, gradient_.matrix());
    *touched_ = true;
  }
  /// Adds f(x...) element by element, where f takes and gives packets and every x has our shape.
  template <class F, std::same_as<View<const T>>... X>
  void add_map(F f, X... x) const {
    if (!*this) return;
    if (gradient_.is_contiguous() && (x.is_contiguous() && ...)) {
      add_row(gradient_.numel(), gradient_.data(), f, x.data()...);
      *touched_ = true;
    } else {
      add_rows([&](Index) { return f; }, x...);
    }
  }
  /// Adds what `f(n, to, x, dy, adds)` gives for rows of n numbers; not `adds` is to be written.
  void add_by(void (*f)(Index, T*, const T*, const T*, bool), View<const T> x,
              View<const T> dy) const {
    if (!*this) return;
    if (gradient_.is_contiguous() && x.is_contiguous() && dy.is_contiguous()) {
      f(gradient_.numel(), gradient_.data(), x.data(), dy.data(), *touched_);
    } else {
      const auto to = gradient_.matrix();
      const auto X = x.matrix(), dY = dy.matrix();
      for (Index r = 0; r < to.rows(); ++r) {
        f(to.cols(), row_of(to, r), row_of(X, r), row_of(dY, r), *touched_);
      }
    }
    *touched_ = true;
  }
  /// The same as add_map row by row: `f_of(r)` gives the f of row r.
  template <class MakeF, std::same_as<View<const T>>... X>
  void add_rows(MakeF f_of, X... x) const {
    if (!*this) return;
    add_rows_of(f_of, gradient_.matrix(), x.matrix()...);
    *touched_ = true;
  }

  /// Adds factor times x, which broadcasts to our shape.
  void add_spread(View<const T> x, T factor) const {
    if (!*this) return;
    const bool adds = *touched_;
    for_each_row(gradient_, x.broadcast(shape()),
                 [&](Index n, T* to, Index step, const T* from, Index from_step) {
                   for (Index i = 0; i < n; ++i) {
                     T& sum = to[i * step];
                     const T more = factor * from[i * from_step];
                     sum = adds ? sum + more : more;
                   }
                 });
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

  /// What `look` sees of the gradient; `all` says that it sees every element, once.
  template <class Look>
  Acc part(bool all, const Look& look) const {
    if (!*this) return {};
    if (!all) clear_if_untouched();
    return {look(gradient_), touched_};
  }

  /// All numbers, to be added to one by one, cleared if nothing was there; none where nobody wants
  /// them. Throws ShapeError when the gradient is strided.
  Sums<T> sums() const {
    if (!*this) return {};
    if (!gradient_.is_contiguous()) fail<ShapeError>("Acc::sums: ", shape(), " is strided");
    clear_if_untouched();
    return Sums<T>(gradient_.data());
  }

 private:
  template <class MakeF, class... X>
  void add_rows_of(MakeF f_of, const MatrixMap<T>& to, const X&... x) const {
    for (Index r = 0; r < to.rows(); ++r) {
      add_row(to.cols(), gradient_.data() + r * to.outerStride(), f_of(r), row_of(x, r)...);
    }
  }
  template <class F, std::same_as<const T*>... X>
  void add_row(Index n, T* to, const F& f, X... x) const {
    if (!*touched_) return map_packets(n, to, f, x...);
    const auto sum = [&](const Packet<T>& g, const auto&... v) {
      return Eigen::internal::padd(g, Packet<T>(f(v...)));
    };
    map_packets(n, to, sum, static_cast<const T*>(to), x...);
  }

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
  Args args;  ///< the settings
  std::vector<Shape> inputs;
  double scale = 1.0;  ///< standard deviation of the inputs
  double shift = 0.0;  ///< their mean
};

/// The numbers of a view that an op reads in their plain order. Throws ShapeError for a strided
/// one.
template <class T>
T* in_order(const char* what, View<T> x) {
  if (!x.is_contiguous()) fail<ShapeError>(what, " ", x.shape(), " is strided; copy it first");
  return x.data();
}

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

/// Whether backward of an op is a straight-through estimate.
template <Op O>
inline constexpr bool is_straight_through = requires {
  &O::straight_through;
};

/// Whether an op keeps a tensor between forward and backward.
template <Op O>
inline constexpr bool has_saved = requires {
  &O::saved;
};

}  // namespace hooked
