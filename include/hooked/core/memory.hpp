// Where numbers live: memory on cache-line boundaries, in huge pages where there is much of it.
#pragma once

#include <cstddef>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace hooked {

/// The first allocation of a program's numbers and the last: every block of Tensor and Arena.
/// 64 bytes is a cache line and the widest vector register. From two huge pages (2 MiB each) on, a
/// block is aligned to them and asks the system for them: a page costs a fault when it is first
/// touched and a place in the table of addresses from then on.
class Memory {
 public:
  /// Bytes of a cache line.
  static constexpr std::size_t kAlignment = 64;
  /// Bytes of a huge page.
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;

  /// Uninitialised room for so many bytes. Throws std::bad_alloc.
  static void* allocate(std::size_t bytes) {
    void* const start = ::operator new(bytes, alignment(bytes));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (bytes >= 2 * kHugePage) madvise(start, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
    return start;
  }
  /// `bytes` as they were asked for.
  static void free(void* start, std::size_t bytes) { ::operator delete(start, alignment(bytes)); }

 private:
  static std::align_val_t alignment(std::size_t bytes) {
    return std::align_val_t{bytes >= 2 * kHugePage ? kHugePage : kAlignment};
  }
};

}  // namespace hooked
