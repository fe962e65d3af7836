// ActivationCache: the activations (and gradients at sites) that a run was asked to keep.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/hooks/act_name.hpp"
#include "hooked/hooks/site.hpp"

namespace hooked {

/// Owns what it holds: nothing that happens later changes it. Entries stand in firing order;
/// gradients, where asked for, follow as "NAME_grad". Of a site that fired more than once,
/// "NAME:0", "NAME:1", ... are its calls, and "NAME" is the last one, as in HookedTransformer.
template <Scalar T>
class ActivationCache {
 public:
  /// A full name and its activation.
  using Entry = std::pair<std::string, Tensor<T>>;

  /// By full name ("blocks.0.attn.hook_q") or short name ("q0", "scale0ln1").
  /// Throws NameError that lists what is held.
  const Tensor<T>& operator[](const std::string& name) const {
    return entries_[number_of(name)].second;
  }
  /// By short name, block and kind of layer: `at("pattern", 0)`, `at("scale", 0, "ln1")`.
  /// A negative block counts from the last one cached.
  const Tensor<T>& at(std::string_view name, int layer, std::string_view layer_type = "") const {
    return (*this)[act_name(name, layer < 0 ? layer + n_layers() : layer, layer_type)];
  }
  /// The names of an entry's axes, "batch", "head", "query", "key"; none where it did not come from
  /// a run. Throws NameError as operator[].
  std::vector<std::string> axes(const std::string& name) const {
    const std::size_t entry = number_of(name);
    const auto& names = axes_[entry];
    if (names[0].name.empty()) return {};
    std::vector<std::string> all;
    for (int axis = 0; axis < entries_[entry].second.rank(); ++axis) {
      all.emplace_back(names[static_cast<std::size_t>(axis)].name);
    }
    return all;
  }
  /// Whether it holds this name, full or short.
  bool contains(const std::string& name) const { return find(name) != by_name_.end(); }

  /// How many entries it holds.
  std::size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  /// Full names in firing order, gradients last.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, value] : entries_) all.push_back(name);
    return all;
  }
  /// Memory that the numbers take.
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& [name, value] : entries_) {
      sum += static_cast<std::size_t>(value.numel()) * sizeof(T);
    }
    return sum;
  }

  /// The same site of all blocks, stacked: [layer, ...]. Throws NameError when a block lacks it.
  Tensor<T> stack_activation(std::string_view name, std::string_view layer_type = "") const {
    const Tensor<T>& first = at(name, 0, layer_type);
    Tensor<T> stacked(join({static_cast<Index>(n_layers())}, first.shape()));
    for (int layer = 0; layer < n_layers(); ++layer) {
      copy(at(name, layer, layer_type).view(), stacked.select(0, layer));
    }
    return stacked;
  }

  /// Drops a batch axis of size 1 from every entry. Throws ShapeError when the batch is larger.
  void remove_batch_dim() {
    for (const auto& [name, value] : entries_) {
      if (value.rank() < 1 || value.size(0) != 1) {
        fail<ShapeError>("remove_batch_dim: ", name, " is ", value.shape(),
                         ", its first axis must be a batch of 1");
      }
    }
    for (auto& [name, value] : entries_) value = Tensor<T>(value.view().select(0, 0));
    for (auto& names : axes_) std::rotate(names.begin(), names.begin() + 1, names.end());
  }

  /// Another name for an entry that is there.
  void alias(const std::string& name, const std::string& entry) {
    by_name_.emplace(name, by_name_.at(entry));
  }
  /// Adds an entry at the end, or overwrites the one of that name. `axes`: what its axes count.
  void insert(std::string name, Tensor<T> value, std::span<const SiteAxis> axes = {}) {
    std::array<Axis, kMaxRank> names{};
    if (static_cast<int>(axes.size()) == value.rank()) {
      std::transform(axes.begin(), axes.end(), names.begin(),
                     [](const auto& own) { return own.axis; });
    }
    const auto [place, is_new] = by_name_.emplace(name, entries_.size());
    if (is_new) {
      entries_.emplace_back(std::move(name), std::move(value));
      axes_.push_back(names);
    } else {
      entries_[place->second].second = std::move(value);
      axes_[place->second] = names;
    }
  }

 private:
  // The full name of "pattern0", "pattern0:1", "resid_pre0_grad".
  static std::string full_name(const std::string& name) {
    constexpr std::string_view kGradient = "_grad";
    const bool gradient = name.ends_with(kGradient);
    const auto end = name.size() - (gradient ? kGradient.size() : 0);
    const auto colon = std::min(name.find(':'), end);
    return act_name(name.substr(0, colon)) + name.substr(colon);
  }
  std::size_t number_of(const std::string& name) const {
    const auto found = find(name);
    if (found == by_name_.end()) {
      std::vector<std::string> held;
      for (const auto& [key, value] : entries_) held.push_back(key);
      fail<NameError>("the cache does not hold \"", name, "\"; it holds ", held.size(),
                      " entries, the nearest are: ", nearest_names(full_name(name), held));
    }
    return found->second;
  }
  auto find(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found != by_name_.end() ? found : by_name_.find(full_name(name));
  }

  // Blocks from 0 to the highest that any entry names.
  int n_layers() const {
    int highest = -1;
    for (const auto& [name, value] : entries_) {
      constexpr std::string_view prefix = "blocks.";
      if (!name.starts_with(prefix)) continue;
      highest = std::max(highest,
                         leading_number(std::string_view(name).substr(prefix.size())).value_or(-1));
    }
    return highest + 1;
  }

  std::vector<Entry> entries_;
  std::vector<std::array<Axis, kMaxRank>> axes_;  // of each entry; empty names: not known
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace hooked
