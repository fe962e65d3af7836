// All questions there are, which of them are learnt from, and what the model reads of them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/train/sequence_pairs.hpp"
#include "text.hpp"

namespace add_concat {

using hooked::SequencePairs;
using hooked::Tensor;

/// A question: what is to be done with i and j.
struct Item {
  Task task = Task::add;
  Index i = 0, j = 0;

  bool operator==(const Item&) const = default;
};
using Items = std::vector<Item>;

/// All items: additions first, and of each task j runs fastest.
inline Items all_items() {
  Items items;
  for (const Task task : {Task::add, Task::concatenate}) {
    for (Index i = 0; i < kNumbers; ++i) {
      for (Index j = 0; j < kNumbers; ++j) items.push_back({task, i, j});
    }
  }
  return items;
}

/// What is learnt from, and the others.
struct ItemSplit {
  Items train, validation;
};

/// Draws 30% of all items, of either task, to learn from. Each seed is another split, both parts
/// are in random order.
inline ItemSplit split_items(hooked::Seed seed) {
  const Items all = all_items();
  std::vector<std::size_t> order(all.size());
  hooked::Random(seed, "items").permutation(order);
  ItemSplit parts;
  for (const std::size_t item : order) {
    Items& part = 10 * parts.train.size() < 3 * all.size() ? parts.train : parts.validation;
    part.push_back(all[item]);
  }
  return parts;
}

constexpr Index kPromptTokens = 5;  // "B", i, "+" or "C", j, "E"
constexpr Index kAnswerTokens = 4;  // "B", one or two pieces of the answer, "E"

/// What the model reads and should say: sources [item, 5], targets and labels [item, 3]. The study
/// pads all to 8; padding is neither seen by the model nor counted in a loss, so that leaving it
/// out changes no number.
inline SequencePairs pairs_of(const Items& items) {
  const auto n = static_cast<Index>(items.size());
  Tensor<Token> sources({n, kPromptTokens}), texts({n, kAnswerTokens});
  for (Index row = 0; row < n; ++row) {
    const auto& [task, i, j] = items[static_cast<std::size_t>(row)];
    const std::vector<Token> source = tokenise(prompt(task, i, j), kPromptTokens);
    const std::vector<Token> text = tokenise(answer(task, i, j), kAnswerTokens);
    std::copy(source.begin(), source.end(), &sources(row, 0));
    std::copy(text.begin(), text.end(), &texts(row, 0));
  }
  return sequence_pairs(sources, texts, kPadding);
}

/// The items that pairs were made of.
inline Items items_of(const SequencePairs& pairs) {
  Items items;
  for (Index row = 0; row < pairs.size(); ++row) {
    items.push_back({pairs.source(row, 2) == kAdd ? Task::add : Task::concatenate,
                     pairs.source(row, 1) - kZero, pairs.source(row, 3) - kZero});
  }
  return items;
}

}  // namespace add_concat
