// Lanes: a batch in a fixed number of shards, so that threads and ranks change the time and never a
// bit.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/thread_pool.hpp"
#include "hooked/train/lane.hpp"
#include "hooked/train/ranks.hpp"

namespace hooked {

/// What one batch gave: sums over the labels that count, added in lane order.
struct BatchResult {
  double loss = 0.0;           // mean cross-entropy in nats
  double gradient_norm = 0.0;  // of all parameters together
};

/// The lanes of a training run. Each runs its shard on one thread with a tape and gradients of its
/// own; the gradients are added in lane order. The number of lanes is a property of the run, the
/// numbers of threads and ranks are the machine's: the result depends on the first alone.
///
/// Each rank runs some of the lanes. Then each gets the same slice of all lanes' gradients, adds
/// them up, and the sums go to all ranks.
template <Scalar T>
class Lanes {
 public:
  /// The number of lanes for a batch where the user names none: as many as have 256 rows each (an
  /// example has one for each position that is read), but at most 8, and at least 2 unless a lane
  /// would have less than 8 examples. A lane costs as much as some dozen rows: gradients of its
  /// own, and distinct rows that it has in common with others.
  static int default_count(Index batch_size, Index positions_read) {
    const Index least = std::clamp<Index>(batch_size / 8, 1, 2);
    const Index most = std::clamp<Index>(batch_size, least, 8);
    return static_cast<int>(std::clamp<Index>(batch_size * positions_read / 256, least, most));
  }

  /// `model` and `ranks` must outlive the lanes; the model's weights may change between batches,
  /// its hooks may not.
  Lanes(const Transformer<T>& model, std::vector<Token> positions, int count,
        const Ranks& ranks = Ranks::alone())
      : model_(&model),
        ranks_(&ranks),
        positions_(std::move(positions)),
        // A user's hook may not be ready for two callers at once.
        owners_(ranks.share(model.n_hooks() > 0 ? std::min(count, 1) : count)),
        total_(model.parameters().slab()),
        slices_(ranks.share(total_.numel(), kChunk)),
        chunks_(ranks.share((total_.numel() + kChunk - 1) / kChunk)) {
    if (count < 1) fail<ConfigError>("lanes is ", count, ", it must be at least 1");
    for (Index i = owners_.begin(); i < owners_.end(); ++i) {
      lanes_.push_back(std::make_unique<Lane<T>>(model, positions_));
    }
    losses_.resize(static_cast<std::size_t>(this->count()));
    rows_.resize(losses_.size());
    received_ = Tensor<T>({this->count() - owners_.count(), slices_.count()});
    squares_.resize(static_cast<std::size_t>(chunks_.end(ranks.size() - 1)));
  }

  /// Forward and backward over the examples `chosen`: afterwards `gradients()` holds the gradient
  /// of the mean loss, on all ranks. Throws NumericError when the loss is not finite.
  BatchResult gradient(const Dataset& data, std::span<const Index> chosen, ThreadPool& pool) {
    ranks_->agree([&] { run(data, chosen, pool); });
    ranks_->gather(losses_.data(), owners_);
    BatchResult result;
    for (const double loss : losses_) result.loss += loss;
    if (!std::isfinite(result.loss)) {
      ranks_->agree([&] { report_bad_loss(data, chosen, result.loss); });
    }
    exchange(static_cast<Index>(chosen.size()));
    add_up(pool);
    ranks_->gather(total_.data(), slices_);
    ranks_->gather(squares_.data(), chunks_);
    double square = 0.0;
    for (const double part : squares_) square += part;
    result.gradient_norm = std::sqrt(square);
    return result;
  }

  /// d mean loss / d parameters of the last batch, a slab of the parameters' layout.
  Tensor<T>& gradients() { return total_; }
  /// Of all ranks together.
  int count() const { return static_cast<int>(owners_.end(ranks_->size() - 1)); }

 private:
  static constexpr Index kChunk = 1 << 14;  // of the sums; part of the order of addition

  // Where lane i's shard of a batch begins.
  Index shard_begin(Index i, Index examples) const { return i * examples / count(); }
  Lane<T>& lane(Index i) { return *lanes_[static_cast<std::size_t>(i - owners_.begin())]; }

  // This rank's lanes; their losses stand in losses_ afterwards.
  void run(const Dataset& data, std::span<const Index> chosen, ThreadPool& pool) {
    const Index counted = count_labels(data, chosen);
    if (counted == 0) fail<ShapeError>("every label of the batch is ignored, there is no loss");
    const auto examples = static_cast<Index>(chosen.size());
    pool.run(owners_.count(), [&](Index n) {
      const Index i = owners_.begin() + n;
      const Index first = shard_begin(i, examples), last = shard_begin(i + 1, examples);
      const auto shard =
          chosen.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
      const Index largest = (examples + count() - 1) / count();
      losses_[static_cast<std::size_t>(i)] = lane(i).run(data, shard, largest, counted);
    });
  }

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

  // Gives each rank its slice of the gradients of the lanes that had examples.
  void exchange(Index examples) {
    T* room = received_.data();
    for (Index i = 0; i < count(); ++i) {
      SharedRow<T>& row = rows_[static_cast<std::size_t>(i)];
      row = {};
      const bool here = owners_.begin() <= i && i < owners_.end();
      if (shard_begin(i, examples) == shard_begin(i + 1, examples)) continue;
      if (here) {
        row.whole = lane(i).gradients().data();
      } else {
        row.slice = room;
        room += slices_.count();
      }
    }
    ranks_->exchange(std::span<const SharedRow<T>>(rows_), owners_, slices_);
  }

  // Adds the lanes' gradients in lane order, by chunks of a fixed size, and each chunk's squares.
  void add_up(ThreadPool& pool) {
    pool.run(chunks_.count(), [&](Index n) {
      const Index c = chunks_.begin() + n, first = c * kChunk;
      const Index count = std::min(kChunk, total_.numel() - first);
      T* const sum = total_.data() + first;
      bool empty = true;
      for (const SharedRow<T>& row : rows_) {
        if (row.whole == nullptr && row.slice == nullptr) continue;
        const T* part = row.whole ? row.whole + first : row.slice + (first - slices_.begin());
        if (empty) {
          std::copy_n(part, count, sum);
        } else {
          add_scaled(count, T(1), part, sum);
        }
        empty = false;
      }
      const auto square = [](const Packet<T>& v) { return Eigen::internal::pmul(v, v); };
      squares_[static_cast<std::size_t>(c)] = sum_in_double<T>(count, square, sum);
    });
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
  const Ranks* ranks_;
  std::vector<Token> positions_;
  Shares owners_;                                // of the lanes
  std::vector<std::unique_ptr<Lane<T>>> lanes_;  // this rank's
  std::vector<double> losses_;                   // [lane]
  std::vector<SharedRow<T>> rows_;               // [lane]: its gradients
  Tensor<T> received_;                           // [lane of another rank, element of this slice]
  Tensor<T> total_;
  Shares slices_, chunks_;       // of the sums: by elements, and the same by chunks
  std::vector<double> squares_;  // [chunk]
};

}  // namespace hooked
