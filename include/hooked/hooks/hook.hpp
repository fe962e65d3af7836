// Hook<T>: what happens at which sites of a run.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/act_name.hpp"
#include "hooked/hooks/site.hpp"

namespace hooked {

/// Which sites: a full name, a glob ("blocks.*.mlp.hook_post") or a predicate on the name.
class SiteSelector {
 public:
  SiteSelector(std::string name_or_glob) : text_(std::move(name_or_glob)) {}
  SiteSelector(const char* name_or_glob) : text_(name_or_glob) {}
  template <std::predicate<std::string_view> Predicate>
  SiteSelector(Predicate predicate) : text_("a predicate"), predicate_(std::move(predicate)) {}

  /// The sites that fit and can fire. Throws NameError when none fits, naming the nearest sites, or
  /// when those that fit are switched off, naming the option that switches them on.
  std::vector<SiteId> resolve(const SiteTable& sites) const {
    std::vector<SiteId> found;
    const Site* switched_off = nullptr;
    for (SiteId id = 0; id < sites.size(); ++id) {
      const Site& site = sites[id];
      if (!(predicate_ ? predicate_(site.name) : matches_glob(site.name, text_))) continue;
      if (site.switched_off_by.empty()) {
        found.push_back(id);
      } else {
        switched_off = &site;
      }
    }
    if (found.empty() && switched_off != nullptr) {
      fail<NameError>("the hook point \"", switched_off->name, "\" never fires in this model: set ",
                      switched_off->switched_off_by, " in its config");
    }
    if (found.empty() && predicate_) fail<NameError>("the predicate fits no hook point");
    if (found.empty()) {
      fail<NameError>("no hook point is named \"", text_,
                      "\"; the nearest are: ", nearest_names(act_name(text_), sites.names()));
    }
    return found;
  }
  const std::string& description() const { return text_; }

 private:
  std::string text_;
  std::function<bool(std::string_view)> predicate_;
};

/// What a hook function is told about the place where it is called.
struct HookPoint {
  const Site& site;
  const std::string& name() const { return site.name; }
  int layer() const { return site.layer(); }
};

/// An action at one or more sites. Three kinds, told apart by what the function takes:
///  - observe: `void(View<const T>, const HookPoint&)` reads the activation;
///  - modify: `void(View<T>, const HookPoint&)` overwrites values; for runs without gradients;
///  - edit: `Variable<T>(Variable<T>, const HookPoint&)` is differentiable.
/// Every one sees the dense activation of the contract's shape. Ready-made edits: hooks/edits.hpp.
template <Scalar T>
struct Hook {
  using Observe = std::function<void(View<const T>, const HookPoint&)>;
  using Modify = std::function<void(View<T>, const HookPoint&)>;
  using Edit = std::function<Variable<T>(Variable<T>, const HookPoint&)>;

  template <class F>
  Hook(SiteSelector selector, F function)
      : where(std::move(selector)), action(as_action(std::move(function))) {}

  SiteSelector where;
  std::variant<Observe, Modify, Edit> action;

 private:
  template <class F>
  static auto as_action(F function) {
    if constexpr (std::is_invocable_r_v<Variable<T>, F&, Variable<T>, const HookPoint&>) {
      return Edit(std::move(function));
    } else if constexpr (std::is_invocable_v<F&, View<const T>, const HookPoint&>) {
      static_assert(
          std::is_void_v<std::invoke_result_t<F&, View<const T>, const HookPoint&>>,
          "a hook that only reads gives nothing back; to replace an activation, overwrite "
          "a View<T> or give back a Variable<T>");
      return Observe(std::move(function));
    } else {
      static_assert(std::is_invocable_v<F&, View<T>, const HookPoint&>,
                    "a hook is a function of (View<const T> or View<T> or Variable<T>, "
                    "const HookPoint&)");
      static_assert(std::is_void_v<std::invoke_result_t<F&, View<T>, const HookPoint&>>,
                    "a hook that overwrites a View<T> gives nothing back");
      return Modify(std::move(function));
    }
  }
};

}  // namespace hooked
