#include "hooked/core/denormals.hpp"

#include <atomic>
#include <limits>
#include <thread>

#include "catch.hpp"
#include "hooked/core/thread_pool.hpp"

using namespace hooked;

#if defined(__SSE__) || defined(__aarch64__)

namespace {

// Volatile, so that the compiler neither computes it beforehand nor moves it.
template <class T>
bool flushes_results() {
  volatile T smallest = std::numeric_limits<T>::min(), half = T(0.5);
  volatile T product = smallest * half;
  volatile T back = product * T(4);
  return back == T(0);
}
template <class T>
bool flushes_operands() {
  volatile T denormal = std::numeric_limits<T>::denorm_min();
  volatile T large = T(1) / std::numeric_limits<T>::epsilon();
  volatile T scaled = denormal * large;  // would be a normal number
  return scaled == T(0);
}
bool flushes() {
  return flushes_results<float>() && flushes_results<double>() && flushes_operands<float>() &&
         flushes_operands<double>();
}
bool keeps() {
  return !flushes_results<float>() && !flushes_results<double>() && !flushes_operands<float>() &&
         !flushes_operands<double>();
}

}  // namespace

TEST_CASE("Denormals count as zero inside a scope, and no longer outside") {
  CHECK(keeps());
  {
    const FlushDenormals flush;
    CHECK(flushes());
  }
  CHECK(keeps());
}

TEST_CASE("Scopes nest: the end of the inner one leaves the outer one as it is") {
  {
    const FlushDenormals outer;
    {
      const FlushDenormals inner;
      CHECK(flushes());
    }
    CHECK(flushes());
  }
  CHECK(keeps());
}

TEST_CASE("A scope ends with an error, too") {
  try {
    const FlushDenormals flush;
    throw 1;
  } catch (int) {
  }
  CHECK(keeps());
}

TEST_CASE("A scope is its own thread's") {
  std::atomic<bool> is_open = false, is_seen = false;
  bool kept = false;
  std::thread other([&] {
    while (!is_open) std::this_thread::yield();
    kept = keeps();
    is_seen = true;
  });
  {
    const FlushDenormals flush;
    is_open = true;
    while (!is_seen) std::this_thread::yield();
  }
  other.join();
  CHECK(kept);
}

TEST_CASE("All threads of a pool flush denormals while they work, and their caller no longer") {
  ThreadPool pool(3);
  std::atomic<int> arrived = 0, flushing = 0;
  for (int run = 0; run < 2; ++run) {
    arrived = flushing = 0;
    pool.run(3, [&](Index) {
      ++arrived;
      while (arrived < 3) std::this_thread::yield();  // so that each thread has one task
      flushing += flushes() ? 1 : 0;
    });
    CHECK(flushing == 3);
    CHECK(keeps());
  }
}

#endif
