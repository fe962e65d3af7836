// HookPlan: the hooks, the cache and the gradients of one run, resolved to site numbers.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/hook.hpp"

namespace hooked {

/// Which sites a run looks at, and what it does there. Every name is resolved before the run, so a
/// wrong one costs nothing; a hook that did not fire by the end of the run is an error.
template <Scalar T>
class HookPlan {
 public:
  explicit HookPlan(const SiteTable& sites)
      : sites_(&sites), at_(static_cast<std::size_t>(sites.size())) {}

  /// Appends a hook; at one site, hooks act in the order in which they were added.
  void add(Hook<T> hook) {
    const auto found = hook.where.resolve(*sites_);
    const std::size_t number = hooks_.size();
    hooks_.push_back({std::move(hook), false});
    for (const SiteId id : found) here(id).hooks.push_back(number);
    busy_ = true;
  }
  /// Keeps the activations at these sites, as they are after all hooks.
  void keep(const SiteSelector& where, bool gradient) {
    auto found = where.resolve(*sites_);
    for (const SiteId id : found) {
      here(id).keep = true;
      here(id).keep_gradient = gradient;
      last_kept_ = std::max(last_kept_, id);
    }
    wanted_.push_back({where.description(), std::move(found)});
    busy_ = true;
  }

  /// Keeps every site before `end` that fires.
  void keep_all(SiteId end, bool gradient) {
    for (SiteId id = 0; id < end; ++id) {
      if (!(*sites_)[id].switched_off_by.empty()) continue;
      here(id).keep = true;
      here(id).keep_gradient = gradient;
      last_kept_ = id;
    }
    busy_ = true;
  }

  /// Forgets what the last run did, so that a plan can serve many runs.
  void begin_run() {
    if (!busy_) return;
    for (Planned& planned : hooks_) planned.fired = false;
    for (Here& at : at_) at.kept = {};
  }

  /// Whether anything happens at a site; false for all of them costs one branch.
  bool looks_at(SiteId id) const { return busy_ && here(id).any(); }
  /// Whether anything happens at a site of [first, last].
  bool looks_at(SiteId first, SiteId last) const {
    for (SiteId id = first; busy_ && id <= last; ++id) {
      if (here(id).any()) return true;
    }
    return false;
  }
  /// The last site whose activation is kept, -1 if none is.
  SiteId last_kept() const { return last_kept_; }
  /// The last site at which anything happens, -1 if there is none.
  SiteId last_looked_at() const {
    SiteId last = -1;
    for (SiteId id = 0; id < sites_->size(); ++id) {
      if (looks_at(id)) last = id;
    }
    return last;
  }
  bool has_hooks() const { return !hooks_.empty(); }

  /// Memory that the kept activations will take in a run of these sizes; known before it starts.
  std::size_t bytes_to_keep(const AxisSizes& sizes) const {
    std::size_t sum = 0;
    for (SiteId id = 0; id < sites_->size(); ++id) {
      const auto bytes = static_cast<std::size_t>((*sites_)[id].shape(sizes).numel()) * sizeof(T);
      if (here(id).keep) sum += bytes;
      if (here(id).keep && here(id).keep_gradient) sum += bytes;
    }
    return sum;
  }

  /// The activation arrives at a site: runs the hooks, keeps the result, gives back what goes on.
  /// x is made dense first. Throws ShapeError when a hook changed the shape.
  Variable<T> arrive(SiteId id, Variable<T> x) {
    x = dense(x);
    const Site& site = (*sites_)[id];
    Here& at = here(id);
    for (const std::size_t number : at.hooks) {
      auto& [hook, fired] = hooks_[number];
      x = act(hook, x, HookPoint{site});
      fired = true;
    }
    if (at.keep) {
      if (at.keep_gradient) x.node().wants_gradient = x.node().keeps_gradient = true;
      at.kept = x;
      if (at.to.data() != nullptr) copy(x.value(), at.to);
    }
    return x;
  }

  /// Room for everything that is kept, in a run of these sizes.
  ActivationCache<T> make_cache(const AxisSizes& sizes) const {
    ActivationCache<T> cache;
    for (SiteId id = 0; id < sites_->size(); ++id) {
      const Site& site = (*sites_)[id];
      if (here(id).keep) cache.insert(site.name, Tensor<T>::empty(site.shape(sizes)));
    }
    return cache;
  }
  /// What arrives from now on is copied into `cache`, as elements [first, last) of the batch.
  void write_into(ActivationCache<T>& cache, Index first, Index last) {
    for (SiteId id = 0; id < sites_->size(); ++id) {
      if (here(id).keep)
        here(id).to.rebind(cache.at_name((*sites_)[id].name).slice(0, first, last));
    }
  }
  /// After backward: adds the gradients at the sites that keep theirs.
  void keep_gradients(ActivationCache<T>& cache) const {
    for (SiteId id = 0; id < sites_->size(); ++id) {
      Variable<T> kept = here(id).kept;
      if (kept && here(id).keep_gradient) {
        cache.insert((*sites_)[id].name + "_grad", Tensor<T>(kept.tape().gradient(kept)));
      }
    }
  }
  /// Drops what the run did not reach.
  void drop_unreached(ActivationCache<T>& cache) const {
    for (SiteId id = 0; id < sites_->size(); ++id) {
      if (here(id).keep && !here(id).kept) cache.erase((*sites_)[id].name);
    }
  }

  /// Throws Error for a hook that never fired, or a selection of sites to keep of which the run
  /// reached none.
  void check_all_fired() const {
    for (const auto& [hook, fired] : hooks_) {
      if (!fired) {
        fail<Error>("the hook at \"", hook.where.description(),
                    "\" never fired: the run did not pass there (stop_at_layer, start_at_layer?)");
      }
    }
    for (const auto& [description, sites] : wanted_) {
      if (std::none_of(sites.begin(), sites.end(), [&](SiteId id) { return here(id).kept; })) {
        fail<Error>("\"", description,
                    "\" was to be kept but the run did not pass there "
                    "(stop_at_layer, start_at_layer?)");
      }
    }
  }

 private:
  struct Here {
    std::vector<std::size_t> hooks;
    bool keep = false;
    bool keep_gradient = false;
    Variable<T> kept;
    View<T> to;  // where what is kept is copied to
    bool any() const { return keep || !hooks.empty(); }
  };

  Here& here(SiteId id) { return at_[static_cast<std::size_t>(id)]; }
  const Here& here(SiteId id) const { return at_[static_cast<std::size_t>(id)]; }

  Variable<T> act(const Hook<T>& hook, Variable<T> x, const HookPoint& point) const {
    if (const auto* observe = std::get_if<typename Hook<T>::Observe>(&hook.action)) {
      (*observe)(x.value(), point);
      return x;
    }
    if (const auto* modify = std::get_if<typename Hook<T>::Modify>(&hook.action)) {
      if (x.tape().recording) {
        fail<Error>("the hook at ", point.name(),
                    " overwrites values, which has no gradient; in a "
                    "run with gradients use an edit (a function of Variable<T>)");
      }
      const View<T> own = x.tape().numbers(x.shape());
      copy(x.value(), own);
      (*modify)(own, point);
      return x.tape().make(own, nullptr);
    }
    const Variable<T> y = std::get<typename Hook<T>::Edit>(hook.action)(x, point);
    if (!y || &y.tape() != &x.tape()) {
      fail<Error>("the hook at ", point.name(),
                  " gave back a variable that is not of this run's "
                  "tape; compute it from the one that the hook was given");
    }
    if (y.rows() != nullptr || y.shape() != x.shape()) {
      fail<ShapeError>("the hook at ", point.name(), " gave back ", y.shape(),
                       ", the activation is ", x.shape(), " ", point.site.axes_text());
    }
    return y;
  }

  struct Planned {
    Hook<T> hook;
    bool fired;
  };
  struct Wanted {
    std::string description;
    std::vector<SiteId> sites;
  };

  const SiteTable* sites_;
  std::vector<Here> at_;
  std::vector<Planned> hooks_;
  std::vector<Wanted> wanted_;
  SiteId last_kept_ = -1;
  bool busy_ = false;
};

}  // namespace hooked
