// record<Op>: runs one op on Variables and remembers it for backward.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <utility>

#include "hooked/autograd/tape.hpp"
#include "hooked/ops/gather_rows.hpp"
#include "hooked/ops/ops.hpp"

namespace hooked {

namespace detail {

inline constexpr std::size_t kMostInputs = 8;

/// An op without its type: recording and walking back are compiled once for each scalar, and for
/// each op only what it does itself.
template <Scalar T>
struct OpTable {
  using Inputs = const Variable<T>*;
  using Gradients = const Acc<T>*;

  std::string_view name;
  std::size_t inputs, row_inputs;
  std::size_t args_size;  // 0: there are no settings
  Shape (*shape)(const void* args, Inputs in);
  Shape (*saved)(const void* args, Inputs in);  // null: nothing is kept for backward
  void (*forward)(const void* args, Inputs in, View<T> y, View<T> saved);
  void (*backward)(const void* args, Inputs in, View<const T> y, View<const T> saved,
                   View<const T> dy, Gradients gradients);
};

template <Op O, Scalar T, class Numbers>
struct Untyped;
template <Op O, Scalar T, std::size_t... I>
struct Untyped<O, T, std::index_sequence<I...>> {
  using Args = typename O::Args;
  using Inputs = typename OpTable<T>::Inputs;
  using Gradients = typename OpTable<T>::Gradients;

  static const Args& args_of(const void* args) { return *static_cast<const Args*>(args); }
  static Shape shape(const void* args, Inputs in) {
    return O::shape(args_of(args), in[I].shape()...);
  }
  static Shape saved(const void* args, Inputs in) {
    return O::saved(args_of(args), in[I].shape()...);
  }
  static void forward(const void* args, Inputs in, View<T> y, [[maybe_unused]] View<T> saved) {
    if constexpr (has_saved<O>) {
      O::template forward<T>(args_of(args), in[I].value()..., y, saved);
    } else {
      O::template forward<T>(args_of(args), in[I].value()..., y);
    }
  }
  static void backward(const void* args, Inputs in, View<const T> y,
                       [[maybe_unused]] View<const T> saved, View<const T> dy,
                       Gradients gradients) {
    if constexpr (has_saved<O>) {
      O::template backward<T>(args_of(args), in[I].value()..., y, saved, dy, gradients[I]...);
    } else {
      O::template backward<T>(args_of(args), in[I].value()..., y, dy, gradients[I]...);
    }
  }

  static constexpr OpTable<T> table() {
    OpTable<T> t{O::name,
                 sizeof...(I),
                 static_cast<std::size_t>(row_inputs<O>()),
                 std::is_empty_v<Args> ? 0 : sizeof(Args),
                 shape,
                 nullptr,
                 forward,
                 backward};
    if constexpr (has_saved<O>) t.saved = saved;
    return t;
  }
};
template <Op O, Scalar T>
inline constexpr OpTable<T> kOpTable =
    Untyped<O, T, std::make_index_sequence<static_cast<std::size_t>(O::inputs)>>::table();

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

}  // namespace detail

/// Computes `O` on the inputs and, if any of them wants a gradient, records it.
/// Row-by-row ops keep a row map that their inputs share; whatever else meets a map sees dense
/// rows. Throws ShapeError, with the place, when O's shape rule refuses the inputs, and Error for
/// an input that is empty or lives on another tape.
template <Op O, Scalar T, std::same_as<Variable<T>>... Rest>
Variable<T> record(const typename O::Args& args, Variable<T> first, Rest... rest) {
  static_assert(sizeof...(Rest) + 1 == O::inputs, "record: wrong number of inputs for this op");
  static_assert(O::inputs <= detail::kMostInputs, "record: more inputs than an op may have");
  return detail::record(detail::kOpTable<O, T>, &args, {first, rest...});
}

}  // namespace hooked
