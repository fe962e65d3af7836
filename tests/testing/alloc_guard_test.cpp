// The counting heap functions of the whole test program come from here.
#include "hooked/testing/alloc_guard.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

#include "catch.hpp"
#include "hooked/core/eigen.hpp"
#include "hooked/testing/alloc_hooks.hpp"

using hooked::testing::AllocGuard;

namespace {

// Keeps the compiler from leaving out a pair of allocation and release.
void* keep(void* block) {
  static void* volatile kept;
  kept = block;
  return kept;
}

template <class Allocate>
long calls_of(Allocate allocate) {
  const AllocGuard guard;
  allocate();
  return guard.calls();
}

}  // namespace

TEST_CASE("Every door to the heap counts as one call") {
  if (!AllocGuard::counting()) return;
  CHECK(calls_of([] {}) == 0);
  CHECK(calls_of([] { std::free(keep(std::malloc(8))); }) == 1);
  CHECK(calls_of([] { std::free(keep(std::calloc(2, 8))); }) == 1);
  CHECK(calls_of([] { std::free(keep(std::aligned_alloc(64, 64))); }) == 1);
  CHECK(calls_of([] { ::operator delete(keep(::operator new(8))); }) == 1);
  CHECK(calls_of([] {
          const std::align_val_t line{64};
          ::operator delete(keep(::operator new(64, line)), line);
        }) == 1);
  CHECK(calls_of([] {
          void* block = std::malloc(8);
          std::free(keep(std::realloc(keep(block), 1 << 20)));
        }) == 2);
}

TEST_CASE("Containers and Eigen's matrices are counted") {
  if (!AllocGuard::counting()) return;
  CHECK(calls_of([] { keep(std::vector<int>(10).data()); }) == 1);
  CHECK(calls_of([] { keep(Eigen::MatrixXf(30, 30).data()); }) == 1);
}

TEST_CASE("Replaced functions do what they promise") {
  for (const std::size_t alignment : {8u, 64u, 4096u}) {
    void* block = nullptr;
    REQUIRE(posix_memalign(&block, alignment, 100) == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(block) % alignment == 0);
    std::free(block);
  }
  const auto* zeros = static_cast<const char*>(std::calloc(100, 1));
  CHECK(std::count(zeros, zeros + 100, '\0') == 100);
  std::free(const_cast<char*>(zeros));
}

TEST_CASE("A product within the stack limit calls the heap not once") {
  if (!AllocGuard::counting()) return;
  const Eigen::MatrixXf a = Eigen::MatrixXf::Random(512, 128),
                        b = Eigen::MatrixXf::Random(128, 512);
  Eigen::MatrixXf c(512, 512);
  CHECK(calls_of([&] { c.noalias() = a * b; }) == 0);
}
