// Small algorithmic tasks: all sequences of each, and where the answer is read.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/train/dataset.hpp"

namespace sweep {

using hooked::Dataset;
using hooked::Index;
using hooked::Tensor;
using hooked::Token;

/// "modular_addition": "a b =", (a + b) mod p is read at "=".
/// "maximum": k numbers and "=", the largest of them is read there.
/// "subtraction": "a b = sign", the sign is read at "=" and |a - b| at the sign.
/// Numbers are the tokens 0..p-1, "=" is p; the signs of a subtraction are p + 1 (+) and p + 2.
struct TaskSettings {
  std::string name;
  Index p = 0;
  Index k = 3;
  double train_fraction = 0.5;
};

struct Task {
  Dataset all;
  Index vocabulary;
};

/// `count` sequences of `length` tokens; `fill(i, sequence, labels)` writes number i.
template <class Fill>
Task make_task(Index count, Index length, std::vector<Token> positions, Index vocabulary,
               Fill fill) {
  Task task{{Tensor<Token>({count, length}),
             Tensor<Token>({count, static_cast<Index>(positions.size())}), positions},
            vocabulary};
  for (Index i = 0; i < count; ++i) fill(i, &task.all.tokens(i, 0), &task.all.labels(i, 0));
  return task;
}

/// Throws ConfigError for an unknown task and for sizes that are out of bounds.
inline Task make_task(const TaskSettings& settings) {
  constexpr Index kMost = 1'000'000;
  const std::string& name = settings.name;
  const Index p = settings.p, k = settings.k;
  const std::vector<std::string> names{"modular_addition", "maximum", "subtraction"};
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    hooked::fail<hooked::ConfigError>("task.name is \"", name,
                                      "\"; the nearest are: ", hooked::nearest_names(name, names));
  }
  if (p < 2) hooked::fail<hooked::ConfigError>("task.p is ", p, ", it must be at least 2");
  if (k < 1) hooked::fail<hooked::ConfigError>("task.k is ", k, ", it must be at least 1");
  const bool is_maximum = name == "maximum";
  const Index numbers = is_maximum ? k : 2;
  Index count = 1;
  for (Index i = 0; i < numbers && count <= kMost; ++i) count = p > kMost ? p : count * p;
  if (count > kMost) {
    hooked::fail<hooked::ConfigError>("the task would have more than ", kMost, " sequences");
  }
  const auto equals = static_cast<Token>(p), base = equals;
  const auto at_equals = static_cast<Token>(numbers);
  if (name == "subtraction") {
    return make_task(count, 4, {2, 3}, p + 3, [=](Index i, Token* sequence, Token* labels) {
      const Token a = static_cast<Token>(i) / base, b = static_cast<Token>(i) % base;
      sequence[0] = a, sequence[1] = b, sequence[2] = equals;
      sequence[3] = labels[0] = equals + (a >= b ? 1 : 2);
      labels[1] = std::abs(a - b);
    });
  }
  return make_task(count, numbers + 1, {at_equals}, p + 1,
                   [=](Index i, Token* sequence, Token* labels) {
                     auto rest = static_cast<Token>(i);
                     Token sum = 0, largest = 0;
                     for (Index n = numbers; n-- > 0; rest /= base) {
                       sequence[n] = rest % base;
                       sum += sequence[n];
                       largest = std::max(largest, sequence[n]);
                     }
                     sequence[numbers] = equals;
                     labels[0] = is_maximum ? largest : sum % base;
                   });
}

}  // namespace sweep
