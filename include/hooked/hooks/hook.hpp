// Hook<T>: what happens at which sites of a run.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/act_name.hpp"
#include "hooked/hooks/site.hpp"

namespace hooked {

/// Which sites: a full name, a short one ("pattern0"), a glob ("blocks.*.mlp.hook_post") or a
/// predicate on the name. Where a site fires more than once in a run, as in a block that is applied
/// twice, "NAME:1" is its second call alone.
///
/// Optional sites fire only when they are asked for: by a name or glob that writes out their last
/// word ("blocks.*.attn.hook_result"), or by anything that fits no other site.
class SiteSelector {
 public:
  SiteSelector(std::string name_or_glob) : text_(std::move(name_or_glob)), name_(text_) {
    const auto colon = name_.rfind(':');
    if (colon == std::string::npos) return;
    call_ = whole_number(std::string_view(name_).substr(colon + 1));
    if (!call_) {
      fail<NameError>("\"", text_, "\": after the colon stands the number of a call, from 0");
    }
    name_.resize(colon);
  }
  SiteSelector(const char* name_or_glob) : SiteSelector(std::string(name_or_glob)) {}
  template <std::predicate<std::string_view> Predicate>
  SiteSelector(Predicate predicate) : text_("a predicate"), predicate_(std::move(predicate)) {}

  /// The sites that fit. Throws NameError, naming the nearest sites, when none does.
  std::vector<SiteId> resolve(const SiteTable& sites) const {
    std::vector<SiteId> found, optional;
    for (SiteId id = 0; id < sites.size(); ++id) {
      const Site& site = sites[id];
      if (!(predicate_ ? predicate_(site.name) : matches_glob(site.name, name_))) continue;
      (site.is_optional && !writes_out(site.name) ? optional : found).push_back(id);
    }
    if (found.empty()) found = std::move(optional);
    if (!found.empty()) return found;
    if (predicate_) fail<NameError>("the predicate fits no hook point");
    const std::string full = act_name(name_);
    if (sites.contains(full)) return {sites.find(full)};
    fail<NameError>("no hook point is named \"", name_,
                    "\"; the nearest are: ", nearest_names(full, sites.names()));
  }
  /// As it was written, for error texts.
  const std::string& description() const { return text_; }
  /// Whether this call of a site is meant, the first being 0.
  bool is_meant(int call) const { return !call_ || *call_ == call; }
  /// The one call that is meant; empty: all.
  std::optional<int> call() const { return call_; }

 private:
  bool writes_out(std::string_view site) const {
    return !predicate_ && name_.ends_with(site.substr(site.rfind('.') + 1));
  }

  std::string text_, name_;  // as given, and without the call
  std::optional<int> call_;
  std::function<bool(std::string_view)> predicate_;
};

/// What a hook function is told about the place where it is called.
struct HookPoint {
  const Site& site;  ///< where the run is
  int call = 0;      // how often the site fired before in this run
  /// The full name of the site.
  const std::string& name() const { return site.name; }
  /// The block's number; -1 outside the blocks.
  int layer() const { return site.layer(); }
};

/// An action at one or more sites. Three kinds, told apart by what the function takes:
///  - observe: `void(View<const T>, const HookPoint&)` reads the activation;
///  - modify: `void(View<T>, const HookPoint&)` overwrites values; for runs without gradients;
///  - edit: `Variable<T>(Variable<T>, const HookPoint&)` is differentiable.
/// Every one sees the dense activation of the contract's shape. Ready-made edits: hooks/edits.hpp.
template <Scalar T>
struct Hook {
  /// Reads an activation.
  using Observe = std::function<void(View<const T>, const HookPoint&)>;
  /// Changes an activation's numbers; for runs without gradients.
  using Modify = std::function<void(View<T>, const HookPoint&)>;
  /// Gives what takes an activation's place, on the tape: gradients flow through.
  using Edit = std::function<Variable<T>(Variable<T>, const HookPoint&)>;

  template <class F>
  Hook(SiteSelector selector, F function)
      : where(std::move(selector)), action(as_action(std::move(function))) {}

  SiteSelector where;                          ///< the sites
  std::variant<Observe, Modify, Edit> action;  ///< what happens there

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
