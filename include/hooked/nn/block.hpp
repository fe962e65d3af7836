// TransformerBlock: attention and MLP around the residual stream (contract, sections 3 and 5).
#pragma once

#include <optional>
#include <vector>

#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/attention.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/mlp.hpp"
#include "hooked/nn/norm.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/rotation.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/ops/add.hpp"
#include "hooked/ops/scale.hpp"

namespace hooked {

/// What a block is built from.
struct BlockOptions {
  Index d_model = 0;
  Index n_heads = 0;
  Index d_head = 0;
  Index d_mlp = 0;  // 0: attention only
  Activation act_fn = Activation::relu;
  bool gated_mlp = false;  ///< post = act(x W_gate) (x W_in) + b_in
  Normalization normalization = Normalization::LN;
  double eps = 1e-5;
  bool causal = true;
  double attention_divisor = -1;                 // -1: sqrt(d_head)
  bool parallel = false;                         // the MLP reads resid_pre
  Index n_key_value_heads = -1;                  // -1: n_heads
  bool ungroup_grouped_query_attention = false;  ///< keys and values are copied for each head
  Index window = 0;                              // 0: none
  double attention_soft_cap = 0;                 // 0: none
  bool alibi = false;                            ///< scores fall with the distance
  RotaryOptions rotary = {};                     ///< whether queries and keys rotate
};

/// resid_mid = resid_pre + attn(ln1(resid_pre)); resid_post = resid_mid + mlp(ln2(resid_mid)).
/// Attention-only blocks have no second half; where halves are parallel, both read resid_pre.
template <Scalar T>
class TransformerBlock {
 public:
  TransformerBlock(const Builder& b, const BlockOptions& o)
      : hook_resid_pre_(b.site("hook_resid_pre", stream_axes(o))),
        n_heads_(o.n_heads),
        parallel_(o.parallel),
        kept_heads_(o.n_key_value_heads == -1 || o.ungroup_grouped_query_attention
                        ? o.n_heads
                        : o.n_key_value_heads),
        // One copy for q, k and v: there is none where these have different heads.
        hook_attn_in_(
            kept_heads_ == n_heads_ ? b.optional_site("hook_attn_in", head_axes(o, n_heads_)) : -1),
        hook_q_input_(b.optional_site("hook_q_input", head_axes(o, n_heads_))),
        hook_k_input_(b.optional_site("hook_k_input", head_axes(o, kept_heads_))),
        hook_v_input_(b.optional_site("hook_v_input", head_axes(o, kept_heads_))),
        ln1_(b.in("ln1"), {o.d_model, o.normalization, o.eps, n_heads_}),
        attention_(b.in("attn"), attention_options(o)),
        hook_attn_out_(b.site("hook_attn_out", stream_axes(o))) {
    if (o.d_mlp > 0) {
      if (!parallel_) hook_resid_mid_ = b.site("hook_resid_mid", stream_axes(o));
      hook_mlp_in_ = b.optional_site("hook_mlp_in", stream_axes(o));
      ln2_.emplace(b.in("ln2"), NormOptions{o.d_model, o.normalization, o.eps});
      mlp_.emplace(b.in("mlp"),
                   MlpOptions{o.d_model, o.d_mlp, o.act_fn, o.gated_mlp, o.normalization, o.eps});
      hook_mlp_out_ = b.site("hook_mlp_out", stream_axes(o));
    } else if (parallel_) {
      fail<ConfigError>("the block \"", b.prefix, "\" is parallel but has no MLP: d_mlp is ",
                        o.d_mlp);
    }
    hook_resid_post_ = b.site("hook_resid_post", stream_axes(o));
  }

  /// The site at which it begins, hook_resid_pre.
  SiteId first_site() const { return hook_resid_pre_; }
  /// The site at which it ends, hook_resid_post.
  SiteId last_site() const { return hook_resid_post_; }

  /// The stream after the block. If positions are wanted, everything but keys and values is
  /// computed there alone, and the stream that comes out stands there: [batch, wanted, d_model].
  Stream<T> operator()(Pass<T>& pass, Stream<T> stream) const {
    Variable<T>& resid = stream.resid;
    resid = pass.at(hook_resid_pre_, resid);
    auto [query, key, value] = attention_inputs(pass, resid);
    if (stream.pos_embed) {
      query = record<Add>({}, query, placed_like(query, stream.pos_embed, n_heads_));
      key = record<Add>({}, key, placed_like(key, stream.pos_embed, kept_heads_));
    }
    if (!stream.wanted.empty()) {
      query = at_positions(query, stream.wanted);
      resid = at_positions(resid, stream.wanted);
    }
    const auto attn_out = pass.at(hook_attn_out_, attention_(pass, query, key, value, stream));
    if (!stream.wanted.empty()) stream = resid;  // what was known of all positions ends here
    auto mid = record<Add>({}, resid, attn_out);
    if (!mlp_) {
      resid = pass.at(hook_resid_post_, mid);
      return stream;
    }
    if (!parallel_) mid = pass.at(hook_resid_mid_, mid);
    auto mlp_in = parallel_ ? resid : mid;
    // A copy, so that an edit or a gradient there concerns the MLP alone.
    if (pass.looks_at(hook_mlp_in_)) {
      mlp_in = pass.at(hook_mlp_in_, record<Scale>({1.0}, mlp_in));
    }
    const auto mlp_out = pass.at(hook_mlp_out_, (*mlp_)(pass, (*ln2_)(pass, mlp_in)));
    resid = pass.at(hook_resid_post_, record<Add>({}, mid, mlp_out));
    return stream;
  }

 private:
  struct AttentionInputs {
    Variable<T> query, key, value;
  };

  static std::vector<SiteAxis> stream_axes(const BlockOptions& o) {
    return {Axis::batch, Axis::pos, {Axis::d_model, o.d_model}};
  }
  static std::vector<SiteAxis> head_axes(const BlockOptions& o, Index heads) {
    return {Axis::batch, Axis::pos, {Axis::head, heads}, {Axis::d_model, o.d_model}};
  }
  static AttentionOptions attention_options(const BlockOptions& o) {
    return {.d_model = o.d_model,
            .n_heads = o.n_heads,
            .d_head = o.d_head,
            .causal = o.causal,
            .divisor = o.attention_divisor,
            .n_key_value_heads = o.n_key_value_heads,
            .ungroup_grouped_query_attention = o.ungroup_grouped_query_attention,
            .window = o.window,
            .soft_cap = o.attention_soft_cap,
            .alibi = o.alibi,
            .rotary = o.rotary};
  }

  // The embeddings of positions as x has them: for every head, where heads have their own inputs.
  static Variable<T> placed_like(Variable<T> x, Variable<T> pos_embed, Index heads) {
    const bool per_head = x.shape().rank() - x.row_axes() == 2;
    return per_head ? copy_for_heads(pos_embed, heads) : pos_embed;
  }

  // ln1(resid), once for q, k and v; in runs that look at them, copies for every head
  // (hook_attn_in) and for each of q, k and v (hook_q_input, ...), which are normalized one by one.
  AttentionInputs attention_inputs(Pass<T>& pass, Variable<T> resid) const {
    const bool split = pass.looks_at(hook_q_input_, hook_v_input_);
    const bool shared = hook_attn_in_ >= 0 && pass.looks_at(hook_attn_in_);
    if (!split && !shared) {
      const auto x = ln1_(pass, resid);
      return {x, x, x};
    }
    Variable<T> attn_in;
    if (shared) attn_in = pass.at(hook_attn_in_, copy_for_heads(resid, n_heads_));
    if (!split) {
      const auto x = ln1_(pass, attn_in);
      return {x, x, x};
    }
    const auto input = [&](SiteId site, Index heads) {
      return pass.at(site, shared ? record<Scale>({1.0}, attn_in) : copy_for_heads(resid, heads));
    };
    const auto query = input(hook_q_input_, n_heads_), key = input(hook_k_input_, kept_heads_),
               value = input(hook_v_input_, kept_heads_);
    const auto q = ln1_(pass, query), k = ln1_(pass, key);
    return {q, k, ln1_(pass, value)};
  }

  SiteId hook_resid_pre_;
  Index n_heads_;
  bool parallel_;
  Index kept_heads_;  // of keys and values
  SiteId hook_attn_in_, hook_q_input_, hook_k_input_, hook_v_input_;
  Norm<T> ln1_;
  Attention<T> attention_;
  SiteId hook_attn_out_, hook_resid_mid_ = -1, hook_mlp_in_ = -1;
  std::optional<Norm<T>> ln2_;
  std::optional<Mlp<T>> mlp_;
  SiteId hook_mlp_out_ = -1, hook_resid_post_ = -1;
};

}  // namespace hooked
