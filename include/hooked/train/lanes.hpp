// Lanes: a batch in a fixed number of shards, so that threads change the time and never a bit.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hooked/nn/transformer.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/thread_pool.hpp"

namespace hooked {

/// What one batch gave: sums over the labels that count, added in lane order.
struct BatchResult {
  double loss = 0.0;           // mean cross-entropy in nats
  double gradient_norm = 0.0;  // of all parameters together
};

/// The lanes of a training run. Each runs its shard on one thread with a tape and gradients of its
/// own; the gradients are added in lane order. The number of lanes is a property of the run, the
/// number of threads one of the machine: the result depends on the first alone.
template <Scalar T>
class Lanes {
 public:
  /// The number of lanes for a batch where the user names none: 8, fewer where a lane would have
  /// less than 8 examples.
  static int default_count(Index batch_size) {
    return static_cast<int>(std::clamp<Index>(batch_size / 8, 1, 8));
  }

  /// `model` must outlive the lanes; its weights may change between batches, its hooks may not.
  Lanes(const Transformer<T>& model, std::vector<Token> positions, int count)
      : model_(&model), positions_(std::move(positions)), total_(model.parameters().slab()) {
    if (count < 1) fail<ConfigError>("lanes is ", count, ", it must be at least 1");
    // A user's hook may not be ready for two callers at once.
    if (model.n_hooks() > 0) count = 1;
    for (int i = 0; i < count; ++i) lanes_.push_back(std::make_unique<Lane>(model));
  }

  /// Forward and backward over the examples `chosen`: afterwards `gradients()` holds the gradient
  /// of the mean loss. Throws NumericError when the loss is not finite.
  BatchResult gradient(const Dataset& data, std::span<const Index> chosen, ThreadPool& pool) {
    const Index counted = count_labels(data, chosen);
    if (counted == 0) fail<ShapeError>("every label of the batch is ignored, there is no loss");
    const auto lanes = static_cast<Index>(lanes_.size());
    const auto examples = static_cast<Index>(chosen.size());
    pool.run(lanes, [&](Index i) {
      const auto first = static_cast<std::size_t>(i * examples / lanes);
      const auto last = static_cast<std::size_t>((i + 1) * examples / lanes);
      Lane& lane = *lanes_[static_cast<std::size_t>(i)];
      lane.reserve(data, (examples + lanes - 1) / lanes);
      lane.run(*model_, data, chosen.subspan(first, last - first), positions_, counted);
    });
    BatchResult result;
    for (const auto& lane : lanes_) result.loss += lane->loss;
    if (!std::isfinite(result.loss)) report_bad_loss(data, chosen, result.loss);
    result.gradient_norm = std::sqrt(add_up(pool));
    return result;
  }

  /// d mean loss / d parameters of the last batch, a slab of the parameters' layout.
  Tensor<T>& gradients() { return total_; }
  int count() const { return static_cast<int>(lanes_.size()); }

 private:
  struct Lane {
    explicit Lane(const Transformer<T>& model) : plan(model.plan()), pass(model.parameters()) {}

    // Room for the largest shard of a batch, so that smaller batches take nothing from the heap.
    void reserve(const Dataset& data, Index examples) {
      if (tokens.numel() > 0 && tokens.size(0) >= examples) return;
      tokens = Tensor<Token>({examples, data.tokens.size(1)});
      labels = Tensor<Token>({examples, data.labels.size(1)});
    }

    void run(const Transformer<T>& model, const Dataset& data, std::span<const Index> chosen,
             const std::vector<Token>& positions, Index counted) {
      loss = 0.0;
      used = !chosen.empty();
      if (!used) return;
      const auto examples = static_cast<Index>(chosen.size());
      for (Index i = 0; i < examples; ++i) {
        const Index from = chosen[static_cast<std::size_t>(i)];
        std::copy_n(&data.tokens.data()[from * tokens.size(1)], tokens.size(1),
                    &tokens.data()[i * tokens.size(1)]);
        std::copy_n(&data.labels.data()[from * labels.size(1)], labels.size(1),
                    &labels.data()[i * labels.size(1)]);
      }
      if (started) {
        pass.begin_again(&plan);
      } else {
        pass.begin({.gradients = true, .positions = positions}, &plan);
        started = true;
      }
      const View<const Token> shard = tokens.slice(0, 0, examples);
      const View<const Token> expected = labels.slice(0, 0, examples);
      const auto logits = model.forward(pass, shard);
      const auto mean = cross_entropy(logits, expected, counted);
      loss = static_cast<double>(mean.value().item());
      pass.backward(mean);
      pass.tape()
          .reset();  // now, so that memory which this step added is in one piece for the next
    }

    HookPlan<T> plan;
    Pass<T> pass;
    Tensor<Token> tokens, labels;
    double loss = 0.0;
    bool used = false, started = false;
  };

  static Index count_labels(const Dataset& data, std::span<const Index> chosen) {
    Index counted = 0;
    for (const Index example : chosen) {
      const Token* labels = data.labels.data() + example * data.labels.size(1);
      for (Index i = 0; i < data.labels.size(1); ++i) {
        counted += labels[i] != CrossEntropy::kIgnored ? 1 : 0;
      }
    }
    return counted;
  }

  // Adds the lanes' gradients in lane order, by chunks of a fixed size; returns the squared norm.
  double add_up(ThreadPool& pool) {
    constexpr Index kChunk = 1 << 14;
    const Index size = total_.numel(), chunks = (size + kChunk - 1) / kChunk;
    squares_.resize(static_cast<std::size_t>(chunks));
    pool.run(chunks, [&](Index c) {
      const Index first = c * kChunk, count = std::min(kChunk, size - first);
      using Numbers = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;
      Numbers sum(total_.data() + first, count);
      bool empty = true;
      for (const auto& lane : lanes_) {
        if (!lane->used) continue;
        const Eigen::Map<const Eigen::Array<T, Eigen::Dynamic, 1>> part(
            lane->pass.gradients().data() + first, count);
        if (empty) {
          sum = part;
        } else {
          sum += part;
        }
        empty = false;
      }
      squares_[static_cast<std::size_t>(c)] = sum.template cast<double>().square().sum();
    });
    double square = 0.0;
    for (const double part : squares_) square += part;
    return square;
  }

  // Runs the batch once more, looking at every site, to say where the first bad number is.
  [[noreturn]] void report_bad_loss(const Dataset& data, std::span<const Index> chosen,
                                    double loss) {
    const Dataset batch = data.subset(chosen);
    std::string where = "the loss itself";
    for (const auto& [name, value] : model_->run_with_cache(batch.tokens).second) {
      const bool masks = name.ends_with("hook_attn_scores");  // with minus infinity
      const auto is_bad = [masks](T x) {
        return masks ? !(x < std::numeric_limits<T>::infinity()) : !std::isfinite(x);
      };
      if (std::none_of(value.data(), value.data() + value.numel(), is_bad)) continue;
      where = name;
      break;
    }
    fail<NumericError>("the loss is ", std::isnan(loss) ? "nan" : "infinite",
                       "; the first site with a NaN or infinity is ", where);
  }

  const Transformer<T>* model_;
  std::vector<Token> positions_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  Tensor<T> total_;
  std::vector<double> squares_;
};

}  // namespace hooked
