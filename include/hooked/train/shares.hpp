// Shares: which rank has which part of something that is spread over ranks.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "hooked/core/shape.hpp"

namespace hooked {

/// Who has which of the elements 0..count-1: contiguous, in the order of ranks, dealt as evenly as
/// can be in units of `unit`. Where there are fewer units than ranks some have none, rank 0 never.
class Shares {
 public:
  /// The shares of `size` ranks, as `rank` sees them; Ranks::share makes them for its own.
  /// Throws ConfigError for more elements than MPI can count, if there is more than one rank.
  Shares(Index count, Index unit, int size, int rank) : rank_(rank) {
    const Index units = (count + unit - 1) / unit;
    if (size > 1 && count > std::numeric_limits<int>::max()) {
      fail<ConfigError>(count, " numbers are too many to be spread over ranks: the most is 2^31-1");
    }
    for (Index r = 0; r <= size; ++r) {
      begins_.push_back(std::min(count, (r * units + size - 1) / size * unit));
    }
    for (int r = 0; size > 1 && r < size; ++r) {
      int_begins_.push_back(static_cast<int>(begin(r)));
      int_counts_.push_back(static_cast<int>(this->count(r)));
    }
  }

  Index begin(int rank) const { return begins_[static_cast<std::size_t>(rank)]; }
  Index end(int rank) const { return begins_[static_cast<std::size_t>(rank) + 1]; }
  /// Elements of a rank.
  Index count(int rank) const { return end(rank) - begin(rank); }
  /// Of this rank.
  Index begin() const { return begin(rank_); }
  Index end() const { return end(rank_); }
  Index count() const { return count(rank_); }
  /// Which rank has element `i`.
  int owner(Index i) const {
    const auto after = std::upper_bound(begins_.begin() + 1, begins_.end(), i);
    return static_cast<int>(after - begins_.begin()) - 1;
  }

  /// All begins and counts as MPI wants them; empty for one rank.
  const std::vector<int>& int_begins() const { return int_begins_; }
  /// All counts as MPI wants them; empty for one rank.
  const std::vector<int>& int_counts() const { return int_counts_; }

 private:
  int rank_;
  std::vector<Index> begins_;                 // [rank], and the end
  std::vector<int> int_begins_, int_counts_;  // [rank]
};

}  // namespace hooked
