// The config.json of a Hugging Face checkpoint as a TransformerConfig: GPT-2 and GPT-NeoX (Pythia).
#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>

#include "hooked/io/config_json.hpp"
#include "hooked/io/config_keys.hpp"
#include "hooked/io/json.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/kinds.hpp"

namespace hooked {

/// The families of models whose checkpoints are read.
enum class HuggingFaceFamily { gpt2, gpt_neox };

namespace detail {

/// Names of the family in "model_type" and in "architectures".
inline constexpr Spellings<HuggingFaceFamily, 2> kFamilies{
    {{HuggingFaceFamily::gpt2, "gpt2"}, {HuggingFaceFamily::gpt_neox, "gpt_neox"}}};
inline constexpr Spellings<HuggingFaceFamily, 4> kArchitectures{
    {{HuggingFaceFamily::gpt2, "GPT2LMHeadModel"},
     {HuggingFaceFamily::gpt2, "GPT2Model"},
     {HuggingFaceFamily::gpt_neox, "GPTNeoXForCausalLM"},
     {HuggingFaceFamily::gpt_neox, "GPTNeoXModel"}}};
/// Their words for ours; "swish" is an older name of silu.
inline constexpr Spellings<Activation, 7> kTheirActivations{
    {{Activation::relu, "relu"},
     {Activation::gelu, "gelu"},
     {Activation::gelu_new, "gelu_new"},
     {Activation::gelu_new, "gelu_pytorch_tanh"},
     {Activation::gelu_fast, "gelu_fast"},
     {Activation::silu, "silu"},
     {Activation::silu, "swish"}}};

/// Reads values of one JSON object; a key that is missing or null keeps what the field was.
template <class Json>
class TheirKeys {
 public:
  TheirKeys(const Json& json, std::string label) : json_(&json), label_(std::move(label)) {
    if (!json.is_object()) fail<FormatError>(label_, ": a config is a JSON object");
  }

  /// The value of the first of these keys that is there, or null.
  const Json* find(std::initializer_list<const char*> keys) const {
    for (const char* const key : keys) {
      const auto found = json_->find(key);
      if (found != json_->end() && !found->is_null()) return &*found;
    }
    return nullptr;
  }
  /// Throws FormatError for a value of the wrong type.
  template <class Field>
  void read(std::initializer_list<const char*> keys, Field& field) const {
    const Json* const value = find(keys);
    if (value == nullptr || read_value(*value, field)) return;
    fail<FormatError>(label_, ": \"", *keys.begin(), "\" is ", value->dump(),
                      ", which is of the wrong type");
  }
  template <class Enum, std::size_t N>
  void read(const char* key, Enum& field, const Spellings<Enum, N>& spellings) const {
    const Json* const value = find({key});
    if (value == nullptr) return;
    try {
      if (read_value(*value, field, spellings)) return;
    } catch (const ConfigError& error) {
      fail<ConfigError>(label_, ": \"", key, "\": ", error.what());
    }
    fail<FormatError>(label_, ": \"", key, "\" is ", value->dump(), ", which is of the wrong type");
  }
  /// Throws ConfigError for a key that is there, unless its value is `usual`, false or empty.
  void refuse_unless(const char* key, const Json& usual = nullptr) const {
    const Json* const value = find({key});
    if (value == nullptr || *value == usual || *value == false || value->empty()) return;
    fail<ConfigError>(label_, ": \"", key, "\" is ", value->dump(), ", which is not offered");
  }
  /// What stands under a key that holds an object.
  TheirKeys below(const char* key, const Json& value) const {
    return TheirKeys(value, text(label_, ": \"", key, '"'));
  }
  const std::string& label() const { return label_; }

 private:
  const Json* json_;
  std::string label_;
};

/// d_model / n_heads. Throws ConfigError where that leaves a rest.
template <class Json>
void set_d_head(const TheirKeys<Json>& keys, TransformerConfig& c) {
  if (c.n_heads < 1 || c.d_model % c.n_heads != 0) {
    fail<ConfigError>(keys.label(), ": ", c.n_heads, " heads do not divide a width of ", c.d_model);
  }
  c.d_head = c.d_model / c.n_heads;
}

/// GPT2Config, whose defaults stand here too.
template <class Json>
TransformerConfig gpt2_config(const TheirKeys<Json>& keys) {
  TransformerConfig c{.n_layers = 12,
                      .d_model = 768,
                      .n_ctx = 1024,
                      .n_heads = 12,
                      .d_vocab = 50257,
                      .act_fn = Activation::gelu_new,
                      .tied_embeddings = true,
                      .initializer_range = 0.02};
  keys.read({"n_layer", "num_hidden_layers"}, c.n_layers);
  keys.read({"n_embd", "hidden_size"}, c.d_model);
  keys.read({"n_positions", "max_position_embeddings"}, c.n_ctx);
  keys.read({"n_head", "num_attention_heads"}, c.n_heads);
  keys.read({"n_inner"}, c.d_mlp);
  keys.read({"vocab_size"}, c.d_vocab);
  keys.read("activation_function", c.act_fn, kTheirActivations);
  keys.read({"layer_norm_epsilon"}, c.eps);
  keys.read({"scale_attn_weights"}, c.use_attn_scale);
  keys.read({"scale_attn_by_inverse_layer_idx"}, c.scale_attn_by_inverse_layer_idx);
  keys.read({"initializer_range"}, c.initializer_range);
  keys.read({"tie_word_embeddings"}, c.tied_embeddings);
  keys.refuse_unless("add_cross_attention");
  keys.refuse_unless("pruned_heads");
  set_d_head(keys, c);
  return c;
}

/// Older files say rotary_pct, rotary_emb_base and rope_scaling, newer ones rope_parameters.
template <class Json>
void read_rotation(const TheirKeys<Json>& keys, TransformerConfig& c) {
  double share = 0.25;
  keys.read({"rotary_pct"}, share);
  keys.read({"rotary_emb_base"}, c.rotary_base);
  for (const char* const key : {"rope_scaling", "rope_parameters"}) {
    const Json* const value = keys.find({key});
    if (value == nullptr) continue;
    const TheirKeys<Json> rope = keys.below(key, *value);
    rope.read({"partial_rotary_factor"}, share);
    rope.read({"rope_theta"}, c.rotary_base);
    rope.refuse_unless("rope_type", "default");
    rope.refuse_unless("type", "default");
  }
  c.rotary_dim = static_cast<Index>(static_cast<double>(c.d_head) * share);
}

/// GPTNeoXConfig, whose defaults stand here too.
template <class Json>
TransformerConfig gpt_neox_config(const TheirKeys<Json>& keys) {
  TransformerConfig c{.n_layers = 44,
                      .d_model = 6144,
                      .n_ctx = 2048,
                      .n_heads = 64,
                      .d_mlp = 24576,
                      .d_vocab = 50432,
                      .act_fn = Activation::gelu,
                      .parallel_attn_mlp = true,
                      .positional_embedding = PositionalEmbedding::rotary,
                      .initializer_range = 0.02};
  keys.read({"num_hidden_layers"}, c.n_layers);
  keys.read({"hidden_size"}, c.d_model);
  keys.read({"max_position_embeddings"}, c.n_ctx);
  keys.read({"num_attention_heads"}, c.n_heads);
  keys.read({"intermediate_size"}, c.d_mlp);
  keys.read({"vocab_size"}, c.d_vocab);
  keys.read("hidden_act", c.act_fn, kTheirActivations);
  keys.read({"layer_norm_eps"}, c.eps);
  keys.read({"use_parallel_residual"}, c.parallel_attn_mlp);
  keys.read({"initializer_range"}, c.initializer_range);
  keys.read({"tie_word_embeddings"}, c.tied_embeddings);
  bool attention_bias = true;
  keys.read({"attention_bias"}, attention_bias);
  if (!attention_bias) {
    fail<ConfigError>(keys.label(), ": \"attention_bias\" is false, which is not offered");
  }
  set_d_head(keys, c);
  read_rotation(keys, c);
  return c;
}

}  // namespace detail

/// Whether a config.json is one of Hugging Face's: it names a "model_type" or "architectures".
template <class Json>
bool is_hugging_face_config(const Json& json) {
  return json.is_object() && (json.contains("model_type") || json.contains("architectures"));
}

/// The family that a config names. `label` begins errors. Throws ConfigError, which lists the known
/// ones, for any other.
template <class Json>
HuggingFaceFamily hugging_face_family(const Json& json, const std::string& label) {
  const detail::TheirKeys<Json> keys(json, label);
  HuggingFaceFamily family{};
  if (keys.find({"model_type"}) != nullptr) {
    keys.read("model_type", family, detail::kFamilies);
    return family;
  }
  const Json* const list = keys.find({"architectures"});
  if (list == nullptr || !list->is_array() || list->size() != 1) {
    fail<ConfigError>(label, ": names no \"model_type\"; known are gpt2 and gpt_neox");
  }
  const Json one{{"architectures", (*list)[0]}};
  detail::TheirKeys<Json>(one, label).read("architectures", family, detail::kArchitectures);
  return family;
}

/// The config of GPT2LMHeadModel or GPTNeoXForCausalLM as ours (contract, 2); a key that is missing
/// has their default. gpt_neox becomes rotary positions of which `rotary_dim` is the whole part of
/// rotary_pct d_head. What is about dropout, tokens or use changes nothing and is passed over.
/// `label` begins errors. Throws FormatError for a value of the wrong type, ConfigError for an
/// unknown family, for what this library does not offer (cross attention, scaled rotations,
/// quantized weights) and for impossible configs.
template <class Json>
TransformerConfig hugging_face_config(const Json& json, const std::string& label) {
  const detail::TheirKeys<Json> keys(json, label);
  const HuggingFaceFamily family = hugging_face_family(json, label);
  keys.refuse_unless("quantization_config");
  const TransformerConfig config =
      family == HuggingFaceFamily::gpt2 ? detail::gpt2_config(keys) : detail::gpt_neox_config(keys);
  try {
    return config.resolved();
  } catch (const ConfigError& error) {
    fail<ConfigError>(label, ": ", error.what());
  }
}

}  // namespace hooked
