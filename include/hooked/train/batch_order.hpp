// BatchOrder: which examples each step of a training run sees.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <span>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/core/shape.hpp"

namespace hooked {

/// Which examples each step sees: the whole set in order, or mini-batches of a fresh random order
/// every epoch (the last batch of an epoch may be smaller). A function of seed and step alone, so a
/// run can start anywhere.
class BatchOrder {
 public:
  /// `batch_size` 0: the whole set. Throws ShapeError for an empty set and a negative size.
  BatchOrder(Index examples, Index batch_size, Seed seed)
      : batch_size_(batch_size == 0 ? examples : std::min(batch_size, examples)),
        seed_(seed),
        shuffled_(batch_size != 0),
        order_(static_cast<std::size_t>(std::max<Index>(examples, 0))) {
    if (examples < 1 || batch_size < 0) {
      fail<ShapeError>("batches of ", batch_size, " out of ", examples, " examples");
    }
    std::iota(order_.begin(), order_.end(), Index{0});
  }

  /// Examples of a full batch.
  Index largest() const { return batch_size_; }
  /// Steps that see every example once; the last batch may be smaller.
  Index steps_per_epoch() const {
    return (static_cast<Index>(order_.size()) + batch_size_ - 1) / batch_size_;
  }
  /// Of a step, both from 0.
  Index epoch(Index step) const { return step / steps_per_epoch(); }

  /// The examples of step `step`; valid until the next call.
  std::span<const Index> operator()(Index step) {
    const Index epoch = this->epoch(step);
    if (shuffled_ && epoch != ordered_epoch_) {
      std::array<char, 32> stream{"epoch "};  // not a string: a step takes nothing from the heap
      std::to_chars(&stream[6], &stream[31], epoch);
      Random(seed_, stream.data()).permutation(order_);
      ordered_epoch_ = epoch;
    }
    const auto first = static_cast<std::size_t>(step % steps_per_epoch() * batch_size_);
    const auto count = std::min(static_cast<std::size_t>(batch_size_), order_.size() - first);
    return std::span<const Index>(order_).subspan(first, count);
  }

 private:
  Index batch_size_;
  Seed seed_;
  bool shuffled_;
  std::vector<Index> order_;
  Index ordered_epoch_ = -1;
};

}  // namespace hooked
