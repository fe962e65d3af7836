// HookList: the hooks that stay with a model from run to run.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/hooks/site.hpp"

namespace hooked {

/// What add_hook may be told.
struct AddHookOptions {
  bool is_permanent = false;  // survives reset_hooks()
  bool prepend = false;       // acts before the hooks that are there
};

/// Hooks in the order in which they act. Scopes nest; leaving one, also by an exception, removes
/// the hooks that were added in it and no others.
template <Scalar T>
class HookList {
 public:
  /// Appends a hook.
  void add(Hook<T> hook, AddHookOptions options = {}) {
    Added added{std::move(hook), options.is_permanent, open_.empty() ? 0 : open_.back()};
    hooks_.insert(options.prepend ? hooks_.begin() : hooks_.end(), std::move(added));
  }
  /// Removes all hooks, permanent ones only if asked.
  void reset(bool including_permanent) {
    std::erase_if(hooks_, [&](const Added& a) { return including_permanent || !a.is_permanent; });
  }
  /// How many hooks there are.
  std::size_t size() const { return hooks_.size(); }

  /// A plan that starts with these hooks.
  HookPlan<T> plan(const SiteTable& sites) const {
    HookPlan<T> plan(sites);
    for (const Added& added : hooks_) plan.add(added.hook);
    return plan;
  }

  /// While it is the innermost one alive, hooks are added to it. The list must outlive it and stay
  /// in place.
  class Scope {
   public:
    explicit Scope(HookList& list) : list_(&list), number_(++list.last_scope_) {
      list.open_.push_back(number_);
    }
    Scope(Scope&& other) noexcept
        : list_(std::exchange(other.list_, nullptr)), number_(other.number_) {}
    Scope& operator=(Scope&&) = delete;
    ~Scope() {
      if (list_ == nullptr) return;
      std::erase_if(list_->hooks_,
                    [&](const Added& a) { return a.scope == number_ && !a.is_permanent; });
      std::erase(list_->open_, number_);
    }

   private:
    HookList* list_;
    int number_;
  };

 private:
  struct Added {
    Hook<T> hook;
    bool is_permanent;
    int scope;  // 0: none
  };
  std::vector<Added> hooks_;
  std::vector<int> open_;  // scopes that are alive, the innermost last
  int last_scope_ = 0;
};

}  // namespace hooked
