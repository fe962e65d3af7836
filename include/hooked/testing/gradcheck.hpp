// Checks an op: its gradients, and all that the tape relies on. For your own ops too:
//
//   #include <hooked/testing/gradcheck.hpp>
//   hooked::testing::check_op<MyOp>().check();   // throws, with every failure in the text
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "hooked/ops/op.hpp"
#include "hooked/testing/any_op.hpp"
#include "hooked/testing/differences.hpp"
#include "hooked/testing/op_rules.hpp"
#include "hooked/testing/op_run.hpp"
#include "hooked/testing/shape_rules.hpp"

namespace hooked::testing {

namespace detail {

// Float and double were given the same numbers and must say the same.
inline void compare_scalars(const Tensor<float>& a, const Tensor<double>& b, double tolerance,
                            const std::string& what, GradReport& report) {
  double scale = 0.0;
  for (Index k = 0; k < b.numel(); ++k) {
    if (std::isfinite(b.data()[k])) scale = std::max(scale, std::abs(b.data()[k]));
  }
  for (Index k = 0; k < b.numel(); ++k) {
    const double x = static_cast<double>(a.data()[k]), y = b.data()[k];
    if (x == y || std::abs(x - y) <= tolerance * scale) continue;
    report.failures.push_back(text(what, " at ", position_text(k, b.shape()), " is ", x,
                                   " in float and ", y, " in double"));
    return;
  }
}

// Forward and what backward is said to be the slope of.
inline void compare_stated(const Tensor<double>& y, const Tensor<double>& stated,
                           const std::string& label, GradReport& report) {
  for (Index k = 0; k < y.numel(); ++k) {
    const double a = y.data()[k], b = stated.data()[k];
    if (std::abs(a - b) <= 1e-12 * std::max(1.0, std::abs(b))) continue;
    report.failures.push_back(text(label, ": output at ", position_text(k, y.shape()), " is ", a,
                                   ", straight_through() says ", b));
    return;
  }
}

inline void check_sample(const AnyOp<double>& op, const AnyOp<float>& op_float, std::size_t sample,
                         const GradOptions& options, GradReport& report) {
  const OpRun<double> run(op, sample);
  OpRules<double> rules(run, report);
  rules.check();
  if (!options.heap_calls) rules.check_heap();
  if (options.stop_at_first && !report.ok()) return;

  const auto f = [&](const std::vector<Tensor<double>>& x, View<double> y) {
    if (!op.straight_through) return copy<double>(run.run_forward(x).y, y);
    op.straight_through(sample, {x.begin(), x.end()}, {run.x().begin(), run.x().end()}, y);
  };
  if (op.straight_through) {
    Tensor<double> stated(run.y().shape());
    f(run.x(), stated);
    compare_stated(run.y(), stated, run.label(), report);
  }
  CentralDifferences(f, run.x(), run.dy(), options, report).compare(run.gradients(), run.label());
  if (options.stop_at_first && !report.ok()) return;

  const OpRun<float> run_float(op_float, sample);
  OpRules<float> rules_float(run_float, report);
  rules_float.check();
  if (!options.heap_calls) rules_float.check_heap();
  const std::string label = text(op.name, ", sample ", sample);
  compare_scalars(run_float.y(), run.y(), options.float_tolerance, label + ": output", report);
  for (std::size_t i = 0; i < run.x().size(); ++i) {
    compare_scalars(run_float.gradients()[i], run.gradients()[i], options.float_tolerance,
                    text(label, ": gradient of input ", i), report);
  }
}

}  // namespace detail

/// The check behind `check_op<O>()`, for an op that is given in both scalars.
inline GradReport check_op(const AnyOp<double>& op, const AnyOp<float>& op_float,
                           const GradOptions& options = {}) {
  GradReport report;
  if (op.cases.empty()) report.failures.push_back(op.name + ": samples() is empty");
  int refused = 0;
  for (std::size_t sample = 0; sample < op.cases.size(); ++sample) {
    refused += ShapeRules(op, sample, report).check();
    if (options.stop_at_first && !report.ok()) return report;
    detail::check_sample(op, op_float, sample, options, report);
    if (options.stop_at_first && !report.ok()) return report;
  }
  if (op.inputs > 1 && refused == 0) {
    report.failures.push_back(
        op.name + ": shape() refuses nothing, but the sizes of several inputs must agree");
  }
  return report;
}

/// Checks `O` on each of its samples, with random inputs and a random cotangent dy (the sum of the
/// outputs would miss, for one, a softmax whose backward returns zero):
///  - J^T dy against central differences in double: element by element for small inputs, as
///    <dy, J v> = <J^T dy, v> for random v in large ones; of a straight-through estimate, those of
///    the function that the op states, which must be forward at the point itself;
///  - outputs and gradients written whole, in memory that held NaN; the same bits on repeat;
///  - backward linear in dy, adding to what a gradient holds already, and giving the same bits for
///    an input whose gradient alone is wanted;
///  - float and double agree; rows in another order give the same rows, where the op says row by
///  row;
///  - inputs that are windows on other tensors are refused with a ShapeError, or do as well;
///  - no heap calls, in a program that counts them (testing/alloc_guard.hpp);
///  - shapes that do not fit are refused with a ShapeError that shows them.
/// Nothing is thrown for a wrong op; call `check()` on the report for that.
template <Op O>
GradReport check_op(const GradOptions& options = {}) {
  return check_op(any_op<O, double>(), any_op<O, float>(), options);
}

}  // namespace hooked::testing
