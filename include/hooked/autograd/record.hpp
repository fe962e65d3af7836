// record<Op>: runs one op on Variables and remembers it for backward.
#pragma once

#include <array>
#include <tuple>
#include <utility>

#include "hooked/autograd/tape.hpp"
#include "hooked/ops/gather_rows.hpp"
#include "hooked/ops/ops.hpp"

namespace hooked {

namespace detail {

/// What backward needs to know of one recorded op. Kept in the arena: no destructor runs.
template <Op O, Scalar T>
struct Recorded {
  typename O::Args args;
  std::array<Node<T>*, O::inputs> in;
  Node<T>* out;
  View<const T> saved;

  static void walk_back(Tape<T>& tape, void* payload) {
    const auto& r = *static_cast<const Recorded*>(payload);
    if (!r.out->touched) return;  // nothing above depends on this output
    r.walk_back(tape, std::make_index_sequence<O::inputs>{});
  }
  template <std::size_t... I>
  void walk_back(Tape<T>& tape, std::index_sequence<I...>) const {
    const View<const T> dy = out->gradient;
    if constexpr (has_saved<O>) {
      O::template backward<T>(args, in[I]->value..., out->value, saved, dy,
                              tape.accumulator(*in[I])...);
    } else {
      O::template backward<T>(args, in[I]->value..., out->value, dy, tape.accumulator(*in[I])...);
    }
  }
};

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

/// Computes `O` on the inputs and, if any of them wants a gradient, records it.
/// Row-by-row ops keep a row map that their inputs share; whatever else meets a map sees dense
/// rows. Throws ShapeError, with the place, when O's shape rule refuses the inputs, and Error for
/// an input that is empty or lives on another tape.
template <Op O, Scalar T, std::same_as<Variable<T>>... Rest>
Variable<T> record(const typename O::Args& args, Variable<T> first, Rest... rest) {
  static_assert(sizeof...(Rest) + 1 == O::inputs, "record: wrong number of inputs for this op");
  static_assert(
      is_listed<O> || requires { typename O::UserDefined; },
      "record: this op is not in the list of ops (ops/ops.hpp); an op of your own says "
      "`using UserDefined = void;` and is checked with testing/gradcheck.hpp");
  using Recorded = detail::Recorded<O, T>;
  static_assert(std::is_trivially_destructible_v<Recorded>);
  std::array<Variable<T>, O::inputs> in{first, rest...};
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i]) fail<Error>(O::name, ": input ", i, " is an empty Variable");
    if (&in[i].tape() != &first.tape()) fail<Error>(O::name, ": input ", i, " is of another tape");
  }
  Tape<T>& tape = first.tape();

  constexpr auto row_count = static_cast<std::size_t>(row_inputs<O>());
  const RowMap* rows = row_count > 0 ? first.rows() : nullptr;
  for (std::size_t i = 0; i < row_count; ++i) {
    if (in[i].rows() != rows) rows = nullptr;
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    const RowMap* kept = i < row_count ? rows : nullptr;  // a parameter has no rows to share
    if (in[i].rows() != kept) in[i] = dense(in[i]);
  }

  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    Shape shape;
    try {
      shape = O::shape(args, in[I].shape()...);
    } catch (const ShapeError& error) {
      fail<ShapeError>(error.what(), tape.place.empty() ? "" : "; at ", tape.place);
    }
    const View<T> y = tape.numbers(shape);
    View<T> saved;
    if constexpr (has_saved<O>) {
      saved.rebind(tape.numbers(O::saved(args, in[I].shape()...)));
      O::template forward<T>(args, in[I].value()..., y, saved);
    } else {
      O::template forward<T>(args, in[I].value()..., y);
    }
    const Variable<T> out = tape.make(y, rows);
    if (tape.recording && (in[I].wants_gradient() || ...)) {
      out.node().wants_gradient = true;
      tape.push(&Recorded::walk_back,
                tape.arena().template make<Recorded>(
                    args, std::array<Node<T>*, O::inputs>{&in[I].node()...}, &out.node(),
                    View<const T>(saved)),
                out.node());
    }
    return out;
  }
  (std::make_index_sequence<O::inputs>{});
}

}  // namespace hooked
