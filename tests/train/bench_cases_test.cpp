// The training cases of bench/: what a step may cost, and what threads may change.
#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <string>

#include "bench/cases.hpp"
#include "catch.hpp"
#include "hooked/core/masks.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/train/train.hpp"

namespace hooked {
namespace {

TEST_CASE("The cases of the benchmarks have names of their own and data that fits their models") {
  std::set<std::string> names;
  for (const bench::Case& c : bench::cases()) {
    CAPTURE(c.name);
    CHECK(names.insert(c.name).second);
    const TransformerConfig config = c.config.resolved();
    const Dataset& data = c.data;
    const Index length = data.tokens.size(1);
    CHECK(length <= config.n_ctx);
    CHECK((all(data.tokens >= 0) && all(data.tokens < static_cast<Token>(config.d_vocab))));
    CHECK((all(data.labels >= 0) && all(data.labels < static_cast<Token>(config.d_vocab_out))));
    const auto read = static_cast<Index>(data.positions.size());
    CHECK(data.labels.shape() == Shape{data.size(), read == 0 ? length : read});
    CHECK(std::adjacent_find(data.positions.begin(), data.positions.end(),
                             std::greater_equal<>()) == data.positions.end());
    CHECK((read == 0 || (data.positions.front() >= 0 && data.positions.back() < length)));
  }
}

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
#endif

}  // namespace
}  // namespace hooked
