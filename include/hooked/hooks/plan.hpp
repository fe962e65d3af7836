// HookPlan: the hooks, the cache and the gradients of one run, resolved to site numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/cache_writer.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/site.hpp"

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
      here(id).keep_gradient = here(id).keep_gradient || gradient;
      if (where.call()) {
        here(id).kept_calls.push_back(*where.call());
      } else {
        here(id).keeps_every_call = true;
      }
    }
    wanted_.push_back({where.description(), std::move(found)});
    busy_ = true;
  }

  /// Keeps every site (before `end`) that fires without being asked for.
  void keep_all(bool gradient) { keep_all(sites_->size(), gradient); }
  void keep_all(SiteId end, bool gradient) {
    for (SiteId id = 0; id < end; ++id) {
      if ((*sites_)[id].is_optional) continue;
      here(id).keep = here(id).keeps_every_call = true;
      here(id).keep_gradient = gradient;
    }
    busy_ = true;
  }

  /// Forgets what the last run did, so that a plan can serve many runs.
  void begin_run() {
    if (!busy_) return;
    for (Planned& planned : hooks_) planned.fired = false;
    for (Here& at : at_) at.calls = 0;
    kept_.clear();
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
  /// The last site at which anything happens, -1 if there is none.
  SiteId last_looked_at() const {
    SiteId last = -1;
    for (SiteId id = 0; id < sites_->size(); ++id) {
      if (looks_at(id)) last = id;
    }
    return last;
  }
  /// Whether any hook acts, keeping aside.
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
    const int call = at.calls++;
    for (const std::size_t number : at.hooks) {
      auto& [hook, fired] = hooks_[number];
      if (!hook.where.is_meant(call)) continue;
      x = act(hook, x, HookPoint{site, call});
      fired = true;
    }
    if (at.keeps(call)) {
      if (at.keep_gradient) x.node().wants_gradient = x.node().keeps_gradient = true;
      kept_.push_back({id, call, x});
      if (writer_ != nullptr) {
        if (!at.keeps_every_call) writer_->name_by_number(id);
        writer_->write(id, call, false, x.value(), first_example_);
      }
    }
    return x;
  }

  /// Whether the activation at a site, by full name, is kept.
  bool keeps(std::string_view name) const {
    const SiteId id = sites_->number_of(name);
    return id >= 0 && here(id).keep;
  }
  /// What this run kept there, the last call's. Throws Error before the site has fired.
  Variable<T> kept(std::string_view name) const {
    const SiteId id = sites_->number_of(name);
    const auto last = std::find_if(kept_.rbegin(), kept_.rend(),
                                   [id](const Kept& kept) { return kept.id == id; });
    if (last == kept_.rend()) {
      fail<Error>("the activation \"", name, "\" has not come by in this run");
    }
    return last->x;
  }

  /// The first site that kept a NaN, or an infinity that no mask put there; or "".
  std::string first_not_finite() const {
    SiteId first = sites_->size();
    for (const Kept& kept : kept_) {
      if (kept.id >= first) continue;
      const std::string& name = (*sites_)[kept.id].name;
      const bool masks = name.ends_with("hook_attn_scores");  // with minus infinity
      bool is_bad = false;
      for_each_element(kept.x.value(), [&](Index, const T& v) {
        const bool fine = masks ? v < std::numeric_limits<T>::infinity() : std::isfinite(v);
        is_bad = is_bad || !fine;
      });
      if (is_bad) first = kept.id;
    }
    return first == sites_->size() ? "" : (*sites_)[first].name;
  }

  /// What is kept from now on goes to `writer` too, as the examples from `first` on.
  void write_to(CacheWriter<T>& writer, Index first) {
    writer_ = &writer;
    first_example_ = first;
  }
  /// Room for what is kept of tokens [batch, length].
  void reserve(CacheWriter<T>& writer, Index batch, Index length) const {
    const AxisSizes sizes{
        {Axis::batch, batch}, {Axis::pos, length}, {Axis::query, length}, {Axis::key, length}};
    for (SiteId id = 0; id < sites_->size(); ++id) {
      if (here(id).keep) writer.reserve(id, (*sites_)[id].shape(sizes));
    }
  }
  /// After backward: writes the gradients at the sites that keep theirs.
  void write_gradients() const {
    for (const auto& [id, call, x] : kept_) {
      if (!here(id).keep_gradient) continue;
      writer_->write(id, call, true, x.tape().gradient(x), first_example_);
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
      if (std::none_of(kept_.begin(), kept_.end(), [&ids = sites](const Kept& kept) {
            return std::find(ids.begin(), ids.end(), kept.id) != ids.end();
          })) {
        fail<Error>("\"", description,
                    "\" was to be kept but the run did not pass there "
                    "(stop_at_layer, start_at_layer?)");
      }
    }
  }

 private:
  struct Kept {
    SiteId id;
    int call;
    Variable<T> x;
  };
  struct Here {
    std::vector<std::size_t> hooks;
    bool keep = false;
    bool keep_gradient = false;
    std::vector<int> kept_calls;  // unless every one is kept
    bool keeps_every_call = false;
    int calls = 0;  // in this run
    bool any() const { return keep || !hooks.empty(); }
    bool keeps(int call) const {
      return keep && (keeps_every_call ||
                      std::find(kept_calls.begin(), kept_calls.end(), call) != kept_calls.end());
    }
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
                       ", the activation is ", x.shape(), " ",
                       point.site.axes_text(x.shape().rank()));
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
  std::vector<Kept> kept_;  // of this run
  std::vector<Planned> hooks_;
  std::vector<Wanted> wanted_;
  CacheWriter<T>* writer_ = nullptr;
  Index first_example_ = 0;
  bool busy_ = false;
};

}  // namespace hooked
