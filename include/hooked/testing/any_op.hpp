// An op behind function objects, so that the checker is compiled once for each scalar and not once
// for each op, and so that a mutant can be made of any op at run time.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/ops/op.hpp"

namespace hooked::testing {

/// What `Op` asks for, with the settings named by the number of the sample that they belong to.
template <Scalar T>
struct AnyOp {
  /// The inputs of one sample.
  struct Case {
    std::vector<Shape> inputs;  ///< their shapes
    double scale = 1.0;         ///< their standard deviation
    double shift = 0.0;         ///< their mean
  };
  /// Of the inputs.
  using Shapes = std::vector<Shape>;
  /// Of the inputs.
  using Views = std::vector<View<const T>>;

  std::string name;         ///< of the op
  int inputs = 0;           ///< how many
  int row_inputs = 0;       ///< how many of them are rows
  std::vector<Case> cases;  ///< one for each sample
  /// The shape rule.
  std::function<Shape(std::size_t sample, const Shapes&)> shape;
  /// [0] for an op that keeps nothing.
  std::function<Shape(std::size_t sample, const Shapes&)> saved;
  /// Writes y, and what backward needs.
  std::function<void(std::size_t sample, const Views& in, View<T> y, View<T> saved)> forward;
  /// Adds to the gradients of the inputs.
  std::function<void(std::size_t sample, const Views& in, View<const T> y, View<const T> saved,
                     View<const T> dy, const std::vector<Acc<T>>& gradients)>
      backward;
  /// What backward is the slope of at x0, where that is not forward; else empty.
  std::function<void(std::size_t sample, const Views& in, const Views& x0, View<T> y)>
      straight_through;
};

namespace detail {

template <Op O, Scalar T, std::size_t... I>
AnyOp<T> any_op(std::index_sequence<I...>) {
  using Any = AnyOp<T>;
  using Shapes = typename Any::Shapes;
  using Views = typename Any::Views;
  const auto samples = O::samples();
  const auto args = [samples](std::size_t sample) -> const typename O::Args& {
    return samples[sample].args;
  };

  Any op;
  op.name = O::name;
  op.inputs = O::inputs;
  op.row_inputs = row_inputs<O>();
  for (const auto& sample : samples) {
    if (static_cast<int>(sample.inputs.size()) != O::inputs) {
      fail<ShapeError>(O::name, ": a sample has ", sample.inputs.size(), " shapes, the op has ",
                       O::inputs, " inputs");
    }
    op.cases.push_back({sample.inputs, sample.scale, sample.shift});
  }
  op.shape = [args](std::size_t sample, const Shapes& in) {
    return O::shape(args(sample), in[I]...);
  };
  op.saved = [args](std::size_t sample, const Shapes& in) -> Shape {
    if constexpr (has_saved<O>) {
      return O::saved(args(sample), in[I]...);
    } else {
      return Shape{0};
    }
  };
  op.forward = [args](std::size_t sample, const Views& in, View<T> y, View<T> saved) {
    if constexpr (has_saved<O>) {
      O::template forward<T>(args(sample), in[I]..., y, saved);
    } else {
      O::template forward<T>(args(sample), in[I]..., y);
    }
  };
  op.backward = [args](std::size_t sample, const Views& in, View<const T> y, View<const T> saved,
                       View<const T> dy, const std::vector<Acc<T>>& gradients) {
    if constexpr (has_saved<O>) {
      O::template backward<T>(args(sample), in[I]..., y, saved, dy, gradients[I]...);
    } else {
      O::template backward<T>(args(sample), in[I]..., y, dy, gradients[I]...);
    }
  };
  if constexpr (is_straight_through<O> && std::same_as<T, double>) {
    op.straight_through = [args](std::size_t sample, const Views& in, const Views& x0, View<T> y) {
      O::straight_through(args(sample), in[I]..., x0[I]..., y);
    };
  }
  return op;
}

}  // namespace detail

/// `O` in the scalar `T`. Throws ShapeError when a sample has another number of inputs than `O`.
template <Op O, Scalar T>
AnyOp<T> any_op() {
  return detail::any_op<O, T>(std::make_index_sequence<static_cast<std::size_t>(O::inputs)>{});
}

/// Inputs for a sample: normal, scaled and shifted, the same for float and double (so rounded to
/// float), and the same for one `stream` name on every platform.
template <Scalar T>
std::vector<Tensor<T>> random_tensors(const std::vector<Shape>& shapes, const std::string& stream,
                                      double scale = 1.0, double shift = 0.0) {
  Random random(Seed{0}, stream);
  std::vector<Tensor<T>> tensors;
  for (const Shape& shape : shapes) {
    for_each_element(tensors.emplace_back(shape).view(), [&](Index, T& x) {
      x = static_cast<T>(static_cast<float>(shift + scale * random.normal()));
    });
  }
  return tensors;
}

}  // namespace hooked::testing
