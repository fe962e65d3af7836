// record<Op>: runs one op on Variables and remembers it for backward.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "hooked/autograd/op_table.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/ops/gather_rows.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/ops.hpp"

namespace hooked {

namespace detail {

/// What backward needs to know of one recorded op. Kept in the arena: no destructor runs.
template <Scalar T>
struct Recorded {
  const OpTable<T>* op;
  const void* args;
  std::array<Variable<T>, kMostInputs> in;
  Node<T>* out;
  View<const T> saved;

  static void walk_back(Tape<T>& tape, void* payload) {
    const auto& r = *static_cast<const Recorded*>(payload);
    if (!r.out->touched) return;  // nothing above depends on this output
    const View<const T> dy = r.out->gradient;
    std::array<Acc<T>, kMostInputs> gradients;
    for (std::size_t i = r.op->inputs; i-- > 0;) {
      std::construct_at(&gradients[i], tape.accumulator(r.in[i].node()));
    }
    r.op->backward(r.args, r.in.data(), r.out->value, r.saved, dy, gradients.data());
  }
};

template <Scalar T>
Variable<T> record(const OpTable<T>& op, const void* args, std::array<Variable<T>, kMostInputs> in);

}  // namespace detail

template <Op O, Scalar T, std::same_as<Variable<T>>... Rest>
Variable<T> record(const typename O::Args& args, Variable<T> first, Rest... rest);

/// The rows as they are kept, without their map: [rows, trailing...], where a dense variable has
/// batch * positions rows. For ops that are told by their Args which row stands where.
template <Scalar T>
Variable<T> table_of(Variable<T> x) {
  const Shape& shape = x.shape();
  const Index count = shape.axes(0, x.row_axes()).numel();
  const Variable<T> table =
      x.tape().reshape(x, join({count}, shape.axes(x.row_axes(), shape.rank())));
  table.node().rows = nullptr;
  return table;
}

/// The dense form of a variable: one row for each (batch, position). Free when it is dense already.
template <Scalar T>
Variable<T> dense(Variable<T> x) {
  const RowMap* rows = x.rows();
  if (rows == nullptr) return x;
  return record<GatherRows>({rows->row, Shape{rows->batch, rows->positions}}, table_of(x));
}

namespace detail {

template <Scalar T>
[[gnu::noinline]] Variable<T> record(const OpTable<T>& op, const void* args,
                                     std::array<Variable<T>, kMostInputs> in) {
  for (std::size_t i = 0; i < op.inputs; ++i) {
    if (!in[i]) fail<Error>(op.name, ": input ", i, " is an empty Variable");
    if (&in[i].tape() != &in[0].tape()) fail<Error>(op.name, ": input ", i, " is of another tape");
  }
  Tape<T>& tape = in[0].tape();

  const RowMap* rows = op.row_inputs > 0 ? in[0].rows() : nullptr;
  for (std::size_t i = 0; i < op.row_inputs; ++i) {
    if (in[i].rows() != rows) rows = nullptr;
  }
  bool wants_gradient = false;
  for (std::size_t i = 0; i < op.inputs; ++i) {
    const RowMap* kept = i < op.row_inputs ? rows : nullptr;  // a parameter has no rows to share
    if (in[i].rows() != kept) in[i] = dense(in[i]);
    wants_gradient = wants_gradient || in[i].wants_gradient();
  }

  Shape shape;
  try {
    shape = op.shape(args, in.data());
  } catch (const ShapeError& error) {
    fail<ShapeError>(error.what(), tape.place.empty() ? "" : "; at ", tape.place);
  }
  const View<T> y = tape.numbers(shape);
  View<T> saved;
  if (op.saved != nullptr) saved.rebind(tape.numbers(op.saved(args, in.data())));
  op.forward(args, in.data(), y, saved);
  const Variable<T> out = tape.make(y, rows);
  if (tape.recording && wants_gradient) {
    out.node().wants_gradient = true;
    auto* const kept = tape.arena().template allocate<std::byte>(op.args_size);
    std::copy_n(static_cast<const std::byte*>(args), op.args_size, kept);
    tape.push(
        &Recorded<T>::walk_back,
        tape.arena().template make<Recorded<T>>(&op, kept, in, &out.node(), View<const T>(saved)),
        out.node());
  }
  return out;
}

#ifdef HOOKED_COMPILED
extern template Variable<float> record(const OpTable<float>&, const void*,
                                       std::array<Variable<float>, kMostInputs>);
extern template Variable<double> record(const OpTable<double>&, const void*,
                                        std::array<Variable<double>, kMostInputs>);
#endif

}  // namespace detail

/// Computes `O` on the inputs and, if any of them wants a gradient, records it.
/// Row-by-row ops keep a row map that their inputs share; whatever else meets a map sees dense
/// rows. Throws ShapeError, with the place, when O's shape rule refuses the inputs, and Error for
/// an input that is empty or lives on another tape.
template <Op O, Scalar T, std::same_as<Variable<T>>... Rest>
Variable<T> record(const typename O::Args& args, Variable<T> first, Rest... rest) {
  constexpr bool takes_them = sizeof...(Rest) + 1 == O::inputs;
  constexpr bool has_room = static_cast<std::size_t>(O::inputs) <= detail::kMostInputs;
  static_assert(takes_them, "record: wrong number of inputs for this op");
  static_assert(has_room, "record: more inputs than an op may have");
  if constexpr (takes_them && has_room) {
    return detail::record(detail::TableOf<O, T>::table, &args, {first, rest...});
  }
}

namespace detail {
template <class... X>
inline constexpr bool are_variables = false;
template <Scalar T, std::same_as<Variable<T>>... Rest>
inline constexpr bool are_variables<Variable<T>, Rest...> = true;

struct Nothing {
  template <class V>
  operator V() const;
};
}  // namespace detail

/// Anything else is a mistake.
template <Op O, class... X>
requires(!detail::are_variables<X...>) detail::Nothing
    record(const typename O::Args&, const X&...) {
  static_assert(
      detail::are_variables<X...>,
      "record: inputs are Variables of one scalar; tape.constant(x) makes one of a tensor");
  return {};
}

}  // namespace hooked
