// Attention: q, k, v, scores, pattern, z and the output projection (contract, 5.1).
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/key_value_cache.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/rotation.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/ops/add_bias.hpp"
#include "hooked/ops/attention_mix.hpp"
#include "hooked/ops/attention_scores.hpp"
#include "hooked/ops/attention_tiles.hpp"
#include "hooked/ops/broadcast.hpp"
#include "hooked/ops/fused_attention.hpp"
#include "hooked/ops/head_linear.hpp"
#include "hooked/ops/linear.hpp"
#include "hooked/ops/softmax.hpp"
#include "hooked/ops/sum_heads.hpp"

namespace hooked {

/// What an attention is built from.
struct AttentionOptions {
  Index d_model = 0;
  Index n_heads = 0;
  Index d_head = 0;
  bool causal = true;
  double divisor = -1;           // of the scores; -1: sqrt(d_head)
  Index n_key_value_heads = -1;  // heads share these; -1: each has keys and values of its own
  bool ungroup_grouped_query_attention = false;  ///< each gets a copy, before hook_k and hook_v
  Index window = 0;           // causal queries see so many keys, themselves included; 0: all
  double soft_cap = 0;        // c tanh(scores / c); 0: none
  bool alibi = false;         ///< scores fall with the distance
  RotaryOptions rotary = {};  ///< whether queries and keys rotate
};

/// q_h = x W_Q[h] + b_Q[h], k and v alike; scores = q k^T / divisor, -inf where masked;
/// pattern = softmax(scores); z = pattern v; out = sum_h z_h W_O[h] + b_O. Where heads share keys
/// and values, their parameters are `_W_K`, `_W_V`, `_b_K` and `_b_V`, as HookedTransformer's.
template <Scalar T>
class Attention {
 public:
  Attention(const Builder& b, const AttentionOptions& o)
      : place_(b.prefix),
        heads_{o.n_heads, o.d_head},
        kept_heads_{o.n_key_value_heads == -1 ? o.n_heads : o.n_key_value_heads, o.d_head},
        ungroups_(o.ungroup_grouped_query_attention),
        scores_{.divisor = o.divisor == -1 ? std::sqrt(static_cast<double>(o.d_head)) : o.divisor,
                .mask = {.causal = o.causal, .window = o.window},
                .cap = o.soft_cap,
                .alibi = o.alibi} {
    detail::check_size(b, "d_model", o.d_model);
    detail::check_size(b, "n_heads", o.n_heads);
    detail::check_size(b, "d_head", o.d_head);
    if (!(scores_.divisor > 0)) {
      fail<ConfigError>("the attention \"", b.prefix, "\" has divisor ", scores_.divisor,
                        ": it must be positive, or -1 for sqrt(d_head)");
    }
    if (!(o.soft_cap >= 0)) {
      fail<ConfigError>("the attention \"", b.prefix, "\" has soft_cap ", o.soft_cap,
                        ": it must be positive, or 0 for none");
    }
    if (o.window < 0) {
      fail<ConfigError>("the attention \"", b.prefix, "\" has window ", o.window,
                        ": it must be at least 1, or 0 for none");
    }
    if (!share_heads(o.n_heads, kept_heads_[0])) {
      fail<ConfigError>("the attention \"", b.prefix, "\" has n_key_value_heads ", kept_heads_[0],
                        ": it must divide n_heads ", o.n_heads, ", or be -1");
    }
    if (ungroups_ && kept_heads_ == heads_) {
      fail<ConfigError>("the attention \"", b.prefix,
                        "\" has ungroup_grouped_query_attention set, but each of its ", o.n_heads,
                        " heads has keys and values of its own: set n_key_value_heads");
    }
    const auto projection = [&](const std::string& name, Index heads) {
      return b.parameters.add_heads(b.prefix + name, heads, o.d_model, o.d_head);
    };
    const auto bias = [&](const std::string& name, Index heads) {
      return b.parameters.add_folded(b.prefix + name, {heads, o.d_head});
    };
    const std::string shared = o.n_key_value_heads == -1 ? "" : "_";
    const Index kept = kept_heads_[0];
    W_Q_ = projection("W_Q", o.n_heads), b_Q_ = bias("b_Q", o.n_heads);
    W_K_ = projection(shared + "W_K", kept), b_K_ = bias(shared + "b_K", kept);
    W_V_ = projection(shared + "W_V", kept), b_V_ = bias(shared + "b_V", kept);
    W_O_ = b.parameters.add_folded(b.prefix + "W_O", {o.n_heads, o.d_head, o.d_model});
    b_O_ = b.parameter("b_O", {o.d_model});

    const SiteAxis head{Axis::head, o.n_heads}, d_head{Axis::d_head, o.d_head};
    const std::vector<SiteAxis> per_head{Axis::batch, Axis::pos, head, d_head};
    const SiteAxis kept_head = ungroups_ ? head : SiteAxis{Axis::head, kept};
    const std::vector<SiteAxis> per_kept{Axis::batch, Axis::pos, kept_head, d_head};
    const std::vector<SiteAxis> per_pair{Axis::batch, head, Axis::query, Axis::key};
    hook_q_ = b.site("hook_q", per_head);
    hook_k_ = b.site("hook_k", per_kept);
    hook_v_ = b.site("hook_v", per_kept);
    if (o.rotary.dim > 0) {
      rotation_.emplace(b, o.rotary);
      hook_rot_q_ = b.site("hook_rot_q", per_head);
      hook_rot_k_ = b.site("hook_rot_k", per_kept);
    }
    hook_attn_scores_ = b.site("hook_attn_scores", per_pair);
    hook_pattern_ = b.site("hook_pattern", per_pair);
    hook_z_ = b.site("hook_z", per_head);
    hook_result_ =
        b.optional_site("hook_result", {Axis::batch, Axis::pos, head, {Axis::d_model, o.d_model}});
  }

  /// Inputs [batch, pos, d_model], or [batch, pos, head, d_model] where every head has its own.
  /// Of `stream`, which keys and values come from, visibility and wanted positions count; if some
  /// are wanted, the queries stand there alone, and so does the result. An attention that is not
  /// causal takes queries of another stream, of any length (cross-attention). Without key and value
  /// inputs, the keys and values are those that `stream.past` has.
  Variable<T> operator()(Pass<T>& pass, Variable<T> query_input, Variable<T> key_input,
                         Variable<T> value_input, const Stream<T>& stream) const {
    const Placed placed(pass.tape(), place_);
    AttentionScores::Args scores = scores_;
    const Index first = stream.past == nullptr ? 0 : stream.past->length();
    scores.mask.query_position = query_positions(pass, stream, first, length_of(query_input));
    scores.mask.key_visible = stream.visible;
    auto q = pass.at(hook_q_, project(pass, query_input, W_Q_, b_Q_, heads_));
    Variable<T> k, v;
    if (key_input) {
      k = pass.at(hook_k_, project(pass, key_input, W_K_, b_K_, kept_heads_));
      v = pass.at(hook_v_, project(pass, value_input, W_V_, b_V_, kept_heads_));
    }
    if (rotation_) {
      const Index length = length_of(k);
      q = pass.at(hook_rot_q_, (*rotation_)(q, stream, stream.wanted, first, length));
      k = pass.at(hook_rot_k_, (*rotation_)(k, stream, {}, first, length));
    }
    if (stream.past != nullptr) {
      std::tie(k, v) = key_input ? stream.past->extended(k, v) : stream.past->known(pass.tape());
    }
    // Backward of capped scores needs the scores, which the fused op does not keep; and a cache's
    // sequences do not lie one behind the other.
    const bool in_stages =
        pass.looks_at(hook_attn_scores_, hook_pattern_) || scores.cap > 0 || stream.past != nullptr;
    auto z = pass.at(hook_z_, in_stages ? staged(pass, q, k, v, scores) : fused(q, k, v, scores));
    if (stream.kept != nullptr) z = stream.kept->of(z);
    if (pass.looks_at(hook_result_)) {
      const auto result = pass.at(hook_result_, record<HeadLinear>({}, z, pass.unpacked(W_O_)));
      return record<AddBias>({}, record<SumHeads>({}, result), pass[b_O_]);
    }
    const auto folded = pass.tape().with_trailing(z, {heads_.numel()});
    return record<Linear>({}, folded, pass[W_O_], pass[b_O_]);
  }

 private:
  // Where queries stand among the keys; null: query i at i.
  static const Token* query_positions(Pass<T>& pass, const Stream<T>& stream, Index first,
                                      Index queries) {
    if (first == 0) return stream.wanted.empty() ? nullptr : stream.wanted.data();
    auto* const position =
        pass.tape().arena().template allocate<Token>(static_cast<std::size_t>(queries));
    for (Index i = 0; i < queries; ++i) {
      const Index p = stream.wanted.empty() ? i : Index{stream.wanted[static_cast<std::size_t>(i)]};
      position[i] = static_cast<Token>(first + p);
    }
    return position;
  }
  Variable<T> staged(Pass<T>& pass, Variable<T> q, Variable<T> k, Variable<T> v,
                     const AttentionScores::Args& args) const {
    const auto scores = pass.at(hook_attn_scores_, record<AttentionScores>(args, q, k));
    const auto pattern = pass.at(hook_pattern_, record<Softmax>({}, scores));
    return record<AttentionMix>({}, pattern, v);
  }
  /// The same without scores and pattern for others to see, and without spreading distinct rows.
  Variable<T> fused(Variable<T> q, Variable<T> k, Variable<T> v,
                    const AttentionScores::Args& args) const {
    return record<FusedAttention>(
        {batch_of(q), rows_of(q), rows_of(k), rows_of(v), args.divisor, args.mask, args.alibi},
        table_of(q), table_of(k), table_of(v));
  }
  static AttentionRows rows_of(Variable<T> x) {
    return {length_of(x), x.rows() == nullptr ? nullptr : x.rows()->row};
  }
  Variable<T> project(Pass<T>& pass, Variable<T> x, ParameterId W, ParameterId b,
                      const Shape& heads) const {
    Tape<T>& tape = pass.tape();
    const bool per_head = x.shape().rank() - x.row_axes() == 2;
    const bool ungroups = ungroups_ && heads == kept_heads_;
    if (!per_head) {
      const auto y = tape.with_trailing(record<Linear>({}, x, pass[W], pass[b]), heads);
      return ungroups ? ungrouped(y) : y;
    }
    const Shape& all = ungroups ? heads_ : heads;
    auto bias = pass[b];
    if (ungroups) bias = tape.reshape(ungrouped(tape.reshape(bias, heads)), {all.numel()});
    const auto y = record<HeadLinear>({}, x, pass.unpacked(W));
    return tape.with_trailing(record<AddBias>({}, tape.with_trailing(y, {all.numel()}), bias), all);
  }
  // What heads share, once for each of them: [..., kept head, d_head] -> [..., head, d_head].
  Variable<T> ungrouped(Variable<T> x) const {
    x = dense(x);
    Tape<T>& tape = x.tape();
    const Shape before = x.shape().axes(0, x.shape().rank() - 2);
    const Index heads = heads_[0], kept = kept_heads_[0], d_head = heads_[1];
    const auto shared = tape.reshape(x, join(before, {kept, 1, d_head}));
    const auto copies = record<Broadcast>({join(before, {kept, heads / kept, d_head})}, shared);
    return tape.reshape(copies, join(before, heads_));
  }

  std::string place_;
  Shape heads_, kept_heads_;  // [head, d_head], of queries and of keys and values
  bool ungroups_;
  AttentionScores::Args scores_;  // but for what a run brings along
  std::optional<Rotation> rotation_;
  ParameterId W_Q_, b_Q_, W_K_, b_K_, W_V_, b_V_, W_O_, b_O_;
  SiteId hook_q_, hook_k_, hook_v_, hook_rot_q_ = -1, hook_rot_k_ = -1;
  SiteId hook_attn_scores_, hook_pattern_, hook_z_, hook_result_;
};

}  // namespace hooked
