// evaluate: loss and accuracy of a model over a whole data set.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "hooked/train/lanes.hpp"

namespace hooked {

/// Means over all examples, for each position where labels are given.
struct Evaluation {
  double loss = 0.0;                     // nats, over all labels that count
  double accuracy = 0.0;                 // of the likeliest token, over all labels that count
  std::vector<double> loss_at = {};      // [label position]
  std::vector<double> accuracy_at = {};  // [label position]
};

namespace detail {

/// Throws ShapeError when a data set does not fit a model read at `positions` (empty: all).
/// `what` begins the text: "train: the validation set".
inline void check_dataset(const TransformerConfig& config, const Dataset& data,
                          const std::vector<Token>& positions, const std::string& what) {
  if (data.size() == 0) fail<ShapeError>(what, " is empty");
  if (data.tokens.rank() != 2) {
    fail<ShapeError>(what, " has tokens ", data.tokens.shape(), ", they must be [examples, pos]");
  }
  const Index length = data.tokens.size(1);
  if (length > config.n_ctx) {
    fail<ShapeError>(what, " has sequences of ", length, ", longer than n_ctx ", config.n_ctx);
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    if (positions[i] < 0 || positions[i] >= length || (i > 0 && positions[i] <= positions[i - 1])) {
      fail<ShapeError>(what, " is read at positions that must rise within 0..", length - 1,
                       ", number ", i, " is ", positions[i]);
    }
  }
  const Index wanted = positions.empty() ? length : static_cast<Index>(positions.size());
  if (data.labels.shape() != Shape{data.size(), wanted}) {
    fail<ShapeError>(what, " has tokens ", data.tokens.shape(), " and labels ", data.labels.shape(),
                     "; with ", wanted, " positions read, labels must be ",
                     Shape{data.size(), wanted});
  }
  for_each_element(data.tokens.view(), [&](Index i, const Token& token) {
    if (token < 0 || token >= config.d_vocab) {
      fail<ShapeError>(what, " has token ", token, " at [", i / length, ", ", i % length,
                       "], outside the vocabulary 0..", config.d_vocab - 1);
    }
  });
  for_each_element(data.labels.view(), [&](Index i, const Token& label) {
    if (label != CrossEntropy::kIgnored && (label < 0 || label >= config.d_vocab_out)) {
      fail<ShapeError>(what, " has label ", label, " at [", i / wanted, ", ", i % wanted,
                       "], outside the vocabulary 0..", config.d_vocab_out - 1);
    }
  });
}

}  // namespace detail

/// Runs the examples in fixed chunks, spread over the pool and over `ranks`; the result depends on
/// neither, and all ranks get it. `positions` as in Pass: where the labels stand (empty: all).
/// Hooks of the model act, and `hooks` after them; then one thread of rank 0 does it all. Throws
/// ShapeError when the data does not fit the model.
template <Scalar T>
Evaluation evaluate(const Transformer<T>& model, const Dataset& data,
                    const std::vector<Token>& positions, ThreadPool& pool,
                    std::vector<Hook<T>> hooks = {}, const Ranks& ranks = Ranks::alone()) {
  ranks.agree(
      [&] { detail::check_dataset(model.config(), data, positions, "evaluate: the data set"); });
  constexpr Index kChunk = 512;
  const Index chunks = (data.size() + kChunk - 1) / kChunk, width = data.labels.size(1);
  const bool serial = !hooks.empty() || model.n_hooks() > 0;
  const Shares shares = ranks.share(chunks * 3 * width, (serial ? chunks : 1) * 3 * width);
  Tensor<double> sums({chunks, 3, width});  // losses, right ones, counted ones
  PassPool<T> passes;
  const auto work = [&](Index c) {
    const Index first = c * kChunk, last = std::min(first + kChunk, data.size());
    const typename PassPool<T>::Lease lease(passes, model.parameters());
    Pass<T>& pass = *lease;
    HookPlan<T> plan = model.plan(hooks);
    pass.begin({.gradients = false, .positions = positions}, &plan);
    const auto logits = model.forward(pass, data.tokens.slice(0, first, last));
    const View<const Token> labels = data.labels.slice(0, first, last);
    const auto losses = record<CrossEntropy>({labels.data()}, logits);
    plan.check_all_fired();
    double* const sum = sums.data() + c * 3 * width;
    const auto rows = logits.value().matrix();
    for (Index r = 0; r < rows.rows(); ++r) {
      const Token label = labels.data()[r];
      if (label == CrossEntropy::kIgnored) continue;
      Index likeliest = 0;
      rows.row(r).maxCoeff(&likeliest);
      const Index at = r % width;
      sum[at] += static_cast<double>(losses.value().data()[r]);
      sum[width + at] += likeliest == label ? 1.0 : 0.0;
      sum[2 * width + at] += 1.0;
    }
  };
  ranks.agree([&] {
    const Index first = shares.begin() / (3 * width), last = shares.end() / (3 * width);
    if (serial) {
      const FlushDenormals flush;
      for (Index c = first; c < last; ++c) work(c);
    } else {
      pool.run(last - first, [&](Index c) { work(first + c); });
    }
  });
  ranks.gather(sums.data(), shares);

  const auto zeros = std::vector<double>(static_cast<std::size_t>(width), 0.0);
  Evaluation result{.loss_at = zeros, .accuracy_at = zeros};
  double counted = 0.0;
  for (Index at = 0; at < width; ++at) {
    double loss = 0.0, right = 0.0, here = 0.0;
    for (Index c = 0; c < chunks; ++c) {
      loss += sums(c, 0, at), right += sums(c, 1, at), here += sums(c, 2, at);
    }
    result.loss += loss, result.accuracy += right, counted += here;
    const auto i = static_cast<std::size_t>(at);
    result.loss_at[i] = here > 0 ? loss / here : 0.0;
    result.accuracy_at[i] = here > 0 ? right / here : 0.0;
  }
  if (counted > 0) result.loss /= counted, result.accuracy /= counted;
  return result;
}

/// The same on all processors: `evaluate(model, test_set, {3}, {zero("blocks.0.hook_attn_out")})`.
template <Scalar T>
Evaluation evaluate(const Transformer<T>& model, const Dataset& data,
                    const std::vector<Token>& positions = {}, std::vector<Hook<T>> hooks = {}) {
  ThreadPool pool;
  return evaluate(model, data, positions, pool, std::move(hooks));
}

}  // namespace hooked
