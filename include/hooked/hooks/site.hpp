// Sites: the named places inside a model where activations can be seen, edited and differentiated.
#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/core/shape.hpp"
#include "hooked/hooks/act_name.hpp"

namespace hooked {

/// What an axis of an activation counts, by name. Modules of your own name theirs:
/// `Axis{"feature"}`; the text must be a literal. Queries stand at the positions of their own
/// stream; keys do too in self-attention, and at `source` positions in cross-attention.
struct Axis {
  std::string_view name;  ///< a literal
  friend bool operator==(const Axis&, const Axis&) = default;

  /// Those of the contract; `one` is an axis of size 1.
  static const Axis batch, pos, source, head, query, key, d_model, d_head, d_mlp, d_vocab_out, one;
};
inline constexpr Axis Axis::batch{"batch"}, Axis::pos{"pos"}, Axis::source{"source"},
    Axis::head{"head"}, Axis::query{"query"}, Axis::key{"key"}, Axis::d_model{"d_model"},
    Axis::d_head{"d_head"}, Axis::d_mlp{"d_mlp"}, Axis::d_vocab_out{"d_vocab_out"}, Axis::one{"1"};

/// An axis of a site: with the size that its module gives it, or, as batch and positions, with a
/// size that each run brings along.
struct SiteAxis {
  /// The size of an axis that each run brings along.
  static constexpr Index kOfTheRun = -1;

  Axis axis;               ///< what it counts
  Index size = kOfTheRun;  ///< as the module has it

  constexpr SiteAxis(Axis a, Index n = kOfTheRun) : axis(a), size(a == Axis::one ? 1 : n) {}
};

/// The sizes that a run brings along, by name.
class AxisSizes {
 public:
  AxisSizes(std::initializer_list<std::pair<Axis, Index>> sizes) : sizes_(sizes) {}

  /// Throws NameError for an axis that has no size in this run.
  Index operator[](Axis axis) const {
    for (const auto& [known, size] : sizes_) {
      if (known == axis) return size;
    }
    fail<NameError>("the axis ", axis.name, " has no size in this run");
  }

 private:
  std::vector<std::pair<Axis, Index>> sizes_;
};

/// One place in a model: "blocks.0.attn.hook_pattern", [batch, head, query, key].
struct Site {
  std::string name;            ///< "blocks.0.attn.hook_pattern"
  std::vector<SiteAxis> axes;  ///< outermost first
  /// Fires only in runs that ask for it: what it shows takes more work, or another order of work.
  bool is_optional = false;
  /// The axes in runs where every head has an input of its own; empty: as always.
  std::vector<SiteAxis> axes_per_head = {};

  /// The axes of an activation with this many.
  const std::vector<SiteAxis>& axes_for(int rank) const {
    return static_cast<int>(axes_per_head.size()) == rank ? axes_per_head : axes;
  }
  /// The shape of its activation in a run of these sizes. Throws NameError for an axis without one.
  Shape shape(const AxisSizes& sizes) const {
    Shape shape;
    for (const auto& [axis, size] : axes) {
      shape.push_back(size == SiteAxis::kOfTheRun ? sizes[axis] : size);
    }
    return shape;
  }
  /// "[batch, head, query, key]"
  std::string axes_text() const { return text_of(axes); }
  std::string axes_text(int rank) const { return text_of(axes_for(rank)); }
  /// The place of an axis in an activation of this rank (-1: as the site is declared), or -1.
  int axis_index(Axis axis, int rank = -1) const {
    const auto& here = axes_for(rank);
    const auto found = std::find_if(here.begin(), here.end(),
                                    [axis](const SiteAxis& own) { return own.axis == axis; });
    return found == here.end() ? -1 : static_cast<int>(found - here.begin());
  }
  /// The place of the axis that counts positions, queries where there are keys too, or -1.
  int position_axis(int rank = -1) const {
    return std::max(axis_index(Axis::pos, rank), axis_index(Axis::query, rank));
  }
  /// The block's number for "blocks.3.…", -1 for sites outside the blocks.
  int layer() const {
    constexpr std::string_view prefix = "blocks.";
    return name.compare(0, prefix.size(), prefix) == 0 ? std::stoi(name.substr(prefix.size())) : -1;
  }

 private:
  static std::string text_of(const std::vector<SiteAxis>& axes) {
    std::string joined;
    for (const SiteAxis& own : axes) {
      joined += (joined.empty() ? "" : ", ") + std::string(own.axis.name);
    }
    return "[" + joined + "]";
  }
};

/// The number of a site in its model's table, in the order in which sites fire.
using SiteId = int;

/// All sites of a model, in firing order, which is also the order of a cache's entries.
class SiteTable {
 public:
  /// Throws NameError when there is a site of that name already.
  SiteId add(Site site) {
    if (!by_name_.emplace(site.name, size()).second) {
      fail<NameError>("there are two hook points \"", site.name,
                      "\": give each module a name of its own with Builder::in");
    }
    sites_.push_back(std::move(site));
    return size() - 1;
  }
  /// How many sites there are.
  SiteId size() const { return static_cast<SiteId>(sites_.size()); }
  /// The site of a number.
  const Site& operator[](SiteId id) const { return sites_[static_cast<std::size_t>(id)]; }
  auto begin() const { return sites_.begin(); }
  auto end() const { return sites_.end(); }

  /// Whether a site has this full name.
  bool contains(std::string_view name) const { return number_of(name) >= 0; }
  /// By full name, which takes nothing from the heap, or short name ("pattern0"); -1 for a name
  /// that there is not.
  SiteId number_of(std::string_view name) const {
    auto found = by_name_.find(name);
    if (found == by_name_.end()) found = by_name_.find(act_name(name));
    return found == by_name_.end() ? -1 : found->second;
  }
  /// Throws NameError, with the nearest names, when there is no such site.
  SiteId find(const std::string& name) const {
    const SiteId number = number_of(name);
    if (number < 0) {
      fail<NameError>("there is no hook point \"", name,
                      "\"; the nearest are: ", nearest_names(name, names()));
    }
    return number;
  }
  /// Full names in firing order.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Site& site : sites_) all.push_back(site.name);
    return all;
  }

 private:
  std::vector<Site> sites_;
  std::map<std::string, SiteId, std::less<>> by_name_;
};

}  // namespace hooked
