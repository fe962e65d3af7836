// The tasks: the maximum, the median or the sorted order of a tuple of numbers.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "hooked/train/dataset.hpp"

namespace order_statistics {

using hooked::Dataset;
using hooked::Index;
using hooked::Tensor;
using hooked::Token;

/// What a sequence is. Tokens 0 to `values` - 1 are the numbers themselves, `values` is "=".
///   max, median: x_1 ... x_n =                      the answer is read at "="
///   sort:        x_1 ... x_n = y_1 ... y_{n-1}      y_k is read one position before it stands
/// The median of an even number of numbers is the lower of the two in the middle.
struct Task {
  std::string name;    // max, median, sort
  Index length = 5;    // n
  Index values = 100;  // numbers are 0 to values - 1
  bool distinct = false;

  bool sorts() const { return name == "sort"; }
  Token equals() const { return static_cast<Token>(values); }
  /// Where "=" stands, and the first answer is read.
  Token at_equals() const { return static_cast<Token>(length); }
  /// How many answers a sequence has.
  Index answers() const { return sorts() ? length : 1; }
  /// Tokens that the model reads.
  Index tokens() const { return length + answers(); }
  /// Which of the sorted numbers answer k is, from 0.
  Index rank_of_answer(Index k) const {
    return sorts() ? k : name == "max" ? length - 1 : (length - 1) / 2;
  }
};

/// Sequences [examples, tokens] and answers [examples, answers] of some tuples [examples, n].
inline Dataset dataset_of(const Task& task, const Tensor<Token>& tuples) {
  const Index examples = tuples.size(0);
  Dataset data{Tensor<Token>({examples, task.tokens()}, task.equals()),
               Tensor<Token>({examples, task.answers()})};
  for (Index k = 0; k < task.answers(); ++k) {
    data.positions.push_back(static_cast<Token>(task.length + k));
  }
  std::vector<Token> sorted(static_cast<std::size_t>(task.length));
  for (Index i = 0; i < examples; ++i) {
    const auto tuple = tuples.select(0, i);
    std::copy(tuple.data(), tuple.data() + task.length, &data.tokens(i, 0));
    std::copy(tuple.data(), tuple.data() + task.length, sorted.begin());
    std::sort(sorted.begin(), sorted.end());
    for (Index k = 0; k < task.answers(); ++k) {
      data.labels(i, k) = sorted[static_cast<std::size_t>(task.rank_of_answer(k))];
      if (k + 1 < task.answers()) data.tokens(i, task.length + 1 + k) = data.labels(i, k);
    }
  }
  return data;
}

/// Tuples [examples, n] of numbers below `values`, each drawn from all of them, or without repeats.
inline Tensor<Token> draw_tuples(const Task& task, Index examples, Index values,
                                 hooked::Random& random) {
  Tensor<Token> tuples({examples, task.length});
  std::vector<Token> numbers(static_cast<std::size_t>(values));  // in any order
  std::iota(numbers.begin(), numbers.end(), Token{0});
  for (Index i = 0; i < examples; ++i) {
    for (Index j = 0; j < task.length; ++j) {
      const Index first = task.distinct ? j : 0;  // those before it are taken
      const auto drawn = static_cast<std::size_t>(first + random.below(values - first));
      tuples(i, j) = numbers[drawn];
      if (task.distinct) std::swap(numbers[static_cast<std::size_t>(j)], numbers[drawn]);
    }
  }
  return tuples;
}

}  // namespace order_statistics
