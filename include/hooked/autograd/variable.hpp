// Variable<T>: a value on the tape, with room for its gradient.
#pragma once

#include <cstdint>

#include "hooked/core/arena.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

template <Scalar T>
class Tape;

/// Which distinct row stands at each (batch, position): the value of a Variable that carries a map
/// is [distinct rows, ...] and means [batch, positions, ...] with row[b * positions + p] at (b, p).
struct RowMap {
  Index batch = 0;             ///< sequences
  Index positions = 0;         ///< of a sequence
  const Token* row = nullptr;  ///< [batch * positions]
};

/// What the tape knows of one value. Lives in the tape's arena.
template <Scalar T>
struct Node {
  View<const T> value;           ///< dense, or distinct rows
  View<T> gradient;              // no data until backward reaches it
  const RowMap* rows = nullptr;  // null: the value is dense
  Node* base = nullptr;          // set when this is another shape of base's numbers
  Node* next_alias = nullptr;    // a list of all shapes of one node's numbers, from that node on
  bool wants_gradient = false;   ///< whether backward is to reach it
  bool touched = false;          // the gradient holds a value
  bool keeps_gradient = false;   // beyond the walk that brings it, also where memory is recycled
  bool recycled = false;         // the gradient's memory has been used again
};

/// A handle on a value of a tape. Cheap to copy; valid until the tape is reset. An empty one has
/// nothing: whatever asks it for more than whether it is empty throws Error.
template <Scalar T>
class Variable {
 public:
  Variable() = default;
  Variable(Tape<T>& tape, Node<T>& node) : tape_(&tape), node_(&node) {}

  /// The tape that it lives on.
  Tape<T>& tape() const {
    if (tape_ == nullptr) fail<Error>("a Variable is empty");
    return *tape_;
  }
  /// What the tape knows of it.
  Node<T>& node() const {
    if (node_ == nullptr) fail<Error>("a Variable is empty");
    return *node_;
  }
  explicit operator bool() const { return node_ != nullptr; }

  /// The numbers as they are kept: of the contract's shape, or distinct rows where `rows()` says
  /// so.
  View<const T> value() const { return node().value; }
  /// Of `value()`: [distinct rows, ...] where there is a row map.
  const Shape& shape() const { return node().value.shape(); }
  /// How many there are along an axis of `shape()`; negative axes count from the last.
  Index size(int axis) const { return shape()[axis]; }
  /// The number of a scalar: `loss.item()`. Throws ShapeError for anything else.
  T item() const { return value().item(); }
  /// The row map; null: the value is dense.
  const RowMap* rows() const { return node().rows; }
  /// Whether backward reaches it.
  bool wants_gradient() const { return node().wants_gradient; }

  /// Leading axes that count rows: [batch, pos], or one axis of distinct rows.
  int row_axes() const { return rows() == nullptr ? 2 : 1; }

  /// The same numbers as a constant: nothing flows back through it.
  Variable detach() const;

  // Other looks, with the names, arguments and errors that View has; distinct rows are spread out
  // first. Gradients flow through. Reshaping makes a copy where strides ask for one, all others
  // always do. Defined in autograd/shapes.hpp.

  /// One index of an axis, which is dropped.
  Variable select(int axis, Index index) const;
  /// [start, stop) of an axis, every step-th.
  Variable slice(int axis, Index start, Index stop, Index step = 1) const;
  /// Axes in a new order.
  Variable permute(std::initializer_list<int> order) const;
  /// The last two axes exchanged.
  Variable transpose() const;
  /// The same numbers under another shape.
  Variable reshape(std::initializer_list<Index> sizes) const;
  Variable reshape(const Shape& shape) const;
  /// Repeats axes of size 1, and adds leading ones.
  Variable broadcast(const Shape& shape) const;

 private:
  Tape<T>* tape_ = nullptr;
  Node<T>* node_ = nullptr;
};

}  // namespace hooked
