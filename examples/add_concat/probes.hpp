// The items on which the study measures: additions that were not learnt from, and their twins.
#pragma once

#include <set>
#include <tuple>

#include "decoder_outputs.hpp"
#include "hooked/core/random.hpp"

namespace add_concat {

constexpr Index kProbes = 50;  // additions, before any is dropped

/// Additions drawn from the validation items, and those of the concatenations of the same numbers
/// that were not learnt from. Throws ConfigError for fewer than one and for more than there are.
inline PerTask<Items> draw_probes(const ItemSplit& split, Index additions, hooked::Seed seed) {
  Items from;
  for (const Item& item : split.validation) {
    if (item.task == Task::add) from.push_back(item);
  }
  if (additions < 1 || additions > static_cast<Index>(from.size())) {
    hooked::fail<hooked::ConfigError>(additions,
                                      " additions are wanted as probes, they must be 1 "
                                      "to ",
                                      from.size(), ", which the validation items have");
  }
  std::set<std::tuple<Index, Index>> learnt;
  for (const Item& item : split.train) {
    if (item.task == Task::concatenate) learnt.emplace(item.i, item.j);
  }
  std::vector<std::size_t> order(from.size());
  hooked::Random(seed, "probes").permutation(order);
  order.resize(static_cast<std::size_t>(additions));
  PerTask<Items> probes;
  for (const std::size_t at : order) {
    const auto& [task, i, j] = from[at];
    probes.add.push_back(from[at]);
    if (!learnt.contains({i, j})) probes.concatenate.push_back({Task::concatenate, i, j});
  }
  return probes;
}

/// Of some items of each task those that the model answers exactly. A task of which it knows none
/// keeps them all, so that a model that knows nothing can be measured, too.
inline PerTask<DecoderOutputs> answered(const EncoderDecoder<float>& body,
                                        const PerTask<Items>& items, int threads = 0) {
  const auto of = [&](Task task) {
    DecoderOutputs all(body, items[task], threads);
    DecoderOutputs right = all.only_right();
    return right.size() > 0 ? right : all;
  };
  return {of(Task::add), of(Task::concatenate)};
}

}  // namespace add_concat
