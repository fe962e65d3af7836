// Builder: what a module registers with while a model is put together.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "hooked/hooks/site.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

/// Collects parameters and sites under dotted names. Modules register their sites in the order in
/// which they fire.
struct Builder {
  const TransformerConfig& config;  // resolved
  ParameterLayout& parameters;
  SiteTable& sites;
  std::string prefix = "";  // "blocks.0.attn."

  /// The same collections under a longer prefix.
  Builder in(const std::string& module) const {
    return {config, parameters, sites, prefix + module + "."};
  }
  ParameterId parameter(const std::string& name, const Shape& shape) const {
    return parameters.add(prefix + name, shape);
  }
  /// A site that fires in every run, or one that an option of the config switches on.
  SiteId site(const std::string& name, std::vector<Axis> axes) const {
    return sites.add({prefix + name, std::move(axes), ""});
  }
  SiteId optional_site(const std::string& name, std::vector<Axis> axes, bool on,
                       const std::string& option) const {
    return sites.add({prefix + name, std::move(axes), on ? "" : option});
  }
};

}  // namespace hooked
