// Cuts: the one way in which a batch, or anything else that is counted, is cut into parts.
#pragma once

#include <algorithm>

#include "hooked/core/shape.hpp"

namespace hooked {

/// 0..count-1 in consecutive parts: part i is [begin(i), end(i)).
class Cuts {
 public:
  /// `parts` parts whose sizes differ by one at most; some are empty where count is less.
  static Cuts into(Index count, Index parts) { return {count, parts, 0}; }
  /// Parts of `size` elements; the last one may be smaller.
  static Cuts of(Index count, Index size) { return {count, (count + size - 1) / size, size}; }

  /// What was cut.
  Index count() const { return count_; }
  Index parts() const { return parts_; }
  Index begin(Index i) const {
    return size_ == 0 ? i * count_ / parts_ : std::min(i * size_, count_);
  }
  Index end(Index i) const { return begin(i + 1); }
  /// Elements of part i.
  Index size(Index i) const { return end(i) - begin(i); }
  /// The most that a part has.
  Index largest() const { return size_ == 0 ? (count_ + parts_ - 1) / parts_ : size_; }

 private:
  Cuts(Index count, Index parts, Index size) : count_(count), parts_(parts), size_(size) {}

  Index count_, parts_, size_;  // size 0: as even as can be
};

}  // namespace hooked
