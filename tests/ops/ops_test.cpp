// Walks the list of all ops: gradients and rules, the mutants of each, heap calls.
#include "hooked/ops/ops.hpp"

#include <array>

#include "catch.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/mutants.hpp"

using namespace hooked;
using namespace hooked::testing;

namespace {

// Heap calls that the second equal step of a tape makes, over all samples.
template <Op O, Scalar T>
long heap_calls_of_second_step() {
  long calls = 0;
  for (const auto& sample : O::samples()) {
    const auto x = random_tensors<T>(sample.inputs, "inputs", sample.scale, sample.shift);
    Tape<T> tape;
    const auto step = [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto y = record<O>(sample.args, tape.input(x[I])...);
      tape.backward(y, y.value());
      tape.reset();
    };
    constexpr auto inputs = std::make_index_sequence<static_cast<std::size_t>(O::inputs)>{};
    step(inputs);
    const AllocGuard guard;
    step(inputs);
    calls += guard.calls();
  }
  return calls;
}

struct Listed {
  AnyOp<double> op;
  AnyOp<float> op_float;
  long (*calls)();
  long (*calls_float)();
};

template <Op... O>
std::vector<Listed> list(const std::tuple<O...>*) {
  return {{any_op<O, double>(), any_op<O, float>(), heap_calls_of_second_step<O, double>,
           heap_calls_of_second_step<O, float>}...};
}

const std::vector<Listed>& all_ops() {
  static const auto ops = list(static_cast<const AllOps*>(nullptr));
  return ops;
}

}  // namespace

TEST_CASE("Every op has the gradient that central differences say, and keeps the rules") {
  for (const auto& [op, op_float, a, b] : all_ops()) {
    const GradReport report = check_op(op, op_float);
    INFO(op.name << ": " << report.summary());
    CHECK(report.ok());
    CHECK(report.max_error < 1e-8);
  }
}

TEST_CASE("The checker rejects every mutant of every op") {
  int tried = 0, rejected = 0, equivalent = 0;
  for (const auto& [op, op_float, a, b] : all_ops()) {
    const MutationReport report = check_mutants(op, op_float);
    CHECK(report.survivors == std::vector<std::string>{});
    CHECK(report.false_alarms == std::vector<std::string>{});
    CHECK(report.rejected > report.equivalent);
    tried += report.tried;
    rejected += report.rejected;
    equivalent += report.equivalent;
  }
  CHECK(tried > 1000);
  CHECK(rejected + equivalent == tried);
  WARN(tried << " mutants of " << all_ops().size() << " ops: " << rejected << " rejected, "
             << equivalent << " that do nothing else than the op, 0 survived");
}

TEST_CASE("No op calls the heap in the second equal step, forward or backward") {
  if (!AllocGuard::counting()) return;
  for (const auto& [op, op_float, calls, calls_float] : all_ops()) {
    INFO(op.name);
    CHECK(calls() == 0);
    CHECK(calls_float() == 0);
  }
}

TEST_CASE("Every op of ours has another name") {
  std::vector<std::string> names;
  for (const Listed& listed : all_ops()) names.push_back(listed.op.name);
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
