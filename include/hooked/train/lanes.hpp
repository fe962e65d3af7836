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

#include "hooked/core/cuts.hpp"
#include "hooked/core/thread_pool.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/lane.hpp"
#include "hooked/train/ranks.hpp"
#include "hooked/train/shares.hpp"
#include "hooked/train/trained_model.hpp"

namespace hooked {

/// What one batch gave: sums over its examples, added in lane order.
struct BatchResult {
  double loss = 0.0;           // the objective's sum over its divisor
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
  static int default_count(Index batch_size, Index rows_per_example) {
    const Index least = std::clamp<Index>(batch_size / 8, 1, 2);
    const Index most = std::clamp<Index>(batch_size, least, 8);
    return static_cast<int>(std::clamp<Index>(batch_size * rows_per_example / 256, least, most));
  }

  /// All must outlive the lanes; the models' weights may change between batches, their hooks may
  /// not. `activations` are those that the objective reads by Pass::activation.
  Lanes(const Together<T>& models, Job<T>& job, const std::vector<SiteSelector>& activations,
        int count, const Ranks& ranks = Ranks::alone())
      : models_(&models),
        job_(&job),
        activations_(&activations),
        ranks_(&ranks),
        // A user's hook may not be ready for two callers at once.
        owners_(ranks.share(models.have_hooks() ? std::min(count, 1) : count)),
        total_(Shape{models.slab_size()}),
        slices_(ranks.share(total_.numel(), kChunk)),
        chunks_(ranks.share((total_.numel() + kChunk - 1) / kChunk)) {
    if (count < 1) fail<ConfigError>("lanes is ", count, ", it must be at least 1");
    for (Index i = owners_.begin(); i < owners_.end(); ++i) {
      lanes_.push_back(std::make_unique<Lane<T>>(models, activations, job.share()));
    }
    losses_.resize(static_cast<std::size_t>(this->count()));
    rows_.resize(losses_.size());
    received_ = Tensor<T>({this->count() - owners_.count(), slices_.count()});
    squares_.resize(static_cast<std::size_t>(chunks_.end(ranks.size() - 1)));
    const auto declared = job.numbers_per_example();
    numbers_per_example_ = declared ? *declared : numbers_on_tape();
  }

  /// Forward and backward over the batch of a step: afterwards `gradients()` holds the gradient of
  /// its loss, on all ranks. Throws NumericError when the loss is not finite.
  BatchResult gradient(Index step, ThreadPool& pool) {
    ranks_->agree([&] { run(step, pool); });
    ranks_->gather(losses_.data(), owners_);
    BatchResult result;
    for (const double loss : losses_) result.loss += loss;
    if (!std::isfinite(result.loss)) {
      ranks_->agree([&] { report_bad_loss(result.loss); });
    }
    exchange();
    add_up(pool);
    ranks_->gather(total_.data(), slices_);
    ranks_->gather(squares_.data(), chunks_);
    double square = 0.0;
    for (const double part : squares_) square += part;
    result.gradient_norm = std::sqrt(square);
    return result;
  }

  /// d loss / d parameters of the last batch: the slabs of all models that are trained.
  Tensor<T>& gradients() { return total_; }
  /// Of all ranks together.
  int count() const { return static_cast<int>(owners_.end(ranks_->size() - 1)); }

 private:
  static constexpr Index kChunk = 1 << 14;  // of the sums; part of the order of addition

  Lane<T>& lane(Index i) { return *lanes_[static_cast<std::size_t>(i - owners_.begin())]; }
  // Lane i's shard of the batch at hand.
  Cuts shards() const { return Cuts::into(job_->examples(), count()); }

  // A lane is taken in slices of about 2^18 numbers (in float 1 MiB), or of four times as many as
  // there are parameters: each slice adds to every gradient, which must not cost more than it
  // saves.
  Index count_slices(Index examples) const {
    if (models_->have_hooks()) return 1;  // a hook is called once a batch
    constexpr Index kNumbers = Index{1} << 18;
    Index parameters = 0;
    for (const auto& m : *models_) parameters += m.parameters().layout().numel();
    const Index slice = std::max(kNumbers, 4 * parameters);
    return std::clamp<Index>(examples * numbers_per_example_ / slice, 1,
                             std::max<Index>(1, examples));
  }
  // How many the tape keeps for one example.
  Index numbers_on_tape() {
    job_->prepare(0);
    Lane<T> probe(*models_, *activations_, job_->share());
    (void)probe.forward(0, 1);
    return static_cast<Index>(probe.bound().pass().tape().arena().bytes_used() / sizeof(T));
  }

  // This rank's lanes; their losses stand in losses_ afterwards.
  void run(Index step, ThreadPool& pool) {
    job_->prepare(step);
    const double divisor = job_->divisor();
    if (!(divisor > 0)) {
      fail<ShapeError>("the loss of the batch is divided by ", divisor,
                       ": nothing in it counts (every label ignored, every weight 0?)");
    }
    const Cuts shards = this->shards();
    const Index slices = count_slices(shards.largest());
    pool.run(owners_.count(), [&](Index n) {
      const Index i = owners_.begin() + n;
      losses_[static_cast<std::size_t>(i)] =
          lane(i).run(shards.begin(i), shards.end(i), slices, divisor);
    });
  }

  // Gives each rank its slice of the gradients of the lanes that had examples.
  void exchange() {
    const Cuts shards = this->shards();
    T* room = received_.data();
    for (Index i = 0; i < count(); ++i) {
      SharedRow<T>& row = rows_[static_cast<std::size_t>(i)];
      row = {};
      const bool here = owners_.begin() <= i && i < owners_.end();
      if (shards.size(i) == 0) continue;
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
  [[noreturn]] void report_bad_loss(double loss) {
    Lane<T> again(*models_, *activations_, job_->share());
    Bound<T>& bound = again.bound();
    for (std::size_t i = 0; i < bound.size(); ++i) bound.plan(i).keep_all(false);
    (void)again.forward(0, job_->examples());
    std::string where = "the loss itself";
    for (std::size_t i = bound.size(); i-- > 0;) {
      const std::string bad = bound.plan(i).first_not_finite();
      if (!bad.empty()) where = (bound.size() > 1 ? (*models_)[i].name() + ": " : "") + bad;
    }
    fail<NumericError>("the loss is ", std::isnan(loss) ? "nan" : "infinite",
                       "; the first site with a NaN or infinity is ", where);
  }

  const Together<T>* models_;
  Job<T>* job_;
  const std::vector<SiteSelector>* activations_;
  const Ranks* ranks_;
  Shares owners_;                                // of the lanes
  std::vector<std::unique_ptr<Lane<T>>> lanes_;  // this rank's
  std::vector<double> losses_;                   // [lane]
  std::vector<SharedRow<T>> rows_;               // [lane]: its gradients
  Tensor<T> received_;                           // [lane of another rank, element of this slice]
  Tensor<T> total_;
  Shares slices_, chunks_;       // of the sums: by elements, and the same by chunks
  std::vector<double> squares_;  // [chunk]
  Index numbers_per_example_ = 0;
};

}  // namespace hooked
