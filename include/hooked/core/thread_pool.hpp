// A small fixed pool of threads: tasks 0..n-1 are done by whoever is free.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "hooked/core/denormals.hpp"
#include "hooked/core/shape.hpp"

namespace hooked {

/// `threads` workers, the caller included. No task knows which thread does it, and nothing is
/// allocated while tasks run. One caller at a time.
class ThreadPool {
 public:
  /// 0: as many as the machine has processors. Throws ConfigError for a negative number and for
  /// more threads than the system grants.
  explicit ThreadPool(int threads = 0) {
    if (threads < 0) fail<ConfigError>("threads is ", threads, ", it cannot be negative");
    if (threads == 0) threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    workers_.reserve(static_cast<std::size_t>(threads) - 1);
    while (size() < threads) {
      if (const int reason = start_worker()) {
        const int started = size();
        stop();
        fail<ConfigError>("threads is ", threads, ", but the system grants only ", started, ": ",
                          std::generic_category().message(reason));
      }
    }
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() { stop(); }

  /// Workers, the caller included.
  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls `task(i)` for every i in [0, count) and returns when all are done. If tasks throw, the
  /// exception of the lowest-numbered one that threw is thrown here. Tasks flush denormals.
  template <class Task>
  void run(Index count, Task&& task) {
    const FlushDenormals flush;
    if (workers_.empty() || count <= 1) {
      for (Index i = 0; i < count; ++i) task(i);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      call_ = [](void* context, Index i) {
        (*static_cast<std::remove_reference_t<Task>*>(context))(i);
      };
      context_ = const_cast<void*>(static_cast<const void*>(std::addressof(task)));
      count_ = count;
      next_ = 0;
      failed_at_ = count;
      busy_ = static_cast<int>(workers_.size());
      ++round_;
    }
    wake_.notify_all();
    take_tasks();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  // Eigen packs its products on the stack, up to EIGEN_STACK_ALLOCATION_LIMIT a buffer. A thread's
  // default stack can be smaller than that (512 KiB on macOS, whatever `ulimit -s` says on Linux).
  static constexpr std::size_t kStackBytes =
      std::max<std::size_t>(std::size_t{8} << 20, std::size_t{4} * EIGEN_STACK_ALLOCATION_LIMIT);

  // Returns the system's reason when it refuses, else 0.
  int start_worker() {
    const auto body = [](void* pool) -> void* {
      static_cast<ThreadPool*>(pool)->work();
      return nullptr;
    };
    pthread_attr_t attributes;
    if (const int reason = pthread_attr_init(&attributes)) return reason;
    pthread_t worker{};
    int reason = pthread_attr_setstacksize(&attributes, kStackBytes);
    if (reason == 0) reason = pthread_create(&worker, &attributes, body, this);
    pthread_attr_destroy(&attributes);
    if (reason == 0) workers_.push_back(worker);
    return reason;
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (const pthread_t worker : workers_) pthread_join(worker, nullptr);
  }

  void work() {
    const FlushDenormals flush;
    unsigned seen = 0;
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
      lock.unlock();
      take_tasks();
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }
  void take_tasks() {
    for (Index i = next_++; i < count_; i = next_++) {
      try {
        call_(context_, i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (i < failed_at_) {
          failed_at_ = i;
          failure_ = std::current_exception();
        }
      }
    }
  }

  std::vector<pthread_t> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  void (*call_)(void*, Index) = nullptr;
  void* context_ = nullptr;
  std::atomic<Index> next_ = 0;
  Index count_ = 0, failed_at_ = 0;
  std::exception_ptr failure_;
  int busy_ = 0;
  unsigned round_ = 0;
  bool stopping_ = false;
};

}  // namespace hooked
