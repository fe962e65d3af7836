// TransformerConfig as JSON, under the keys of HookedTransformerConfig, so that its to_dict() and
// from_dict() speak the same language.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/io/json.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/kinds.hpp"

namespace hooked {

namespace detail {

/// The spelling of each value of an enum in JSON; "" stands for null.
template <class Enum, std::size_t N>
using Spellings = std::array<std::pair<Enum, std::string_view>, N>;

inline constexpr Spellings<Activation, 8> kActivations{{{Activation::relu, "relu"},
                                                        {Activation::gelu, "gelu"},
                                                        {Activation::gelu_new, "gelu_new"},
                                                        {Activation::gelu_new, "gelu_pytorch_tanh"},
                                                        {Activation::gelu_fast, "gelu_fast"},
                                                        {Activation::silu, "silu"},
                                                        {Activation::solu, "solu"},
                                                        {Activation::solu_ln, "solu_ln"}}};
inline constexpr Spellings<Normalization, 5> kNormalizations{{{Normalization::LN, "LN"},
                                                              {Normalization::LNPre, "LNPre"},
                                                              {Normalization::RMS, "RMS"},
                                                              {Normalization::RMSPre, "RMSPre"},
                                                              {Normalization::none, ""}}};
inline constexpr Spellings<AttentionDirection, 2> kDirections{
    {{AttentionDirection::causal, "causal"}, {AttentionDirection::bidirectional, "bidirectional"}}};
inline constexpr Spellings<PositionalEmbedding, 6> kPositions{
    {{PositionalEmbedding::standard, "standard"},
     {PositionalEmbedding::shortformer, "shortformer"},
     {PositionalEmbedding::rotary, "rotary"},
     {PositionalEmbedding::alibi, "alibi"},
     {PositionalEmbedding::sinusoidal, "sinusoidal"},
     {PositionalEmbedding::none, "none"}}};
inline constexpr Spellings<AttentionType, 2> kAttentionTypes{
    {{AttentionType::global, "global"}, {AttentionType::local, "local"}}};
inline constexpr Spellings<InitMode, 6> kInitModes{{{InitMode::gpt2, "gpt2"},
                                                    {InitMode::xavier_uniform, "xavier_uniform"},
                                                    {InitMode::xavier_normal, "xavier_normal"},
                                                    {InitMode::kaiming_uniform, "kaiming_uniform"},
                                                    {InitMode::kaiming_normal, "kaiming_normal"},
                                                    {InitMode::muP, "muP"}}};

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

/// Calls `number(key, field)` for the plain fields of a config and `name(key, field, spellings)`
/// for the enums: the one list of keys, for both directions.
template <class Config, class Number, class Name>
void for_each_field(Config& c, Number number, Name name) {
  number("n_layers", c.n_layers);
  number("d_model", c.d_model);
  number("n_ctx", c.n_ctx);
  number("n_heads", c.n_heads);
  number("d_head", c.d_head);
  number("d_mlp", c.d_mlp);
  number("d_vocab", c.d_vocab);
  number("d_vocab_out", c.d_vocab_out);
  name("act_fn", c.act_fn, kActivations);
  name("normalization_type", c.normalization, kNormalizations);
  number("eps", c.eps);
  number("final_rms", c.final_rms);
  number("attn_only", c.attn_only);
  number("parallel_attn_mlp", c.parallel_attn_mlp);
  name("positional_embedding_type", c.positional_embedding, kPositions);
  name("attention_dir", c.attention_dir, kDirections);
  number("use_attn_scale", c.use_attn_scale);
  number("attn_scale", c.attn_scale);
  number("scale_attn_by_inverse_layer_idx", c.scale_attn_by_inverse_layer_idx);
  name("init_mode", c.init_mode, kInitModes);
  number("initializer_range", c.initializer_range);
}
/// The same for what is written only where it is not the default, so that a file says what is
/// special of a model. `list(key, field, spellings)` is for lists of enums.
template <class Config, class Number, class List>
void for_each_special_field(Config& c, Number number, List list) {
  number("gated_mlp", c.gated_mlp);
  number("rotary_dim", c.rotary_dim);
  number("rotary_base", c.rotary_base);
  number("rotary_adjacent_pairs", c.rotary_adjacent_pairs);
  number("use_local_attn", c.use_local_attn);
  number("window_size", c.window_size);
  list("attn_types", c.attn_types, kAttentionTypes);
  number("n_key_value_heads", c.n_key_value_heads);
  number("ungroup_grouped_query_attention", c.ungroup_grouped_query_attention);
  number("attn_scores_soft_cap", c.attn_scores_soft_cap);
  number("output_logits_soft_cap", c.output_logits_soft_cap);
  number("tied_embeddings", c.tied_embeddings);  // not a field of HookedTransformerConfig
  number("freeze_biases", c.freeze_biases);      // nor is this
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

/// Whether a key of HookedTransformerConfig that TransformerConfig lacks changes no number of the
/// model: it is switched off, switches a hook point on (ours fire when asked for), or is about
/// devices, tokenizers and where weights came from. (tie_word_embeddings ties nothing there.)
template <class Json>
bool changes_nothing(std::string_view key, const Json& value) {
  for (const std::string_view prefix : {"NTK_", "yarn_", "checkpoint_", "tokenizer_"}) {
    if (key.starts_with(prefix)) return true;
  }
  const auto is_one_of = [key](const auto& keys) {
    return std::find(std::begin(keys), std::end(keys), key) != std::end(keys);
  };
  constexpr std::string_view kSilent[] = {"default_prepend_bos",
                                          "device",
                                          "dtype",
                                          "from_checkpoint",
                                          "init_weights",
                                          "model_name",
                                          "n_devices",
                                          "n_params",
                                          "original_architecture",
                                          "seed",
                                          "tie_word_embeddings",
                                          "train_seq_length",
                                          "trust_remote_code",
                                          "use_attn_in",
                                          "use_attn_result",
                                          "use_hook_mlp_in",
                                          "use_hook_tokens",
                                          "use_split_qkv_input"};
  constexpr std::string_view kSwitches[] = {"clip_qkv",
                                            "decoder_start_token_id",
                                            "experts_per_token",
                                            "layer_norm_folding",
                                            "load_in_4bit",
                                            "norm_topk_prob",
                                            "num_experts",
                                            "post_embedding_ln",
                                            "quantization_method",
                                            "relative_attention_max_distance",
                                            "relative_attention_num_buckets",
                                            "rotary_base_local",
                                            "use_NTK_by_parts_rope",
                                            "use_attention_sinks",
                                            "use_dynamic_ntk_rope",
                                            "use_logn_attn",
                                            "use_normalization_before_and_after",
                                            "use_qk_norm",
                                            "use_yarn_rope",
                                            "uses_rms_norm"};
  const bool* const truth = value.template get_ptr<const bool*>();
  const bool off = value.is_null() || (truth != nullptr && !*truth) ||
                   (value.is_number() && value.template get<double>() == -1);
  if (key == "rotary_scaling_factor") return off || (value.is_number() && value == 1);
  return is_one_of(kSilent) || (off && is_one_of(kSwitches));
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
