// What every analysis reads: a model and its activations at "=" for all pairs.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "../common/study.hpp"
#include "hooked/interp/collect.hpp"
#include "hooked/interp/progress_measures.hpp"
#include "task.hpp"
#include "weights.hpp"

namespace addition {

using hooked::Figure;
using hooked::judge;
using hooked::Report;
using hooked::Rule;
using hooked::within;
using hooked::within_factor;

constexpr const char* kEmbed = "hook_embed";
constexpr const char* kPattern = "blocks.0.attn.hook_pattern";
constexpr const char* kPre = "blocks.0.mlp.hook_pre";
constexpr const char* kPost = "blocks.0.mlp.hook_post";

/// A model and everything at position 2, the "=". Rows are pairs in the order of all_pairs.
struct AtEquals {
  const Transformer<float>& model;
  Index p;
  int sign;                        // analyses look for waves in x + sign y
  std::vector<Index> key;          // frequencies
  const Tensor<Token>& tokens;     // [p^2, 3]
  const Tensor<Token>& labels;     // [p^2, 1]
  std::vector<Index> train, test;  // rows
  Tensor<double> logits;           // [p^2, p]
  Tensor<float> pre, post;         // [p^2, neuron]: neurons before and after ReLU
  Tensor<float> pattern;           // [p^2, head, key]: attention of "=" to x, y, "="
  double loss;                     // over all pairs
  int threads;

  AtEquals(const study::Subject& subject, std::vector<Index> key_frequencies)
      : model(subject.model),
        p(model.config().d_vocab_out),
        sign(subject.setup.all.labels(1, 0) == 1 ? 1 : -1),  // of (0, 1): only x - y says p - 1
        key(std::move(key_frequencies)),
        tokens(subject.setup.all.tokens),
        labels(subject.setup.all.labels),
        train(rows_of(subject.setup.part.train)),
        test(rows_of(subject.setup.part.test)),
        threads(subject.threads) {
    auto [out, cache] =
        collect_at(model, tokens, kPositionEquals, {kPre, kPost, kPattern}, {}, threads);
    logits = cast<double>(out);
    pre = cache[kPre], post = cache[kPost], pattern = cache[kPattern];
    loss = loss_of(logits);
  }

  /// -ln p of the answer for each pair [p^2], by logits [p^2, p].
  Tensor<double> losses(const Tensor<double>& of) const {
    Tensor<double> each({p * p});
    for (Index row = 0; row < p * p; ++row) {
      const auto x = of.matrix().row(row).array();
      const double top = x.maxCoeff();  // so that no exponential overflows
      each(row) = std::log((x - top).exp().sum()) + (top - x[labels(row, 0)]);
    }
    return each;
  }
  /// Mean loss in nats, over all pairs or over some.
  double loss_of(const Tensor<double>& of) const { return mean(losses(of)).item(); }
  double loss_of(const Tensor<double>& of, const std::vector<Index>& rows) const {
    return mean_over(losses(of), rows);
  }
  static double mean_over(const Tensor<double>& each, const std::vector<Index>& rows) {
    double total = 0.0;
    for (const Index row : rows) total += each(row);
    return total / static_cast<double>(rows.size());
  }

  /// Logits at "=" when the neurons' activations there are `values` [p^2, neuron].
  Tensor<double> logits_with_neurons(const Tensor<double>& values) const {
    return cast<double>(
        logits_with(model, tokens, kPositionEquals, kPost, cast<float>(values), threads));
  }

 private:
  std::vector<Index> rows_of(const Dataset& part) const {
    std::vector<Index> rows;
    for (Index i = 0; i < part.size(); ++i) {
      rows.push_back(p * part.tokens(i, kPositionX) + part.tokens(i, kPositionY));
    }
    return rows;
  }
};

/// Values over all pairs [p^2] as a square, x upwards and y to the right: [x, y].
template <hooked::TensorLike X>
Tensor<double> square(const X& values) {
  const auto p = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(values.numel()))));
  return cast<double>(values).reshape({p, p});
}

/// Their components along products of waves in x and in y, by size: [wave in x, wave in y].
template <hooked::TensorLike X>
Tensor<double> square_of_waves(const X& values) {
  return map(fourier(fourier(square(values), 0), 1), [](double v) { return std::abs(v); });
}

}  // namespace addition
