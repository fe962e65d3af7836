// Sites: the named places inside a model where activations can be seen, edited and differentiated.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/core/shape.hpp"

namespace hooked {

/// What an axis of an activation counts.
enum class Axis { batch, pos, head, query, key, d_model, d_head, d_mlp, d_vocab_out, one };

inline std::string_view axis_name(Axis axis) {
  constexpr std::string_view names[] = {"batch",   "pos",    "head",  "query",       "key",
                                        "d_model", "d_head", "d_mlp", "d_vocab_out", "1"};
  return names[static_cast<std::size_t>(axis)];
}

/// The size of each kind of axis in one run.
using AxisSizes = std::array<Index, 10>;

/// One place in a model: "blocks.0.attn.hook_pattern", [batch, head, query, key].
struct Site {
  std::string name;
  std::vector<Axis> axes;
  /// The config option that would switch this site on; empty for a site that fires.
  std::string switched_off_by;

  Shape shape(const AxisSizes& sizes) const {
    Shape shape;
    for (const Axis axis : axes) shape.push_back(sizes[static_cast<std::size_t>(axis)]);
    return shape;
  }
  /// "[batch, head, query, key]"
  std::string axes_text() const {
    std::string joined;
    for (const Axis axis : axes)
      joined += (joined.empty() ? "" : ", ") + std::string(axis_name(axis));
    return "[" + joined + "]";
  }
  /// The place of an axis in the shape, or -1.
  int axis_index(Axis axis) const {
    const auto found = std::find(axes.begin(), axes.end(), axis);
    return found == axes.end() ? -1 : static_cast<int>(found - axes.begin());
  }
  /// The block's number for "blocks.3.…", -1 for sites outside the blocks.
  int layer() const {
    constexpr std::string_view prefix = "blocks.";
    return name.compare(0, prefix.size(), prefix) == 0 ? std::stoi(name.substr(prefix.size())) : -1;
  }
};

/// The number of a site in its model's table, in the order in which sites fire.
using SiteId = int;

/// All sites of a model, in firing order, which is also the order of a cache's entries.
class SiteTable {
 public:
  SiteId add(Site site) {
    by_name_[site.name] = size();
    sites_.push_back(std::move(site));
    return size() - 1;
  }
  SiteId size() const { return static_cast<SiteId>(sites_.size()); }
  const Site& operator[](SiteId id) const { return sites_[static_cast<std::size_t>(id)]; }
  auto begin() const { return sites_.begin(); }
  auto end() const { return sites_.end(); }

  /// Throws NameError, with the nearest names, when there is no such site.
  SiteId find(const std::string& name) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      fail<NameError>("there is no hook point \"", name,
                      "\"; the nearest are: ", nearest_names(name, names()));
    }
    return found->second;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Site& site : sites_) all.push_back(site.name);
    return all;
  }

 private:
  std::vector<Site> sites_;
  std::unordered_map<std::string, SiteId> by_name_;
};

}  // namespace hooked
