// Counts heap calls, to show that a training step makes none.
// The counting needs testing/alloc_hooks.hpp in exactly one source file of the program.
#pragma once

#include <atomic>

namespace hooked::testing {

/// Every call of malloc, calloc, realloc, aligned_alloc, memalign and posix_memalign so far, by any
/// thread; `operator new` and Eigen's buffers end in one of them. Releasing memory is not counted.
inline std::atomic<long> heap_calls{0};

/// Whether the program counts: alloc_hooks.hpp is in it, the C library is glibc and no sanitizer
/// has taken malloc for itself.
inline std::atomic<bool> heap_calls_counted{false};

/// Heap calls since construction.
///   AllocGuard guard;
///   step();
///   if (AllocGuard::counting()) CHECK(guard.calls() == 0);
class AllocGuard {
 public:
  /// Heap calls of the program since it was made.
  long calls() const { return heap_calls.load() - start_; }
  /// Whether heap calls are counted: the program includes testing/alloc_hooks.hpp.
  static bool counting() { return heap_calls_counted.load(); }

 private:
  long start_ = heap_calls.load();
};

}  // namespace hooked::testing
