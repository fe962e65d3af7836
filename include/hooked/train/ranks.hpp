// Ranks: the processes of an MPI job that train or evaluate together. Without HOOKED_WITH_MPI every
// program is one rank, and what is asked of the others costs nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "hooked/train/mpi_job.hpp"
#include "hooked/train/shares.hpp"

namespace hooked {

/// One row of numbers that is to be added to others: `whole` where it lies on this rank, else room
/// for this rank's `slice` of it; both null for a row that does not count.
template <class T>
struct SharedRow {
  const T* whole = nullptr;
  T* slice = nullptr;
};

/// The processes that work on one thing together, as they are numbered in the job. Made in main(),
/// inside the `try` if there is one, by the thread that trains:
///   const auto ranks = hooked::Ranks::world();
///   train(model, data, {.steps = 100, .ranks = &ranks});
/// A program without mpirun, or built without HOOKED_WITH_MPI, is the one rank of its job.
/// Every rank must reach the same calls in the same order. Errors of MPI's are thrown as Error.
class Ranks {
 public:
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  /// All processes of the job. Starts MPI and at the end stops it, unless the program did so.
  static Ranks world() { return Ranks(detail::MpiJob::World{}); }
  /// This process, whatever the job is.
  static const Ranks& alone() {
    static const Ranks one;
    return one;
  }

  /// This process's number, from 0.
  int rank() const { return job_.rank(); }
  /// How many processes there are.
  int size() const { return job_.size(); }
  /// Rank 0 writes files and speaks for all.
  bool is_first() const { return rank() == 0; }
  /// `wanted`, or, where that is 0, this rank's part of the processors of its machine.
  int threads(int wanted) const {
    if (wanted != 0 || size() == 1) return wanted;
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / job_.neighbours());
  }

  /// Does `work` on every rank; it may return a verdict, and that of rank 0 counts for all. If it
  /// throws on some ranks, those throw what they threw, and the others throw Error, which names the
  /// lowest of those ranks and its reason. Nobody returns before all are done.
  template <class Work>
  bool agree(Work&& work) const {
    const auto judged = [&] {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        return true;
      } else {
        return work();
      }
    };
    if (size() == 1) return judged();
    enum : int { no, yes, failed };
    std::exception_ptr mine;
    int answer = failed;
    try {
      answer = judged() ? yes : no;
    } catch (...) {
      mine = std::current_exception();
    }
    answers_[static_cast<std::size_t>(rank())] = answer;
    job_.gather(answers_.data(), ones_.data(), numbers_.data());
    const auto lowest = std::find(answers_.begin(), answers_.end(), failed);
    failed_together_ = lowest != answers_.end();
    if (!failed_together_) return answers_[0] == yes;
    const auto from = static_cast<int>(lowest - answers_.begin());
    std::string reason = mine ? reason_of(mine) : "";
    auto length = static_cast<int>(reason.size());
    job_.broadcast(&length, 1, from);
    reason.resize(static_cast<std::size_t>(length));
    job_.broadcast(reason.data(), length, from);
    if (mine) std::rethrow_exception(mine);
    fail<Error>("rank ", from, " of ", size(), ": ", reason);
  }

  /// Does work in which the ranks meet. An exception that agree() made known to all is thrown on;
  /// any other would leave the other ranks waiting for this one, so it ends the whole job.
  template <class Work>
  auto together(Work&& work) const {
    if (size() == 1) return work();
    failed_together_ = false;
    try {
      return work();
    } catch (...) {
      if (failed_together_) throw;
      std::fprintf(stderr, "rank %d of %d cannot go on, and so the job ends: %s\n", rank(), size(),
                   reason_of(std::current_exception()).c_str());
      job_.abort();
    }
  }

  /// Throws on all ranks when `hash` is not the same on all: ConfigError on those where it is not
  /// that of rank 0. `what` names it, in the plural.
  void check_same(std::string_view what, std::uint64_t hash) const {
    if (size() == 1) return;
    std::uint64_t first = hash;
    job_.broadcast(&first, 1, 0);
    agree([&] {
      if (hash != first) fail<ConfigError>(what, " are not those of rank 0");
    });
  }

  /// `count` elements dealt to these ranks in units of `unit`.
  Shares share(Index count, Index unit = 1) const { return {count, unit, size(), rank()}; }

  /// Each rank has filled its share of `data`; afterwards all have all of it.
  template <class T>
  void gather(T* data, const Shares& shares) const {
    if (size() == 1) return;
    job_.gather(data, shares.int_counts().data(), shares.int_begins().data());
  }

  /// Each rank has some of the rows, as `owners` says, and gets its slice of the others.
  template <class T>
  void exchange(std::span<const SharedRow<T>> rows, const Shares& owners,
                const Shares& slices) const {
    if (size() == 1) return;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i].slice == nullptr || slices.count() == 0) continue;
      job_.start_receiving(rows[i].slice, static_cast<int>(slices.count()),
                           owners.owner(static_cast<Index>(i)));
    }
    for (const SharedRow<T>& row : rows) {
      if (row.whole == nullptr) continue;
      for (int to = 0; to < size(); ++to) {
        if (to == rank() || slices.count(to) == 0) continue;
        job_.start_sending(row.whole + slices.begin(to), static_cast<int>(slices.count(to)), to);
      }
    }
    job_.finish();
  }

 private:
  Ranks() = default;
  explicit Ranks(detail::MpiJob::World world)
      : job_(world),
        answers_(static_cast<std::size_t>(job_.size())),
        ones_(answers_.size(), 1),
        numbers_(answers_.size()) {
    for (std::size_t r = 0; r < numbers_.size(); ++r) numbers_[r] = static_cast<int>(r);
  }

  static std::string reason_of(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      return error.what();
    } catch (...) {
      return "what was thrown is no std::exception";
    }
  }

  // Messages change no rank or size; alone() is shared by threads and sends none.
  mutable detail::MpiJob job_;
  mutable std::vector<int> answers_;  // [rank]
  mutable bool failed_together_ = false;
  std::vector<int> ones_, numbers_;  // [rank]
};

}  // namespace hooked
