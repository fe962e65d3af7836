// The tape: records what was computed and walks it back. Explicit, eager, in an arena.
#pragma once

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/autograd/variable.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

/// A flat array of {function, payload}. Values live in the tape's arena; a gradient gets room when
/// backward first adds to it. `reset()` drops everything and keeps the memory.
template <Scalar T>
class Tape {
 public:
  /// Whether ops are remembered for backward. Off, the tape only computes.
  bool recording = true;
  /// Whether backward uses the memory of a gradient again once it is passed on. It stays in the
  /// caches then; `gradient` has the gradients of leaves, inputs and nodes that keep theirs only.
  bool recycling = false;
  /// Fill new memory with NaN, so that a test finds what was read before it was written.
  bool poison = false;
  /// The module at work, for error texts: "blocks.1.attn". Set by `Placed`.
  std::string_view place;

  Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// A value that lives elsewhere and wants no gradient.
  Variable<T> constant(View<const T> value) { return make(value, nullptr); }
  /// A tensor that is gone after the call is copied.
  Variable<T> constant(const Tensor<T>&& value) { return constant_copy(value); }
  /// A copy of `value` that lives on the tape and wants no gradient.
  Variable<T> constant_copy(View<const T> value) {
    View<T> own = numbers(value.shape());
    copy(value, own);
    return make(own, nullptr);
  }
  /// Zeros that live on the tape and want no gradient.
  Variable<T> zeros(const Shape& shape) {
    View<T> own = numbers(shape);
    std::fill_n(own.data(), own.numel(), T(0));
    return make(own, nullptr);
  }
  /// A value that lives elsewhere (a parameter); its gradient is written into `gradient` by the
  /// first backward that reaches it, and added to from then on. Shapes must agree.
  Variable<T> leaf(View<const T> value, View<T> gradient) {
    if (value.shape() != gradient.shape()) {
      fail<ShapeError>("leaf: value is ", value.shape(), ", gradient is ", gradient.shape());
    }
    Variable<T> v = make(value, nullptr);
    v.node().gradient.rebind(gradient);
    v.node().wants_gradient = true;
    return v;
  }
  /// A value on the tape whose gradient is wanted and kept on the tape.
  Variable<T> input(View<const T> value) {
    Variable<T> v = constant_copy(value);
    v.node().wants_gradient = true;
    return v;
  }

  /// The same numbers under another shape; gradients flow through. No copy. Throws ShapeError when
  /// the counts differ, or when x has a row map and another number of rows is asked for.
  Variable<T> reshape(Variable<T> x, const Shape& shape) {
    if (x.rows() != nullptr && (shape.rank() == 0 || shape[0] != x.shape()[0])) {
      fail<ShapeError>("reshape: ", x.shape(), " as ", shape, " would lose count of the ",
                       x.shape()[0], " distinct rows; take the dense form first");
    }
    return alias(x, x.value().view_as(shape), View<T>());
  }
  /// Another look at all numbers of x: `value`, and `gradient` where x's own gradient is kept
  /// elsewhere than on this tape.
  Variable<T> alias(Variable<T> x, View<const T> value, View<T> gradient) {
    Variable<T> y = make(value, x.rows());
    y.node().base = &x.node();
    Node<T>& owner = root(x.node());
    y.node().next_alias = std::exchange(owner.next_alias, &y.node());
    y.node().gradient.rebind(gradient);
    y.node().wants_gradient = x.wants_gradient();
    return y;
  }
  /// The same rows with other trailing axes: [batch, pos, h * d] as [batch, pos, h, d].
  Variable<T> with_trailing(Variable<T> x, const Shape& trailing) {
    return reshape(x, join(x.shape().axes(0, x.row_axes()), trailing));
  }

  /// Walks back from a scalar: afterwards `gradient(v)` is d output / d v.
  void backward(Variable<T> output) {
    if (output.value().numel() != 1) {
      fail<ShapeError>("backward wants a scalar, the output is ", output.shape(),
                       "; give a cotangent of that shape");
    }
    const T one(1);
    backward(output, View<const T>(&one, output.shape()));
  }
  /// Walks back from any output along a cotangent of its shape (a vector-Jacobian product).
  /// Another walk on the same tape starts afresh, but leaves and inputs add up what walks bring.
  void backward(Variable<T> output, View<const T> cotangent) {
    if (!output.wants_gradient()) {
      fail<ShapeError>("backward: the output does not depend on anything that wants a gradient");
    }
    if (walked_) {
      for (const Entry& entry : entries_) entry.out->touched = false;
    }
    walked_ = true;
    if (recycling) unused_.reserve(entries_.capacity());
    accumulator(output.node()).array() += cotangent.view_as(output.shape()).array();
    for (std::size_t i = entries_.size(); i-- > 0;) {
      entries_[i].walk_back(*this, entries_[i].payload);
      if (recycling) recycle(*entries_[i].out);
    }
  }

  /// The gradient of a variable; zeros where backward did not come by. Throws Error when its memory
  /// was used again.
  View<const T> gradient(Variable<T> v) {
    if (root(v.node()).recycled) {
      fail<Error>("this gradient of ", v.shape(),
                  " was passed on and its memory used again (Tape::recycling); keep the site's");
    }
    const View<T> numbers = storage(v.node());
    bool& touched = root(v.node()).touched;
    if (!touched) for_each_element(numbers, [](Index, T& element) { element = T(0); });
    touched = true;
    return numbers;
  }

  /// Forgets everything recorded and keeps the memory for the next run.
  void reset() {
    entries_.clear();
    unused_.clear();
    walked_ = false;
    arena_.reset();
  }

  /// The memory of this tape; what lies there ends with reset().
  const Arena& arena() const { return arena_; }
  Arena& arena() { return arena_; }

  // For record(): memory, nodes and entries.

  /// What adds to the gradients of an op's inputs, given its payload.
  using WalkBack = void (*)(Tape&, void*);

  /// Room for numbers in the arena, not filled.
  View<T> numbers(const Shape& shape) {
    const auto count = static_cast<std::size_t>(shape.numel());
    T* data = arena_.allocate<T>(count);
    if (poison) std::fill_n(data, count, std::numeric_limits<T>::quiet_NaN());
    return {data, shape};
  }
  /// A node that shows `value`, with a row map or null.
  Variable<T> make(View<const T> value, const RowMap* rows) {
    auto* node = arena_.make<Node<T>>();
    node->value = value;
    node->rows = rows;
    return {*this, *node};
  }
  /// Appends what backward is to call for `out`.
  void push(WalkBack walk_back, void* payload, Node<T>& out) {
    entries_.push_back({walk_back, payload, &out});
  }

  /// Where backward adds to a node; empty when the node wants no gradient.
  Acc<T> accumulator(Node<T>& node) {
    if (!node.wants_gradient) return {};
    return {storage(node), &root(node).touched};
  }

 private:
  struct Entry {
    WalkBack walk_back;
    void* payload;
    Node<T>* out;
  };

  static Node<T>& root(Node<T>& node) {
    Node<T>* n = &node;
    while (n->base != nullptr) n = n->base;
    return *n;
  }
  View<T> storage(Node<T>& node) {
    if (node.gradient.data() != nullptr) return node.gradient;
    Node<T>& owner = root(node);
    if (owner.gradient.data() == nullptr) {
      owner.gradient.rebind(room_for_gradient(owner.value.shape()));
    }
    return &owner == &node ? owner.gradient : owner.gradient.view_as(node.value.shape());
  }

  void recycle(Node<T>& node) {
    for (const Node<T>* n = &node; n != nullptr; n = n->next_alias) {
      if (n->keeps_gradient) return;
    }
    if (node.gradient.data() == nullptr) return;
    unused_.push_back(node.gradient);
    node.gradient.rebind({});
    node.recycled = true;
  }
  View<T> room_for_gradient(const Shape& shape) {
    for (std::size_t i = unused_.size(); i-- > 0;) {
      if (unused_[i].numel() != shape.numel()) continue;
      const View<T> room(unused_[i].data(), shape);
      unused_[i].rebind(unused_.back());
      unused_.pop_back();
      return room;
    }
    return numbers(shape);
  }

  Arena arena_;
  std::vector<Entry> entries_;
  std::vector<View<T>> unused_;  // gradients that were passed on
  bool walked_ = false;          // since the last reset
};

template <Scalar T>
Variable<T> Variable<T>::detach() const {
  return tape().make(value(), rows());
}

/// While one lives, errors of ops say that this module is at work; then they name its caller again.
/// The text is the caller's: `const Placed here(pass.tape(), place_);`
template <Scalar T>
class Placed {
 public:
  Placed(Tape<T>& tape, std::string_view place)
      : tape_(tape), before_(std::exchange(tape.place, place)) {}
  ~Placed() { tape_.place = before_; }
  Placed(const Placed&) = delete;
  Placed& operator=(const Placed&) = delete;

 private:
  Tape<T>& tape_;
  std::string_view before_;
};

}  // namespace hooked
