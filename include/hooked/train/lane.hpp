// Lane: one shard of a batch, forward and backward on one thread.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "hooked/autograd/variable.hpp"
#include "hooked/core/cuts.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/trained_model.hpp"

namespace hooked {

/// The plans of a run's models, and a pass that binds them all.
template <Scalar T>
class Bound {
 public:
  /// `models` must outlive it; their weights may change between runs, their hooks may not. Throws
  /// NameError for an activation that no model has.
  Bound(const Together<T>& models, const std::vector<SiteSelector>& activations)
      : pass_(models[0].parameters()) {
    plans_.reserve(models.size());
    pass_.use(models[0].parameters(), models[0].is_frozen());
    for (const TrainedModel<T>& model : models) {
      plans_.push_back(model.plan());
      if (plans_.size() > 1) pass_.bind(model.parameters(), &plans_.back(), model.is_frozen());
    }
    for (const SiteSelector& where : activations) keep(where);
  }

  /// The pass that binds all models.
  Pass<T>& pass() { return pass_; }
  /// Of the model `i`.
  HookPlan<T>& plan(std::size_t i) { return plans_[i]; }
  /// How many models there are.
  std::size_t size() const { return plans_.size(); }
  void begin(const typename Pass<T>::Options& options, bool adds = false) {
    pass_.begin(options, &plans_[0], adds);
  }

 private:
  // In the first model that has it.
  void keep(const SiteSelector& where) {
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      try {
        plans_[i].keep(where, false);
        return;
      } catch (const NameError&) {
        if (i + 1 == plans_.size()) throw;
      }
    }
  }

  std::vector<HookPlan<T>> plans_;
  Pass<T> pass_;
};

/// A tape and gradients of its own. A shard whose activations would not stay in a cache is taken in
/// slices, one after the other in the same memory, which add up in the gradients.
template <Scalar T>
class Lane {
 public:
  /// `share` is its way to the examples.
  Lane(const Together<T>& models, const std::vector<SiteSelector>& activations,
       std::unique_ptr<Share<T>> share)
      : bound_(models, activations), share_(std::move(share)) {
    options_.gradients = options_.recycling = true;
  }

  /// Forward and backward over the examples [first, last) of the batch, in so many slices. The loss
  /// is their sum over `divisor`; afterwards `gradients()` has its gradient.
  double run(Index first, Index last, Index slices, double divisor) {
    const Cuts cuts = Cuts::into(last - first, slices);
    double sum = 0.0;
    bool adds = false;
    for (Index s = 0; s < slices; ++s) {
      if (cuts.size(s) == 0) continue;
      const Variable<T> y = forward(first + cuts.begin(s), first + cuts.end(s), adds);
      if (!y.wants_gradient()) {
        fail<ShapeError>("the objective does not depend on any parameter that is trained");
      }
      sum += static_cast<double>(y.value().item());
      bound_.pass().backward(y, 1.0 / divisor);
      bound_.pass().tape().reset();  // now, so that memory added here is in one piece for the next
      adds = true;
    }
    return sum / divisor;
  }

  /// The objective of the examples [first, last), on a tape that stays until the next run.
  Variable<T> forward(Index first, Index last, bool adds = false) {
    share_->load(first, last);
    options_.positions = share_->positions();
    bound_.begin(options_, adds);
    return share_->sum(bound_.pass());
  }
  /// The pass and the plans of its models.
  Bound<T>& bound() { return bound_; }

  /// Of the last run: a slab for all that is trained (Together::slab_size).
  const Tensor<T>& gradients() { return bound_.pass().gradients(); }

 private:
  Bound<T> bound_;
  std::unique_ptr<Share<T>> share_;
  typename Pass<T>::Options options_;
};

}  // namespace hooked
