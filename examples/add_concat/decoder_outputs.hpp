// What the decoder hands to the unembedding, and the answers that come of it. Whatever is done to
// it there, answers follow without another run of the model.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "hooked/core/cuts.hpp"
#include "hooked/core/thread_pool.hpp"
#include "hooked/nn/encoder_decoder.hpp"
#include "items.hpp"
#include "network.hpp"

namespace add_concat {

using hooked::EncoderDecoder;
using hooked::View;

/// One of everything for each task.
template <class X>
struct PerTask {
  X add, concatenate;

  X& operator[](Task task) { return task == Task::add ? add : concatenate; }
  const X& operator[](Task task) const { return task == Task::add ? add : concatenate; }
};
constexpr std::array<Task, 2> kTasks{Task::add, Task::concatenate};
inline Task other(Task task) { return task == Task::add ? Task::concatenate : Task::add; }
inline const char* name_of(Task task) { return task == Task::add ? "addition" : "concatenation"; }

/// Of logits [d_vocab], an array, and the token that is to be said.
template <class Line>
double cross_entropy(const Line& z, Token label) {
  const float most = z.maxCoeff();
  return std::log(static_cast<double>((z - most).exp().sum())) +
         static_cast<double>(most - z(label));
}

/// How a model does on some items.
struct Answers {
  std::vector<bool> right;  // [item] what greedy decoding says is exactly the answer

  /// The share of items that are answered exactly.
  double accuracy() const {
    return static_cast<double>(std::count(right.begin(), right.end(), true)) /
           static_cast<double>(right.size());
  }
};

/// h of items at every place of their answers. Greedy decoding gives an answer exactly if and only
/// if, the right answer read as far as it goes, its next token is the likeliest at every place.
class DecoderOutputs {
 public:
  /// Runs the model, which must outlive this, with these hooks. Throws ShapeError for no items.
  DecoderOutputs(const EncoderDecoder<float>& body, Items items, int threads = 0,
                 const std::vector<hooked::Hook<float>>& hooks = {})
      : items_(std::move(items)),
        begin_{0},
        W_U_(body["unembed.W_U"]),
        b_U_(body["unembed.b_U"]),
        threads_(threads) {
    constexpr Index kAtOnce = 1024;
    const hooked::Cuts parts = hooked::Cuts::of(size(), kAtOnce);
    std::vector<float> kept;
    for (Index p = 0; p < parts.parts(); ++p) {
      const Items some(items_.begin() + parts.begin(p), items_.begin() + parts.end(p));
      const hooked::SequencePairs pairs = pairs_of(some);
      const auto cache =
          body.run_with_cache(pairs.input(),
                              {.names = {kSite}, .hooks = hooks, .run = {.threads = threads}})
              .cache;
      const View<const float> all = cache[kSite];
      for (Index n = 0; n < pairs.size(); ++n) {
        for (Index t = 0; t < pairs.labels.size(1); ++t) {
          if (pairs.labels(n, t) == hooked::CrossEntropy::kIgnored) continue;
          labels_.push_back(pairs.labels(n, t));
          const float* const row = &all(n, t, 0);
          kept.insert(kept.end(), row, row + all.size(2));
        }
        begin_.push_back(rows());
      }
    }
    h_ = Tensor<float>({rows(), body.config().d_model}, kept);
    clean_ = answers(h_);
  }

  const Items& items() const { return items_; }
  Index size() const { return static_cast<Index>(items_.size()); }
  /// Places of all answers together.
  Index rows() const { return static_cast<Index>(labels_.size()); }
  /// The row of the first place of an item's answer; of `size()`: rows().
  Index begin(Index item) const { return begin_[static_cast<std::size_t>(item)]; }
  /// The token that is to be said at each row.
  const std::vector<Token>& labels() const { return labels_; }
  /// [row, d_model], the rows of an item one after the other.
  const Tensor<float>& h() const { return h_; }
  /// Of h as it is.
  const Answers& clean() const { return clean_; }
  /// [d_model, d_vocab]
  View<const float> W_U() const { return W_U_; }
  /// As the model was run with, and as all that follows from its outputs runs with.
  int threads() const { return threads_; }

  /// h' W_U + b_U of some rows h' [row, d_model].
  Tensor<float> logits(View<const float> h) const {
    Tensor<float> z({h.size(0), W_U_.size(1)});
    z.matrix().noalias() = h.matrix() * W_U_.matrix();
    z.matrix().rowwise() += b_U_.view_as({1, b_U_.numel()}).matrix().row(0);
    return z;
  }
  /// The answers with h' [row, d_model] in place of h. Throws ShapeError for another shape.
  Answers answers(View<const float> h) const {
    if (h.shape() != h_.shape()) {
      hooked::fail<hooked::ShapeError>("answers of ", h.shape(), ": h is ", h_.shape());
    }
    return answers_of([&](Index first, Index last) { return h.slice(0, first, last); });
  }
  /// The same; `changed(first, last)` gives the rows [first, last) of h'. It is called from several
  /// threads, for a few rows at a time: neither h' nor its logits are ever kept.
  template <class Changed>
  Answers answers_of(const Changed& changed) const {
    constexpr Index kAtOnce = 128;  // items, whose logits fit the cache
    const hooked::Cuts parts = hooked::Cuts::of(size(), kAtOnce);
    std::vector<char> right(items_.size());  // no bits: threads write side by side
    hooked::ThreadPool(threads_).run(parts.parts(), [&](Index p) {
      const Index first = begin(parts.begin(p));
      const Tensor<float> z = logits(changed(first, begin(parts.end(p))));
      const auto lines = z.matrix();
      for (Index item = parts.begin(p); item < parts.end(p); ++item) {
        const auto is_said = [&](Index row) {  // of equal tokens the first is
          const auto line = lines.row(row - first);
          const Token label = labels_[static_cast<std::size_t>(row)];
          return line(label) == line.maxCoeff() && (line.head(label).array() < line(label)).all();
        };
        Index row = begin(item);
        while (row < begin(item + 1) && is_said(row)) ++row;
        right[static_cast<std::size_t>(item)] = row == begin(item + 1);
      }
    });
    return {std::vector<bool>(right.begin(), right.end())};
  }
  /// The cross-entropies of all tokens of all answers together, of h as it is.
  double loss() const {
    const hooked::Cuts parts = hooked::Cuts::of(rows(), 1024);
    double sum = 0.0;
    for (Index p = 0; p < parts.parts(); ++p) {
      const Tensor<float> z = logits(h_.slice(0, parts.begin(p), parts.end(p)));
      for (Index row = parts.begin(p); row < parts.end(p); ++row) {
        sum += cross_entropy(z.matrix().row(row - parts.begin(p)).array(),
                             labels_[static_cast<std::size_t>(row)]);
      }
    }
    return sum;
  }
  /// The same of some of the items, by their places in the list.
  DecoderOutputs some(const std::vector<Index>& chosen) const {
    DecoderOutputs part(*this);
    part.items_.clear();
    part.labels_.clear();
    part.begin_ = {0};
    std::vector<Index> rows_of;
    for (const Index item : chosen) {
      part.items_.push_back(items_[static_cast<std::size_t>(item)]);
      for (Index row = begin(item); row < begin(item + 1); ++row) {
        part.labels_.push_back(labels_[static_cast<std::size_t>(row)]);
        rows_of.push_back(row);
      }
      part.begin_.push_back(part.rows());
    }
    part.h_ = Tensor<float>({part.rows(), h_.size(1)});
    part.h_.matrix() = h_.matrix()(rows_of, Eigen::all);
    part.clean_ = part.answers(part.h_);
    return part;
  }
  /// Those of the items that are answered exactly.
  DecoderOutputs only_right() const {
    std::vector<Index> right;
    for (Index item = 0; item < size(); ++item) {
      if (clean_.right[static_cast<std::size_t>(item)]) right.push_back(item);
    }
    return some(right);
  }

 private:
  Items items_;
  std::vector<Index> begin_;
  std::vector<Token> labels_;
  View<const float> W_U_, b_U_;
  int threads_;
  Tensor<float> h_;
  Answers clean_;
};

/// h of the items of each task, in their order.
inline PerTask<DecoderOutputs> outputs_of(const EncoderDecoder<float>& body, const Items& items,
                                          int threads = 0) {
  PerTask<Items> by_task;
  for (const Item& item : items) by_task[item.task].push_back(item);
  return {DecoderOutputs(body, by_task.add, threads),
          DecoderOutputs(body, by_task.concatenate, threads)};
}

}  // namespace add_concat
