// Workspace: what a model keeps between runs, so that the next one need not ask the system for it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "hooked/core/denormals.hpp"
#include "hooked/core/thread_pool.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"

namespace hooked {

/// Passes that are lent and taken back with their memory, the last one first: it is still in the
/// caches. For any number of threads.
template <Scalar T>
class PassPool {
 public:
  /// Memory of a pass above which it is not kept.
  static constexpr std::size_t kMostBytes = std::size_t{256} << 20;

  /// A pass over `parameters` for as long as this lives.
  class Lease {
   public:
    Lease(PassPool& pool, const Parameters<T>& parameters)
        : pool_(&pool), pass_(pool.take(parameters)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_->put(std::move(pass_)); }
    /// The pass that was lent.
    Pass<T>& operator*() const { return *pass_; }

   private:
    PassPool* pool_;
    std::unique_ptr<Pass<T>> pass_;
  };

 private:
  std::unique_ptr<Pass<T>> take(const Parameters<T>& parameters) {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Pass<T>>(parameters);
    auto pass = std::move(idle_.back());
    idle_.pop_back();
    pass->use(parameters);
    return pass;
  }
  void put(std::unique_ptr<Pass<T>> pass) {
    pass->tape().reset();
    if (pass->tape().arena().high_water() > kMostBytes) return;
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(pass));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Pass<T>>> idle_;
};

/// The passes and the threads of one model. They are not part of its value: a copy begins empty.
template <Scalar T>
class Workspace {
 public:
  Workspace() = default;
  Workspace(const Workspace&) {}
  Workspace& operator=(const Workspace&) { return *this; }

  /// Calls `work(pass, i)` for all parts i < `parts`, on up to `threads` threads (0: as many as
  /// there are processors). Denormals are flushed, as in training.
  template <class Work>
  void run(const Parameters<T>& parameters, Index parts, int threads, Work work) {
    const FlushDenormals flush;
    const auto part = [&](Index i) {
      const typename PassPool<T>::Lease pass(passes_, parameters);
      work(*pass, i);
    };
    if (parts == 1) return part(0);
    with_threads(threads, [&](ThreadPool& pool) { pool.run(parts, part); });
  }

  /// Calls `work(pool)` with the model's threads, which live as long as it does. While the same
  /// model runs elsewhere, the caller gets a pool of itself alone.
  template <class Work>
  void with_threads(int threads, Work work) {
    if (threads == 1 || busy_.test_and_set()) {
      ThreadPool alone(1);
      return work(alone);
    }
    const struct Release {
      std::atomic_flag& flag;
      ~Release() { flag.clear(); }
    } release{busy_};
    if (threads_ == nullptr || threads != wanted_threads_) {
      threads_.reset();
      threads_ = std::make_unique<ThreadPool>(threads);
      wanted_threads_ = threads;
    }
    work(*threads_);
  }

 private:
  PassPool<T> passes_;
  std::atomic_flag busy_;
  std::unique_ptr<ThreadPool> threads_;
  int wanted_threads_ = 0;
};

}  // namespace hooked
