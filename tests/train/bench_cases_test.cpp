// The training cases of bench/: what a step may cost, and what threads may change.
#include <array>

#include "bench/cases.hpp"
#include "catch.hpp"
#include "hooked/nn/encoder_decoder.hpp"
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

Transformer<float> model_of(const bench::Case& c) { return Transformer<float>(c.config, Seed{0}); }
EncoderDecoder<float> model_of(const bench::PairsCase& c) {
  return EncoderDecoder<float>(c.config, Seed{0});
}

template <class Case>
auto trained(const Case& c, int steps, int threads,
             const std::function<void(const StepInfo&)>& on_step) {
  auto model = model_of(c);
  train(model, c.data,
        {.optimizer = c.optimizer, .steps = steps, .progress = false, .threads = threads},
        TellStep{on_step});
  return model;
}

/// Calls `f` with every case that is trained.
template <class F>
void for_each_training_case(const F& f) {
  for (const bench::Case& c : bench::cases()) {
    if (c.work == bench::Work::train) f(c);
  }
  for (const bench::PairsCase& c : bench::pairs_cases()) f(c);
}

TEST_CASE("No training case of the benchmarks calls the heap from its second step on") {
  if (!testing::AllocGuard::counting()) return;
  for_each_training_case([](const auto& c) {
    CAPTURE(c.name);
    const testing::AllocGuard guard;
    std::array<long, 4> calls{};
    trained(c, 4, 2, [&](const StepInfo& info) {
      calls[static_cast<std::size_t>(info.step - 1)] = guard.calls();
    });
    CHECK(calls[0] > 0);
    CHECK(calls[1] == calls[0]);
    CHECK(calls[3] == calls[1]);
  });
}

TEST_CASE("Threads change no bit of what the benchmarks' models learn") {
  for_each_training_case([](const auto& c) {
    const auto nothing = [](const StepInfo&) {};
    const auto one = trained(c, 2, 1, nothing);
    for (const int threads : {2, 3, 4, 8}) {
      CAPTURE(c.name, threads);
      CHECK(testing::bit_difference(trained(c, 2, threads, nothing).parameters().slab(),
                                    one.parameters().slab()) == "");
    }
  });
}
#else
TEST_CASE("The training cases of the benchmarks are tested in optimised programs") {
  CHECK(bench::cases().size() == 11);
}
#endif

}  // namespace
}  // namespace hooked
