// What every analysis reads: a model and its activations at "=" for all pairs.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "../common/study.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/select.hpp"
#include "hooked/core/softmax.hpp"
#include "hooked/interp/collect.hpp"
#include "hooked/interp/fits.hpp"
#include "hooked/interp/statistics.hpp"
#include "task.hpp"

namespace subtraction {

using hooked::Claim;
using hooked::Figure;
using hooked::Hook;
using hooked::judge;
using hooked::median;
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

/// logit_- - logit_+ at "=" [10000]: the model says "-" where it is positive.
inline Tensor<double> sign_difference(const Tensor<float>& logits) {
  return in_double(logits.select(1, kMinus)) - in_double(logits.select(1, kPlus));
}

/// How much logit_- - logit_+ changes from one run to another: the root mean square of the change,
/// divided by the standard deviation over all pairs in the first.
inline double relative_change(const Tensor<float>& before, const Tensor<float>& after) {
  const auto was = sign_difference(before);
  const auto change = sign_difference(after) - was;
  return std::sqrt(hooked::mean(change * change).item() / hooked::var(was).item());
}

/// The tokens up to "=" [10000, 4].
inline Tensor<Token> prompts_of(const Dataset& all) {
  return Tensor<Token>(all.tokens.slice(1, 0, kPositionEquals + 1));
}

/// A model and everything at position 3, the "=". Rows are pairs in the order of all_pairs.
struct AtEquals {
  const Transformer<float>& model;
  Tensor<Token> prompts;    // [10000, 4]: a - b =
  Tensor<float> logits;     // [10000, 103]
  Tensor<float> pre, post;  // [10000, neuron]
  Tensor<float> mlp_out;    // [10000, d_model]
  Tensor<float> pattern;    // [10000, head, key]: attention of "=" to a, -, b, =
  int threads;
  Score base;

  explicit AtEquals(const study::Subject& subject)
      : model(subject.model), prompts(prompts_of(subject.setup.all)), threads(subject.threads) {
    auto [out, cache] =
        collect_at(model, prompts, kPositionEquals, {kPre, kPost, kMlpOut, kPattern}, {}, threads);
    logits = std::move(out);
    pre = cache[kPre], post = cache[kPost], mlp_out = cache[kMlpOut], pattern = cache[kPattern];
    base = score(logits);
  }

  /// Logits at "=" in a run with hooks.
  Tensor<float> logits_hooked(const std::vector<Hook<float>>& hooks) const {
    return collect_at(model, prompts, kPositionEquals, {}, hooks, threads).logits;
  }
  Score score_with(const std::vector<Hook<float>>& hooks) const {
    return score(logits_hooked(hooks));
  }
  /// Logits at "=" when the activation of `site` there is `values` [10000, width].
  Tensor<float> logits_replaced(const std::string& site, const Tensor<double>& values) const {
    const auto as_float = hooked::map(values, [](double v) { return static_cast<float>(v); });
    return logits_with(model, prompts, kPositionEquals, site, as_float, threads);
  }
  Score score_replaced(const std::string& site, const Tensor<double>& values) const {
    return score(logits_replaced(site, values));
  }
};

/// Values over all pairs [10000] as a square with a upwards and b to the right: [a, b].
template <hooked::TensorLike X>
auto square(const X& values) {
  using T = typename X::value_type;
  return Tensor<T>(Tensor<T>(values.view()).reshape({kNumbers, kNumbers}));
}

}  // namespace subtraction
