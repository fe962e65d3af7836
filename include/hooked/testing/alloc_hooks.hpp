// Replaces the heap functions of a glibc program by ones that count and pass on. Include it in
// exactly one source file of a test program, and read the count with testing/alloc_guard.hpp.
//
// Replacing `operator new` would not do: Eigen's packing buffers call malloc and posix_memalign. A
// definition in the program comes before the C library's, also for calls from shared libraries;
// `free` stays the C library's own, which is where the memory comes from. Under a sanitizer, or
// with another C library, nothing is replaced and `AllocGuard::counting()` is false.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "hooked/testing/alloc_guard.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOOKED_MALLOC_IS_TAKEN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define HOOKED_MALLOC_IS_TAKEN 1
#endif
#endif

#if defined(__GLIBC__) && !defined(HOOKED_MALLOC_IS_TAKEN)

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept {
  hooked::testing::heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  hooked::testing::heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
  hooked::testing::heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
  hooked::testing::heap_calls.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  const bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
  if (!power_of_two || alignment % sizeof(void*) != 0) return EINVAL;
  void* const block = memalign(alignment, size);
  if (block == nullptr) return ENOMEM;
  *memory = block;
  return 0;
}

}  // extern "C"

namespace hooked::testing {
/// Says to AllocGuard that this program counts.
inline const bool heap_hooks_are_linked = (heap_calls_counted = true);
}  // namespace hooked::testing

#endif
