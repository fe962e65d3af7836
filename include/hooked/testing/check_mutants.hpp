// Checks the checker: it must reject every op that is broken on purpose.
#pragma once

#include <string>
#include <vector>

#include "hooked/ops/op.hpp"
#include "hooked/testing/any_op.hpp"
#include "hooked/testing/differences.hpp"
#include "hooked/testing/gradcheck.hpp"
#include "hooked/testing/mutants.hpp"

namespace hooked::testing {

/// What became of the mutants of an op. `equivalent` ones did nothing that the op does not.
struct MutationReport {
  int tried = 0;     ///< mutants
  int rejected = 0;  ///< by the gradient check
  int equivalent = 0;
  std::vector<std::string> survivors;     // broken, and accepted
  std::vector<std::string> false_alarms;  // equivalent, and rejected
};

/// Lets the checker loose on every mutant of an op, broken in both scalars and in float alone.
/// A survivor says that the op's samples are too simple, or the checker is.
inline MutationReport check_mutants(const AnyOp<double>& op, const AnyOp<float>& op_float) {
  MutationReport report;
  const auto judge = [&](const AnyOp<double>& in_double, const AnyOp<float>& in_float,
                         const std::string& name, const auto& differs) {
    ++report.tried;
    // Mutants need memory of their own.
    const GradOptions options{.heap_calls = true, .stop_at_first = true};
    const bool accepted = check_op(in_double, in_float, options).ok();
    if (!accepted) ++report.rejected;
    if (!differs()) ++report.equivalent;
    if (accepted && differs()) report.survivors.push_back(text(op.name, ": ", name));
    if (!accepted && !differs()) report.false_alarms.push_back(text(op.name, ": ", name));
  };
  auto broken = mutants(op);
  auto broken_float = mutants(op_float);
  for (std::size_t k = 0; k < broken.size(); ++k) {
    const Mutant<double>& a = broken[k];
    const Mutant<float>& b = broken_float[k];
    if (a.breaks_numbers) {
      judge(op, b.op, b.name + ", in float alone", [&] { return *b.differs; });
      *b.differs = false;
    }
    judge(a.op, b.op, a.name, [&] { return *a.differs || *b.differs; });
  }
  return report;
}
template <Op O>
MutationReport check_mutants() {
  return check_mutants(any_op<O, double>(), any_op<O, float>());
}

}  // namespace hooked::testing
