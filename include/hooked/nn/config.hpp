// TransformerConfig: every choice about a model, validated whole before memory is taken.
#pragma once

#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "hooked/core/shape.hpp"
#include "hooked/nn/kinds.hpp"

namespace hooked {

/// Whether a query sees keys up to its own position, or all.
enum class AttentionDirection { causal, bidirectional };

/// Names and defaults are those of HookedTransformerConfig; -1 means "derive it". Its switches of
/// hook points (use_attn_result and others) are not needed: optional ones fire when asked for.
struct TransformerConfig {
  Index n_layers = 0;
  Index d_model = 0;
  Index n_ctx = 0;     // the longest sequence
  Index n_heads = -1;  // -1: d_model / d_head
  Index d_head = 0;    // n_heads * d_head need not be d_model
  Index d_mlp = -1;    // -1: 4 d_model
  Index d_vocab = 0;
  Index d_vocab_out = -1;  // -1: d_vocab
  Activation act_fn = Activation::relu;
  Normalization normalization = Normalization::LN;
  double eps = 1e-5;               // inside the root of a norm
  bool final_rms = false;          // ln_final is RMS (RMSPre) while the blocks use LN (LNPre)
  bool attn_only = false;          ///< no MLPs
  bool gated_mlp = false;          // post = act(x W_gate) (x W_in) + b_in
  bool parallel_attn_mlp = false;  // the MLP reads resid_pre
  PositionalEmbedding positional_embedding = PositionalEmbedding::standard;  ///< where tokens stand
  Index rotary_dim = -1;               // of each head, the numbers that rotate; -1: d_head
  double rotary_base = 10000;          // angles are position / base^(2 j / rotary_dim)
  bool rotary_adjacent_pairs = false;  // 2 j and 2 j + 1 rotate together, not j and j + half
  AttentionDirection attention_dir = AttentionDirection::causal;  ///< causal, or both ways
  bool use_local_attn = false;  // blocks that attn_types calls local have a window
  Index window_size = -1;       // a query sees so many keys, itself included; causal ones only
  std::vector<AttentionType> attn_types = {};  ///< of each block, with use_local_attn
  Index n_key_value_heads = -1;                // heads share keys and values; -1: each has its own
  bool ungroup_grouped_query_attention = false;  ///< hook_k, hook_v: a copy for each head
  double attn_scores_soft_cap = -1;              // c tanh(score / c); -1: none
  double output_logits_soft_cap = -1;            // c tanh(logit / c); -1: none
  bool tied_embeddings = false;                  // W_U is W_E^T
  bool use_attn_scale = true;                    ///< divide scores by attn_scale
  double attn_scale = -1;                        // scores are divided by it; -1: sqrt(d_head)
  bool scale_attn_by_inverse_layer_idx = false;  ///< and by the block's number + 1
  InitMode init_mode = InitMode::gpt2;           ///< how matrices are drawn
  double initializer_range = -1;  // gpt2: standard deviation, -1: 0.8 / sqrt(d_model); else: gain
  bool freeze_biases = false;     // every parameter named b_* stays at zero

  friend bool operator==(const TransformerConfig&, const TransformerConfig&) = default;

  /// Whether blocks have an MLP.
  bool has_mlp() const { return !attn_only; }
  /// Whether block `layer` has a window.
  bool is_local(Index layer) const {
    return use_local_attn && attn_types[static_cast<std::size_t>(layer)] == AttentionType::local;
  }
  /// Whether heads share keys and values, which then have parameters `_W_K`, `_W_V`, ...
  bool is_grouped() const { return n_key_value_heads != -1; }
  /// Whether there are norms.
  bool has_norm() const { return normalization != Normalization::none; }

  /// What the scores of block `layer` are divided by.
  double attention_divisor(Index layer) const {
    const double scale = use_attn_scale ? attn_scale : 1.0;
    return scale_attn_by_inverse_layer_idx ? scale * static_cast<double>(layer + 1) : scale;
  }

  /// The same config with every -1 filled in. Throws ConfigError that names field, value and rule.
  TransformerConfig resolved() const {
    TransformerConfig c = *this;
    const auto at_least_one = [](const char* field, Index value) {
      if (value < 1) fail<ConfigError>(field, " is ", value, ": it must be at least 1");
      constexpr Index kMost = std::numeric_limits<Token>::max();
      if (value > kMost) fail<ConfigError>(field, " is ", value, ": the most is ", kMost);
    };
    at_least_one("d_model", d_model);
    at_least_one("d_head", d_head);
    at_least_one("n_ctx", n_ctx);
    at_least_one("d_vocab", d_vocab);
    if (n_layers < 0) fail<ConfigError>("n_layers is ", n_layers, ": it cannot be negative");
    if (n_layers > 65536) fail<ConfigError>("n_layers is ", n_layers, ": the most is 65536");
    if (c.n_heads == -1) {
      if (d_model % d_head != 0) {
        fail<ConfigError>("n_heads is -1 (d_model / d_head), but d_model ", d_model,
                          " is not a multiple of d_head ", d_head, ": set n_heads");
      }
      c.n_heads = d_model / d_head;
    }
    if (c.d_mlp == -1) c.d_mlp = 4 * d_model;
    if (c.d_vocab_out == -1) c.d_vocab_out = d_vocab;
    if (c.attn_scale == -1) c.attn_scale = std::sqrt(static_cast<double>(d_head));
    at_least_one("n_heads", c.n_heads);
    at_least_one("d_mlp", c.d_mlp);
    at_least_one("d_vocab_out", c.d_vocab_out);
    if (!(c.attn_scale > 0)) {
      fail<ConfigError>("attn_scale is ", attn_scale,
                        ": it must be positive, or -1 for sqrt(d_head)");
    }
    if (!(eps >= 0)) fail<ConfigError>("eps is ", eps, ": it cannot be negative");
    if (c.initializer_range == -1) {
      c.initializer_range =
          init_mode == InitMode::gpt2 ? 0.8 / std::sqrt(static_cast<double>(d_model)) : 1.0;
    }
    if (!(c.initializer_range >= 0)) {
      fail<ConfigError>("initializer_range is ", initializer_range,
                        ": it cannot be negative; -1 takes the default");
    }
    if (final_rms && !has_norm()) {
      fail<ConfigError>("final_rms is set but normalization is none: there is no final norm");
    }
    if (attn_only && (parallel_attn_mlp || gated_mlp)) {
      fail<ConfigError>(gated_mlp ? "gated_mlp" : "parallel_attn_mlp",
                        " is set but attn_only is too: there is no MLP");
    }
    if (gated_mlp && act_fn == Activation::solu_ln) {
      fail<ConfigError>("gated_mlp is set but act_fn is solu_ln, which has no gate: take solu");
    }
    c.resolve_positions();
    check_attention(c.n_heads);
    const auto real = [](Index size) { return static_cast<double>(size); };
    const double a_layer = 4 * real(c.n_heads) * real(d_head) + 3 * real(attn_only ? 0 : c.d_mlp);
    const double numbers = real(d_model) * (real(d_vocab) + real(n_ctx) + real(c.d_vocab_out) +
                                            real(n_layers) * a_layer);
    if (numbers > 0x1p40) {
      fail<ConfigError>("the parameters would be ", numbers, " numbers: the most is 2^40");
    }
    return c;
  }

  /// Hidden weights only, as HookedTransformerConfig counts: no embeddings, biases or norms.
  Index n_params() const {
    const TransformerConfig c = resolved();
    const Index attention = 4 * c.d_model * c.d_head * c.n_heads;
    const Index mlp = (c.gated_mlp ? 3 : 2) * c.d_model * c.d_mlp;
    return c.n_layers * (attention + (c.attn_only ? 0 : mlp));
  }

 private:
  // Fills in rotary_dim. Throws ConfigError for what contradicts the kind of positions.
  void resolve_positions() {
    if (positional_embedding != PositionalEmbedding::rotary) {
      if (rotary_dim == -1 && rotary_base == 10000 && !rotary_adjacent_pairs) return;
      fail<ConfigError>(
          "a rotary_ field is set, but positional_embedding is "
          "not rotary: they would change nothing");
    }
    if (rotary_dim == -1) rotary_dim = d_head;
    if (rotary_dim < 2 || rotary_dim > d_head || rotary_dim % 2 != 0) {
      fail<ConfigError>("rotary_dim is ", rotary_dim, ": it must be even, and from 2 to d_head ",
                        d_head);
    }
    if (!(rotary_base > 0)) {
      fail<ConfigError>("rotary_base is ", rotary_base, ": it must be positive");
    }
  }
  bool shares_heads(Index heads) const { return is_grouped() && n_key_value_heads != heads; }
  // Throws ConfigError for windows, groups and caps that cannot be.
  void check_attention(Index heads) const {
    if (use_local_attn) {
      if (attention_dir == AttentionDirection::bidirectional) {
        fail<ConfigError>(
            "use_local_attn is set, but attention_dir is bidirectional, which has no "
            "window: it would change nothing");
      }
      if (window_size < 1) {
        fail<ConfigError>("window_size is ", window_size,
                          ": with use_local_attn it must be at "
                          "least 1");
      }
      if (static_cast<Index>(attn_types.size()) != n_layers) {
        fail<ConfigError>("attn_types names ", attn_types.size(), " blocks, there are ", n_layers,
                          ": with use_local_attn each must be global or local");
      }
    } else if (window_size != -1 || !attn_types.empty()) {
      fail<ConfigError>(
          "window_size or attn_types is set, but use_local_attn is not: they would "
          "change nothing");
    }
    if (is_grouped() && (n_key_value_heads < 1 || heads % n_key_value_heads != 0)) {
      fail<ConfigError>("n_key_value_heads is ", n_key_value_heads, ": it must divide n_heads ",
                        heads, ", or be -1 where each head has keys and values of its own");
    }
    if (ungroup_grouped_query_attention && !shares_heads(heads)) {
      fail<ConfigError>("ungroup_grouped_query_attention is set, but n_key_value_heads is ",
                        n_key_value_heads, ": with ", heads,
                        " heads there are no groups to take apart");
    }
    const auto check_cap = [](const char* field, double cap) {
      if (cap == -1 || (cap > 0 && std::isfinite(cap))) return;
      fail<ConfigError>(field, " is ", cap, ": it must be positive, or -1 for none");
    };
    check_cap("attn_scores_soft_cap", attn_scores_soft_cap);
    check_cap("output_logits_soft_cap", output_logits_soft_cap);
    if (tied_embeddings && d_vocab_out != -1 && d_vocab_out != d_vocab) {
      fail<ConfigError>("tied_embeddings: W_U is W_E^T, so d_vocab_out ", d_vocab_out,
                        " must be d_vocab ", d_vocab);
    }
  }
};

}  // namespace hooked
