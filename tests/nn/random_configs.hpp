// A table of small configs in which every option appears, in many combinations.
#pragma once

#include "hooked/core/random.hpp"
#include "hooked/nn/config.hpp"

namespace hooked::golden {

inline constexpr Normalization kNorms[] = {Normalization::LN, Normalization::LNPre,
                                           Normalization::RMS, Normalization::RMSPre,
                                           Normalization::none};
inline constexpr Activation kActivations[] = {
    Activation::relu,      Activation::gelu, Activation::gelu_new, Activation::silu,
    Activation::gelu_fast, Activation::solu, Activation::solu_ln};
inline constexpr PositionalEmbedding kPositions[] = {
    PositionalEmbedding::standard, PositionalEmbedding::shortformer, PositionalEmbedding::rotary,
    PositionalEmbedding::alibi, PositionalEmbedding::sinusoidal};
inline constexpr Index kPlainConfigs = 60;  // and after these, as many with less usual options

/// Less usual options, in many combinations.
inline void add_options(TransformerConfig& c, Index i) {
  Random random(Seed{static_cast<std::uint64_t>(i)}, "options");
  const auto one_in = [&](Index n) { return random.below(n) == 0; };
  c.act_fn = kActivations[i % 7];
  c.positional_embedding = kPositions[i % 5];
  if (c.positional_embedding == PositionalEmbedding::rotary) {
    c.d_head = 4, c.rotary_dim = one_in(2) ? 2 : -1;
    c.rotary_adjacent_pairs = one_in(2);
  }
  c.gated_mlp = !c.attn_only && c.act_fn != Activation::solu_ln && one_in(3);
  if (one_in(2) && c.attention_dir == AttentionDirection::causal) {
    c.use_local_attn = true, c.window_size = 1 + random.below(3);
    for (Index l = 0; l < c.n_layers; ++l) {
      c.attn_types.push_back(one_in(3) ? AttentionType::global : AttentionType::local);
    }
  }
  if (one_in(2)) c.n_heads = 4, c.n_key_value_heads = 1 + random.below(2);
  if (one_in(3)) c.attn_scores_soft_cap = 1.5;
  if (one_in(3)) c.output_logits_soft_cap = 2.5;
  c.tied_embeddings = one_in(3);
  if (c.tied_embeddings) c.d_vocab_out = c.d_vocab;
  c.ungroup_grouped_query_attention = c.is_grouped() && one_in(2);
}

/// Number `i` of a table of configs: every choice appears, in many combinations.
inline TransformerConfig config_number(Index i) {
  Random random(Seed{static_cast<std::uint64_t>(i)}, "config");
  const auto one_in = [&](Index n) { return random.below(n) == 0; };
  TransformerConfig c{.n_layers = 1 + i % 4,
                      .d_model = 6,
                      .n_ctx = i % 3 == 2 ? 19 : 6,
                      .n_heads = 1 + random.below(3),
                      .d_head = 2 + random.below(3),
                      .d_mlp = 7,
                      .d_vocab = i % 4 == 3 ? 90 : 5,
                      .d_vocab_out = 5 + random.below(2)};
  c.normalization = kNorms[i % 5];
  c.act_fn = kActivations[(i / 5) % 4];
  c.final_rms = c.has_norm() && one_in(4);
  c.attn_only = one_in(4);
  c.parallel_attn_mlp = !c.attn_only && one_in(4);
  if (one_in(3)) c.attention_dir = AttentionDirection::bidirectional;
  if (one_in(4)) c.positional_embedding = PositionalEmbedding::none;
  c.scale_attn_by_inverse_layer_idx = one_in(4);
  if (i >= kPlainConfigs) add_options(c, i);
  return c;
}

}  // namespace hooked::golden
