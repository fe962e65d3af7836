// TransformerConfig as JSON, under the keys of HookedTransformerConfig, so that its to_dict() and
// from_dict() speak the same language.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/core/names.hpp"
#include "hooked/io/json.hpp"
#include "hooked/nn/config.hpp"

namespace hooked {

namespace detail {

/// The spelling of each value of an enum in JSON; "" stands for null.
template <class Enum, std::size_t N>
using Spellings = std::array<std::pair<Enum, std::string_view>, N>;

inline constexpr Spellings<Activation, 4> kActivations{{{Activation::relu, "relu"},
                                                        {Activation::gelu, "gelu"},
                                                        {Activation::gelu_new, "gelu_new"},
                                                        {Activation::silu, "silu"}}};
inline constexpr Spellings<Normalization, 5> kNormalizations{{{Normalization::LN, "LN"},
                                                              {Normalization::LNPre, "LNPre"},
                                                              {Normalization::RMS, "RMS"},
                                                              {Normalization::RMSPre, "RMSPre"},
                                                              {Normalization::none, ""}}};
inline constexpr Spellings<AttentionDirection, 2> kDirections{
    {{AttentionDirection::causal, "causal"}, {AttentionDirection::bidirectional, "bidirectional"}}};
inline constexpr Spellings<PositionalEmbedding, 2> kPositions{
    {{PositionalEmbedding::standard, "standard"}, {PositionalEmbedding::none, "none"}}};
inline constexpr Spellings<InitMode, 6> kInitModes{{{InitMode::gpt2, "gpt2"},
                                                    {InitMode::xavier_uniform, "xavier_uniform"},
                                                    {InitMode::xavier_normal, "xavier_normal"},
                                                    {InitMode::kaiming_uniform, "kaiming_uniform"},
                                                    {InitMode::kaiming_normal, "kaiming_normal"},
                                                    {InitMode::muP, "muP"}}};

template <class Enum, std::size_t N>
nlohmann::json spell(Enum value, const Spellings<Enum, N>& spellings) {
  for (const auto& [candidate, name] : spellings) {
    if (candidate == value && !name.empty()) return name;
  }
  return nullptr;
}

template <class Enum, std::size_t N>
void read_spelling(const nlohmann::json& value, Enum& field, const Spellings<Enum, N>& spellings) {
  const std::string given = value.is_null() ? "" : value.get<std::string>();
  std::string known;
  for (const auto& [candidate, name] : spellings) {
    if (given == name) {
      field = candidate;
      return;
    }
    known += text(known.empty() ? "" : ", ", name.empty() ? "null" : name);
  }
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
  number("use_attn_result", c.use_attn_result);
  number("use_split_qkv_input", c.use_split_qkv_input);
  number("use_attn_in", c.use_attn_in);
  number("use_hook_mlp_in", c.use_hook_mlp_in);
}

/// Whether a key of HookedTransformerConfig that TransformerConfig lacks changes no number of the
/// model: it is switched off, or it is about devices, tokenizers and where weights came from.
inline bool changes_nothing(std::string_view key, const nlohmann::json& value) {
  if (value.is_null() || value == false || value == -1) return true;
  for (const std::string_view off : {"rotary_", "NTK_", "yarn_", "checkpoint_", "tokenizer_"}) {
    if (key.starts_with(off)) return true;
  }
  constexpr std::string_view kSilent[] = {"default_prepend_bos",
                                          "device",
                                          "dtype",
                                          "init_weights",
                                          "model_name",
                                          "n_devices",
                                          "n_params",
                                          "original_architecture",
                                          "seed"};
  return std::find(std::begin(kSilent), std::end(kSilent), key) != std::end(kSilent);
}

}  // namespace detail

/// {"n_layers": 2, ..., "act_fn": "gelu", "normalization_type": "LN" or null, ...}
inline nlohmann::ordered_json config_to_json(const TransformerConfig& config) {
  nlohmann::ordered_json out;
  detail::for_each_field(
      config, [&](const char* key, const auto& field) { out[key] = field; },
      [&](const char* key, const auto& field, const auto& spellings) {
        out[key] = detail::spell(field, spellings);
      });
  // Not a field of HookedTransformerConfig: written only where it says something.
  if (config.freeze_biases) out["freeze_biases"] = true;
  return out;
}

/// The config of a JSON object; keys that are missing keep their defaults. `label` begins errors.
/// Throws FormatError for a value of the wrong type, ConfigError for a key that would change the
/// model in a way that this library does not offer, and for impossible configs.
inline TransformerConfig config_from_json(const nlohmann::json& json, const std::string& label) {
  if (!json.is_object()) fail<FormatError>(label, ": a config is a JSON object");
  TransformerConfig config;
  std::vector<std::string> known{"freeze_biases"};
  const auto read = [&](const char* key, auto assign) {
    known.emplace_back(key);
    const auto found = json.find(key);
    if (found == json.end()) return;
    try {
      assign(*found);
    } catch (const nlohmann::json::exception&) {
      fail<FormatError>(label, ": \"", key, "\" is ", found->dump(),
                        ", which is of the wrong type");
    } catch (const ConfigError& error) {
      fail<ConfigError>(label, ": \"", key, "\": ", error.what());
    }
  };
  detail::for_each_field(
      config,
      [&](const char* key, auto& field) {
        read(key, [&](const nlohmann::json& v) { v.get_to(field); });
      },
      [&](const char* key, auto& field, const auto& spellings) {
        read(key, [&](const nlohmann::json& v) { detail::read_spelling(v, field, spellings); });
      });
  read("freeze_biases", [&](const nlohmann::json& v) { v.get_to(config.freeze_biases); });
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    if (detail::changes_nothing(key, value)) continue;
    fail<ConfigError>(label, ": \"", key, "\" is ", value.dump(),
                      ", which is not offered; the nearest keys are: ", nearest_names(key, known));
  }
  return config.resolved();
}

}  // namespace hooked
