// Which answers are right to the last token.
#pragma once

#include <cstdint>
#include <vector>

#include "hooked/core/reduce.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/nn/encoder_decoder.hpp"
#include "items.hpp"

namespace add_concat {

/// For each item 1 where greedy decoding gives its answer exactly. That is so where the likeliest
/// token is the right one after every right beginning, which one run tells.
inline std::vector<std::uint8_t> right_answers(const hooked::EncoderDecoder<float>& body,
                                               const SequencePairs& pairs, int threads,
                                               const std::vector<hooked::Hook<float>>& hooks = {}) {
  const Tensor<float> logits = body.run_with_hooks(pairs.input(), hooks, {.threads = threads});
  const Tensor<Index> said = hooked::argmax(logits, -1);  // [item, target pos]
  std::vector<std::uint8_t> right(static_cast<std::size_t>(pairs.size()), 1);
  for (Index row = 0; row < pairs.size(); ++row) {
    for (Index p = 0; p < said.size(1); ++p) {
      const Token label = pairs.labels(row, p);
      if (label != hooked::CrossEntropy::kIgnored && said(row, p) != label) {
        right[static_cast<std::size_t>(row)] = 0;
      }
    }
  }
  return right;
}

/// The share of right answers, in percent.
inline double percent_right(const std::vector<std::uint8_t>& right) {
  double count = 0.0;
  for (const std::uint8_t r : right) count += r;
  return 100.0 * count / static_cast<double>(right.size());
}

}  // namespace add_concat
