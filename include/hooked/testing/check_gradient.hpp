// Checks the gradients of a whole function of Variables, as the tape computes them.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/testing/any_op.hpp"
#include "hooked/testing/differences.hpp"

namespace hooked::testing {

/// A computation on a tape: from the inputs' Variables to the output's.
using VariableFunction = std::function<Variable<double>(std::span<const Variable<double>> x)>;

/// Compares what `Tape::backward` gives for every input with central differences in double, along a
/// random cotangent of the output's shape; memory of the tape holds NaN before it is written.
///
///   check_gradient([](auto x) { return record<Multiply>({}, x[0], x[1]); }, {a, b}).check();
///
/// Nothing is thrown for a wrong gradient; call `check()` on the report for that. What the function
/// itself throws passes through.
inline GradReport check_gradient(const VariableFunction& f,
                                 const std::vector<Tensor<double>>& inputs,
                                 const GradOptions& options = {}) {
  const auto run = [&](Tape<double>& tape, const std::vector<Tensor<double>>& x) {
    tape.poison = true;
    std::vector<Variable<double>> variables;
    for (const auto& tensor : x) variables.push_back(tape.input(tensor));
    const Variable<double> y = f(variables);
    return std::pair(std::move(variables), y);
  };

  Tape<double> tape;
  const auto [x, y] = run(tape, inputs);
  const Tensor<double> dy = random_tensors<double>({y.shape()}, "cotangent")[0];
  tape.backward(y, dy);
  std::vector<Tensor<double>> gradients;
  for (const auto& variable : x) gradients.emplace_back(tape.gradient(variable));

  Tape<double> scratch;
  const auto evaluate = [&](const std::vector<Tensor<double>>& moved, View<double> out) {
    scratch.reset();
    copy(run(scratch, moved).second.value(), out);
  };
  GradReport report;
  CentralDifferences(evaluate, inputs, dy, options, report).compare(gradients, "function");
  return report;
}

}  // namespace hooked::testing
