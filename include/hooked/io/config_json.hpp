// TransformerConfig as JSON, under the keys of HookedTransformerConfig, so that its to_dict() and
// from_dict() speak the same language.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/io/config_keys.hpp"
#include "hooked/io/json.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/kinds.hpp"

namespace hooked {

namespace detail {

template <class Enum, std::size_t N>
std::string spell(Enum value, const Spellings<Enum, N>& spellings) {
  for (const auto& [candidate, name] : spellings) {
    if (candidate == value) return std::string(name);
  }
  return "";
}

// Each of these returns whether the value is of the field's type. null keeps the default, as
// Python's None does.
template <class Json>
bool read_value(const Json& value, bool& field) {
  if (value.is_boolean()) field = value.template get<bool>();
  return value.is_boolean() || value.is_null();
}
template <class Json>
bool read_value(const Json& value, double& field) {
  if (value.is_number()) field = value.template get<double>();
  return value.is_number() || value.is_null();
}
/// A whole number, also one that went through a float on its way (12.0).
template <class Json>
bool read_value(const Json& value, Index& field) {
  if (value.is_null()) return true;
  if (!value.is_number()) return false;
  const auto number = value.template get<double>();
  if (number != std::trunc(number) || std::abs(number) > 0x1p53) return false;
  field = static_cast<Index>(number);
  return true;
}
template <class Json, class Enum, std::size_t N>
bool read_value(const Json& value, Enum& field, const Spellings<Enum, N>& spellings) {
  if (!value.is_string() && !value.is_null()) return false;
  const std::string given = value.is_null() ? "" : value.template get<std::string>();
  std::string known;
  for (const auto& [candidate, name] : spellings) {
    if (given == name && value.is_null() == name.empty()) {
      field = candidate;
      return true;
    }
    known += text(known.empty() ? "" : ", ", name.empty() ? "null" : name);
  }
  if (value.is_null()) return true;
  fail<ConfigError>("\"", given, "\" is not one of: ", known);
}

/// HookedTransformerConfig may say of a part what does not concern it, as a window where no block
/// is local; ours refuses that, so it is forgotten here. Caps are off there unless positive.
inline void forget_what_changes_nothing(TransformerConfig& c) {
  const TransformerConfig usual;
  if (c.attn_only) c.gated_mlp = false;
  if (!c.has_norm()) c.final_rms = false;
  if (c.positional_embedding != PositionalEmbedding::rotary) {
    c.rotary_dim = usual.rotary_dim, c.rotary_base = usual.rotary_base;
    c.rotary_adjacent_pairs = false;
  }
  if (c.attention_dir == AttentionDirection::bidirectional) c.use_local_attn = false;
  if (!c.use_local_attn) c.window_size = usual.window_size, c.attn_types.clear();
  if (c.n_key_value_heads == -1 || c.n_key_value_heads == c.n_heads) {
    c.ungroup_grouped_query_attention = false;
  }
  for (double* const cap : {&c.attn_scores_soft_cap, &c.output_logits_soft_cap}) {
    if (!(*cap > 0)) *cap = -1;
  }
}

}  // namespace detail

/// {"n_layers": 2, ..., "act_fn": "gelu", "normalization_type": "LN" or null, ...}
template <class Json = nlohmann::ordered_json>
Json config_to_json(const TransformerConfig& config) {
  Json out;
  detail::for_each_field(
      config, [&](const char* key, const auto& field) { out[key] = field; },
      [&](const char* key, const auto& field, const auto& spellings) {
        const std::string name = detail::spell(field, spellings);
        out[key] = name.empty() ? Json(nullptr) : Json(name);
      });
  const TransformerConfig usual;
  Json specials, defaults;
  const auto write = [](Json& to) {
    return std::pair{[&to](const char* key, const auto& field) { to[key] = field; },
                     [&to](const char* key, const auto& field, const auto& spellings) {
                       to[key] = Json::array();
                       for (const auto value : field) {
                         to[key].push_back(detail::spell(value, spellings));
                       }
                     }};
  };
  const auto own = write(specials), default_ones = write(defaults);
  detail::for_each_special_field(config, own.first, own.second);
  detail::for_each_special_field(usual, default_ones.first, default_ones.second);
  for (const auto& [key, value] : specials.items()) {
    if (value != defaults[key]) out[key] = value;
  }
  return out;
}

/// The config of a JSON object; keys that are missing keep their defaults. `label` begins errors.
/// Throws FormatError for a value of the wrong type, ConfigError for a key that is unknown or would
/// change the model in a way that this library does not offer, and for impossible configs.
template <class Json>
TransformerConfig config_from_json(const Json& json, const std::string& label) {
  if (!json.is_object()) fail<FormatError>(label, ": a config is a JSON object");
  TransformerConfig config;
  std::vector<std::string> known;
  const auto find = [&](const char* key) -> const Json* {
    known.emplace_back(key);
    const auto found = json.find(key);
    return found == json.end() ? nullptr : &*found;
  };
  const auto check = [&](const char* key, const Json* value, bool fits) {
    if (fits) return;
    fail<FormatError>(label, ": \"", key, "\" is ", value->dump(), ", which is of the wrong type");
  };
  const auto read = [&](const char* key, auto& field) {
    const Json* const value = find(key);
    if (value != nullptr) check(key, value, detail::read_value(*value, field));
  };
  const auto read_name = [&](const char* key, const Json* value, auto& field,
                             const auto& spellings) {
    try {
      check(key, value, detail::read_value(*value, field, spellings));
    } catch (const ConfigError& error) {
      fail<ConfigError>(label, ": \"", key, "\": ", error.what());
    }
  };
  detail::for_each_field(config, read, [&](const char* key, auto& field, const auto& spellings) {
    if (const Json* const value = find(key)) read_name(key, value, field, spellings);
  });
  detail::for_each_special_field(config, read,
                                 [&](const char* key, auto& field, const auto& spellings) {
                                   const Json* const list = find(key);
                                   if (list == nullptr || list->is_null()) return;
                                   check(key, list, list->is_array());
                                   field.resize(list->size());
                                   for (std::size_t i = 0; i < field.size(); ++i) {
                                     read_name(key, &(*list)[i], field[i], spellings);
                                   }
                                 });
  for (auto item = json.begin(); item != json.end(); ++item) {
    const std::string& key = item.key();
    const Json& value = item.value();
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (detail::changes_nothing(key, value)) continue;
    fail<ConfigError>(label, ": \"", key, "\" is ", value.dump(),
                      ", which is not offered; the nearest keys are: ", nearest_names(key, known));
  }
  detail::forget_what_changes_nothing(config);
  try {
    return config.resolved();
  } catch (const ConfigError& error) {
    fail<ConfigError>(label, ": ", error.what());
  }
}

#ifdef HOOKED_COMPILED
extern template nlohmann::ordered_json config_to_json(const TransformerConfig&);
extern template TransformerConfig config_from_json(const nlohmann::ordered_json&,
                                                   const std::string&);
#endif

}  // namespace hooked
