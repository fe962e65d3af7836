// The training cases of bench/: what a step may cost, and what threads may change.
#include <array>

#include "bench/cases.hpp"
#include "catch.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/train/train.hpp"

namespace hooked {
namespace {

#ifdef NDEBUG  // models of this size are for optimised programs
struct TellStep {
  std::function<void(const StepInfo&)> call;
  void on_step(const StepInfo& info) { call(info); }
};

Transformer<float> trained(const bench::Case& c, int steps, int threads,
                           const std::function<void(const StepInfo&)>& on_step) {
  Transformer<float> model(c.config, Seed{0});
  train(model, c.data,
        {.optimizer = c.optimizer, .steps = steps, .progress = false, .threads = threads},
        TellStep{on_step});
  return model;
}

TEST_CASE("No training case of the benchmarks calls the heap from its second step on") {
  if (!testing::AllocGuard::counting()) return;
  for (const bench::Case& c : bench::cases()) {
    if (c.work != bench::Work::train) continue;
    CAPTURE(c.name);
    const testing::AllocGuard guard;
    std::array<long, 4> calls{};
    trained(c, 4, 2, [&](const StepInfo& info) {
      calls[static_cast<std::size_t>(info.step - 1)] = guard.calls();
    });
    CHECK(calls[0] > 0);
    CHECK(calls[1] == calls[0]);
    CHECK(calls[3] == calls[1]);
  }
}

TEST_CASE("Threads change no bit of what the benchmarks' models learn") {
  for (const bench::Case& c : bench::cases()) {
    if (c.work != bench::Work::train) continue;
    const auto nothing = [](const StepInfo&) {};
    const auto one = trained(c, 2, 1, nothing);
    for (const int threads : {2, 3, 4, 8}) {
      CAPTURE(c.name, threads);
      CHECK(testing::bit_difference(trained(c, 2, threads, nothing).parameters().slab(),
                                    one.parameters().slab()) == "");
    }
  }
}
#else
TEST_CASE("The training cases of the benchmarks are tested in optimised programs") {
  CHECK(bench::cases().size() == 14);
}
#endif

}  // namespace
}  // namespace hooked
