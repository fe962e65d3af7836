// The keys of HookedTransformerConfig: which field of TransformerConfig each is, how the values of
// its enums are spelt, and which of those that we lack change nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <utility>

#include "hooked/nn/config.hpp"
#include "hooked/nn/kinds.hpp"

namespace hooked::detail {

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

}  // namespace hooked::detail
