// What every analysis reads: a model, some plain test tuples, and where answers are read.
#pragma once

#include <string>
#include <vector>

#include "hooked/core/reduce.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/interp/collect.hpp"
#include "hooked/interp/fits.hpp"
#include "hooked/interp/statistics.hpp"
#include "setup.hpp"

namespace order_statistics {

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

/// The first examples of a data set.
inline Dataset first_of(const Dataset& data, Index count) {
  std::vector<Index> chosen(static_cast<std::size_t>(count));
  std::iota(chosen.begin(), chosen.end(), Index{0});
  return hooked::subset(data, chosen);
}

struct AtAnswers {
  static constexpr Index kTuples = 2000;

  const Transformer<float>& model;
  const study::Setup& setup;
  Task task;
  int threads;
  Dataset plain;  // test tuples
  Index layer;    // the last: its heads bring numbers to the answers
  bool has_mlp;

  explicit AtAnswers(const study::Subject& subject)
      : model(subject.model),
        setup(subject.setup),
        task(task_of(subject.choices)),
        threads(subject.threads),
        plain(first_of(subject.setup.part.test, kTuples)),
        layer(model.config().n_layers - 1),
        has_mlp(!model.config().attn_only) {}

  std::string site(const std::string& name) const {
    return hooked::text("blocks.", layer, ".", name);
  }
  /// Where answer k is read.
  Token position(Index k) const { return static_cast<Token>(task.length + k); }
  /// Attention of that position to all tokens: [example, head, key].
  Tensor<float> pattern_at(Index k, const std::vector<Hook<float>>& hooks = {}) const {
    const std::string name = site("attn.hook_pattern");
    return Tensor<float>(
        collect_at(model, plain.tokens, position(k), {name}, hooks, threads).cache[name]);
  }
  /// The likeliest number at answer k in a run with hooks: [example].
  Tensor<Index> answers(const Dataset& data, Index k, const std::vector<Hook<float>>& hooks) const {
    return hooked::argmax(collect_at(model, data.tokens, position(k), {}, hooks, threads).logits,
                          1);
  }
  /// How often that is right, in percent.
  double accuracy(const Dataset& data, Index k, const std::vector<Hook<float>>& hooks) const {
    const Tensor<Index> said = answers(data, k, hooks);
    double right = 0.0;
    for (Index i = 0; i < data.size(); ++i) right += said(i) == data.labels(i, k) ? 1.0 : 0.0;
    return 100.0 * right / static_cast<double>(data.size());
  }
  /// The embeddings of all numbers at an average place of a tuple: W_E[x] + mean_j W_pos[j],
  /// [value, d_model].
  Tensor<float> numbers_in_tuple() const {
    const View<const float> W_E = model["embed.W_E"], W_pos = model["pos_embed.W_pos"];
    Tensor<float> x(W_E.slice(0, 0, task.values));
    const auto place = hooked::mean(W_pos.slice(0, 0, task.length), 0);
    x.matrix().rowwise() += place.matrix().row(0);
    return x;
  }
};

/// 0, 1, ..., values - 1.
inline Tensor<double> all_values(const Task& task) {
  Tensor<double> x({task.values});
  for (Index v = 0; v < task.values; ++v) x(v) = static_cast<double>(v);
  return x;
}

}  // namespace order_statistics
