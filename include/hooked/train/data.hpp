// Data: what gives the batch of every step, from seed and step alone. A finite set (any Batch) in
// shuffled epochs, or a source that draws each batch fresh.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <utility>

#include "hooked/core/random.hpp"
#include "hooked/train/batch.hpp"
#include "hooked/train/batch_order.hpp"
#include "hooked/train/dataset.hpp"

namespace hooked {

/// Data without end; see draw().
template <class Draw>
struct Source {
  Draw draw;  ///< (random, examples) -> a batch
};

/// DrawnBatches the batch of every step anew: `draw(random, examples)` gives a Batch of that many,
/// from `random` alone. The random numbers are those of (seed, step), so a run can start anywhere.
///
///   train(model, hooked::draw([](hooked::Random& random, hooked::Index examples) {
///           return repeated_sequences(random, examples);
///         }), {.steps = 3'000, .batch_size = 64});
template <std::invocable<Random&, Index> Draw>
Source<Draw> draw(Draw draw) {
  return {std::move(draw)};
}

/// A finite set, step by step: it stays where it is, steps are lists of its examples.
template <Batch B>
class Batches {
 public:
  /// Of a batch.
  using Type = B;

  /// `set` must outlive it. Throws ShapeError when its parts do not agree, or for a bad size.
  Batches(const B& set, Index batch_size, Seed seed)
      : set_(&set), order_(examples_in(set, "train: the training set"), batch_size, seed) {
    prepare(0);
  }

  /// Examples of a full batch.
  Index largest() const { return order_.largest(); }
  /// Steps that see every example once; the last batch may be smaller.
  Index steps_per_epoch() const { return order_.steps_per_epoch(); }
  /// Of a step, both from 0.
  Index epoch(Index step) const { return order_.epoch(step); }

  /// From now on `examples`, `copy` and `reduce` are about the batch of this step.
  void prepare(Index step) { chosen_ = order_(step); }
  /// Of the prepared batch.
  Index examples() const { return static_cast<Index>(chosen_.size()); }
  /// The examples [first, last) of the batch, into `to`.
  void copy(Index first, Index last, B& to) const {
    copy_examples(
        *set_, last - first, [&](Index i) { return chosen_[static_cast<std::size_t>(first + i)]; },
        to);
  }
  /// A batch to tell sizes from.
  const B& example_of_kind() const { return *set_; }
  /// Examples of the set, as checkpoints note it.
  std::string size_text() const { return std::to_string(examples_in(*set_)); }
  /// Changes with the numbers of the set.
  std::string fingerprint() const { return hooked::fingerprint(*set_); }

 private:
  const B* set_;
  BatchOrder order_;
  std::span<const Index> chosen_;
};

/// A source, step by step.
template <class Draw>
class DrawnBatches {
 public:
  /// Of a batch.
  using Type = std::remove_cvref_t<std::invoke_result_t<const Draw&, Random&, Index>>;
  static_assert(Batch<Type>, "what a source draws must be a Batch (train/batch.hpp)");

  /// `source` must outlive it. Throws ConfigError without a batch size.
  DrawnBatches(const Source<Draw>& source, Index batch_size, Seed seed)
      : source_(&source), batch_size_(batch_size), seed_(seed) {
    if (batch_size < 1) {
      fail<ConfigError>("train: batch_size is ", batch_size, ", but data that is drawn needs one");
    }
    prepare(0);
  }

  /// Examples of a batch.
  Index largest() const { return batch_size_; }
  /// 0: there are no epochs.
  Index steps_per_epoch() const { return 0; }
  /// 0: there are no epochs.
  Index epoch(Index) const { return 0; }

  /// Draws the batch of this step, unless it is the one at hand.
  void prepare(Index step) {
    if (step == step_) return;
    std::array<char, 32> stream{"batch "};  // not a string: a step takes nothing from the heap
    std::to_chars(&stream[6], &stream[31], step);
    Random random(seed_, stream.data());
    batch_ = source_->draw(random, batch_size_);
    step_ = step;
    const Index drawn = examples_in(*batch_, "train: the batch that was drawn");
    if (drawn == batch_size_) return;
    fail<ShapeError>("train: in step ", step + 1, " the source drew ", drawn,
                     " examples, asked for ", batch_size_);
  }
  /// Of the prepared batch.
  Index examples() const { return batch_size_; }
  /// The examples [first, last) of the batch, into `to`.
  void copy(Index first, Index last, Type& to) const {
    copy_examples(
        *batch_, last - first, [&](Index i) { return first + i; }, to);
  }
  /// A batch to tell sizes from.
  const Type& example_of_kind() const { return *batch_; }
  /// "drawn", as checkpoints note it.
  std::string size_text() const { return "drawn"; }
  /// Of the first batch. A run that draws otherwise is another run.
  std::string fingerprint() {
    prepare(0);
    return hooked::fingerprint(*batch_);
  }

 private:
  const Source<Draw>* source_;
  Index batch_size_;
  Seed seed_;
  std::optional<Type> batch_;
  Index step_ = -1;
};

/// What makes the batches of a run out of its data.
template <Batch B>
Batches<B> batches_of(const B& set, Index batch_size, Seed seed) {
  return {set, batch_size, seed};
}
template <class Draw>
DrawnBatches<Draw> batches_of(const Source<Draw>& source, Index batch_size, Seed seed) {
  return {source, batch_size, seed};
}

}  // namespace hooked
