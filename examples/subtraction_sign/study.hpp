// What every analysis reads: the trained model and its activations at "=" for all pairs.
#pragma once

#include <string>
#include <vector>

#include "hooked/core/arithmetic.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/select.hpp"
#include "hooked/core/softmax.hpp"
#include "hooked/interp/collect.hpp"
#include "hooked/interp/fits.hpp"
#include "hooked/report/report.hpp"
#include "task.hpp"

namespace subtraction {

using hooked::Claim;
using hooked::Figure;
using hooked::Hook;
using hooked::judge;
using hooked::Range;
using hooked::Report;
using hooked::Rule;
using hooked::Transformer;
using hooked::View;
using hooked::within;
using hooked::within_factor;

constexpr const char* kEmbed = "hook_embed";
constexpr const char* kResidPre = "blocks.0.hook_resid_pre";
constexpr const char* kPattern = "blocks.0.attn.hook_pattern";
constexpr const char* kPre = "blocks.0.mlp.hook_pre";
constexpr const char* kPost = "blocks.0.mlp.hook_post";
constexpr const char* kMlpOut = "blocks.0.hook_mlp_out";
constexpr const char* kResidPost = "blocks.0.hook_resid_post";

/// Loss in nats and accuracy in percent of the sign over all pairs; the most likely of all 103
/// tokens counts, so an accuracy below 50% is possible.
struct Score {
  double loss = 0.0;
  double accuracy = 0.0;
};

/// Logits [10000, 103] at "=", in the order of all_pairs.
inline Score score(const Tensor<float>& logits) {
  const Tensor<float> log_probs = hooked::log_softmax(logits);
  const Tensor<Index> likeliest = hooked::argmax(logits, 1);
  Score total;
  for (Index row = 0; row < kPairs; ++row) {
    const Token label = sign_of(row / kNumbers, row % kNumbers);
    total.loss -= static_cast<double>(log_probs(row, label));
    total.accuracy += likeliest(row) == label ? 100.0 : 0.0;
  }
  return {total.loss / kPairs, total.accuracy / kPairs};
}

/// The model and everything at position 3, the "=". Rows are pairs in the order of all_pairs.
struct Study {
  const Transformer<float>& model;
  const Dataset& all;
  Tensor<Token> prompts;    // [10000, 4]: a - b =
  Tensor<float> logits;     // [10000, 103]
  Tensor<float> pre, post;  // [10000, neuron]
  Tensor<float> mlp_out;    // [10000, d_model]
  Tensor<float> pattern;    // [10000, head, key]: attention of "=" to a, -, b, =
  Score base;

  Study(const Transformer<float>& trained, const Dataset& pairs)
      : model(trained), all(pairs), prompts(pairs.tokens.slice(1, 0, kPositionEquals + 1)) {
    auto [out, cache] =
        collect_at(model, prompts, kPositionEquals, {kPre, kPost, kMlpOut, kPattern});
    logits = std::move(out);
    pre = cache[kPre], post = cache[kPost], mlp_out = cache[kMlpOut], pattern = cache[kPattern];
    base = score(logits);
  }

  /// The sign's score in a run with hooks.
  Score score_with(const std::vector<Hook<float>>& hooks) const {
    return score(collect_at(model, prompts, kPositionEquals, {}, hooks).logits);
  }
  /// The sign's score when the activation of `site` at "=" is `values` [10000, width].
  Score score_replaced(const std::string& site, const Tensor<double>& values) const {
    const auto as_float = hooked::map(values, [](double v) { return static_cast<float>(v); });
    return score(logits_with(model, prompts, kPositionEquals, site, as_float));
  }
};

/// Values over all pairs [10000] as a square with a upwards and b to the right: [a, b].
template <hooked::TensorLike X>
auto square(const X& values) {
  using T = typename X::value_type;
  return Tensor<T>(Tensor<T>(values.view()).reshape({kNumbers, kNumbers}));
}

inline double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

}  // namespace subtraction
