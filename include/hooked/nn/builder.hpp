// Builder: what a module registers with while a model is put together.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/hooks/site.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

/// Collects parameters and sites under dotted names. Modules register their sites in the order in
/// which they fire. What a module is made of, sizes and kinds, comes as options of its own.
struct Builder {
  ParameterLayout& parameters;  ///< where they are laid out
  SiteTable& sites;             ///< where they are listed
  std::string prefix = "";      // "blocks.0.attn."

  /// The same collections under a longer prefix.
  Builder in(std::string_view module) const {
    return {parameters, sites, prefix + std::string(module) + "."};
  }
  /// Registers a parameter under the prefix, kept in memory as it is seen.
  ParameterId parameter(std::string_view name, const Shape& shape) const {
    return parameters.add(prefix + std::string(name), shape);
  }
  /// A site that fires in every run.
  SiteId site(std::string_view name, std::vector<SiteAxis> axes) const {
    return sites.add({.name = prefix + std::string(name), .axes = std::move(axes)});
  }
  /// A site that fires in runs that ask for it.
  SiteId optional_site(std::string_view name, std::vector<SiteAxis> axes) const {
    return sites.add(
        {.name = prefix + std::string(name), .axes = std::move(axes), .is_optional = true});
  }
};

namespace detail {

/// Throws ConfigError unless a module's size is at least 1.
inline void check_size(const Builder& b, const char* option, Index size) {
  if (size >= 1) return;
  fail<ConfigError>("the module ", b.prefix.empty() ? "" : "\"" + b.prefix + "\" ", "has ", option,
                    " ", size, ": it must be at least 1");
}

}  // namespace detail

}  // namespace hooked
