// An op behind function objects, so that the checker is compiled once for each scalar and not once
// for each op, and so that a mutant can be made of any op at run time.
#pragma once

#include <array>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hooked/autograd/op_table.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
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

/// Inputs as an op's table takes them, without a tape.
template <Scalar T>
class Inputs {
 public:
  explicit Inputs(const std::vector<View<const T>>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) set(i, values[i]);
  }
  explicit Inputs(const std::vector<Shape>& shapes) {
    for (std::size_t i = 0; i < shapes.size(); ++i) set(i, View<const T>(nullptr, shapes[i]));
  }
  const Variable<T>* data() const { return variables_.data(); }

 private:
  void set(std::size_t i, View<const T> value) {
    nodes_[i].value.rebind(value);
    variables_[i] = Variable<T>(tape_, nodes_[i]);
  }

  Tape<T> tape_;
  std::array<Node<T>, hooked::detail::kMostInputs> nodes_;
  std::array<Variable<T>, hooked::detail::kMostInputs> variables_;
};

/// The functions of `table`, which are those that models run; args[sample] are its settings.
template <Scalar T>
AnyOp<T> any_op(const hooked::detail::OpTable<T>& table,
                const std::vector<std::shared_ptr<const void>>& args) {
  using Shapes = typename AnyOp<T>::Shapes;
  using Views = typename AnyOp<T>::Views;
  AnyOp<T> op;
  op.name = table.name;
  op.inputs = static_cast<int>(table.inputs);
  op.row_inputs = static_cast<int>(table.row_inputs);
  op.shape = [&table, args](std::size_t sample, const Shapes& in) {
    return table.shape(args[sample].get(), Inputs<T>(in).data());
  };
  op.saved = [&table, args](std::size_t sample, const Shapes& in) {
    return table.saved == nullptr ? Shape{0}
                                  : table.saved(args[sample].get(), Inputs<T>(in).data());
  };
  op.forward = [&table, args](std::size_t sample, const Views& in, View<T> y, View<T> saved) {
    table.forward(args[sample].get(), Inputs<T>(in).data(), y, saved);
  };
  op.backward = [&table, args](std::size_t sample, const Views& in, View<const T> y,
                               View<const T> saved, View<const T> dy,
                               const std::vector<Acc<T>>& gradients) {
    table.backward(args[sample].get(), Inputs<T>(in).data(), y, saved, dy, gradients.data());
  };
  return op;
}

template <Op O, Scalar T, std::size_t... I>
AnyOp<T> any_op(std::index_sequence<I...>) {
  const auto samples = std::make_shared<const std::vector<Sample<typename O::Args>>>(O::samples());
  std::vector<typename AnyOp<T>::Case> cases;
  std::vector<std::shared_ptr<const void>> args;
  for (const auto& sample : *samples) {
    if (static_cast<int>(sample.inputs.size()) != O::inputs) {
      fail<ShapeError>(O::name, ": a sample has ", sample.inputs.size(), " shapes, the op has ",
                       O::inputs, " inputs");
    }
    cases.push_back({sample.inputs, sample.scale, sample.shift});
    args.emplace_back(samples, &sample.args);
  }
  AnyOp<T> op = any_op(hooked::detail::TableOf<O, T>::table, args);
  op.cases = std::move(cases);
  if constexpr (is_straight_through<O> && std::same_as<T, double>) {
    op.straight_through = [samples](std::size_t sample, const auto& in, const auto& x0, View<T> y) {
      O::straight_through((*samples)[sample].args, in[I]..., x0[I]..., y);
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
