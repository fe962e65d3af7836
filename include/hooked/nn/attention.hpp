// Attention: q, k, v, scores, pattern, z and the output projection (contract, 5.1).
#pragma once

#include <string>
#include <vector>

#include "hooked/nn/builder.hpp"
#include "hooked/nn/pass.hpp"

namespace hooked {

/// q_h = x W_Q[h] + b_Q[h], k and v alike; scores = q k^T / attn_scale, -inf where masked;
/// pattern = softmax(scores); z = pattern v; out = sum_h z_h W_O[h] + b_O.
template <Scalar T>
class Attention {
 public:
  Attention(const Builder& b, Index layer)
      : place_(b.prefix),
        heads_{b.config.n_heads, b.config.d_head},
        divisor_(b.config.attention_divisor(layer)),
        causal_(b.config.attention_dir == AttentionDirection::causal),
        use_result_(b.config.use_attn_result) {
    const auto& c = b.config;
    const auto projection = [&](const std::string& name) {
      return b.parameters.add_heads(b.prefix + name, c.n_heads, c.d_model, c.d_head);
    };
    const auto bias = [&](const std::string& name) {
      return b.parameters.add_folded(b.prefix + name, {c.n_heads, c.d_head});
    };
    W_Q_ = projection("W_Q"), b_Q_ = bias("b_Q");
    W_K_ = projection("W_K"), b_K_ = bias("b_K");
    W_V_ = projection("W_V"), b_V_ = bias("b_V");
    W_O_ = b.parameters.add_folded(b.prefix + "W_O", {c.n_heads, c.d_head, c.d_model});
    b_O_ = b.parameter("b_O", {c.d_model});

    const std::vector<Axis> per_head{Axis::batch, Axis::pos, Axis::head, Axis::d_head};
    const std::vector<Axis> per_pair{Axis::batch, Axis::head, Axis::query, Axis::key};
    hook_q_ = b.site("hook_q", per_head);
    hook_k_ = b.site("hook_k", per_head);
    hook_v_ = b.site("hook_v", per_head);
    hook_attn_scores_ = b.site("hook_attn_scores", per_pair);
    hook_pattern_ = b.site("hook_pattern", per_pair);
    hook_z_ = b.site("hook_z", per_head);
    hook_result_ =
        b.optional_site("hook_result", {Axis::batch, Axis::pos, Axis::head, Axis::d_model},
                        use_result_, "use_attn_result");
  }

  /// Inputs [batch, pos, d_model], or [batch, pos, head, d_model] where every head has its own.
  /// The queries may stand at fewer positions than keys and values; the result stands where they
  /// do. Of `mask`, `causal` is the model's own.
  Variable<T> operator()(Pass<T>& pass, Variable<T> query_input, Variable<T> key_input,
                         Variable<T> value_input, AttentionMask mask) const {
    pass.tape().place = place_;
    mask.causal = causal_;
    const auto q = pass.at(hook_q_, project(pass, query_input, W_Q_, b_Q_));
    const auto k = pass.at(hook_k_, project(pass, key_input, W_K_, b_K_));
    const auto v = pass.at(hook_v_, project(pass, value_input, W_V_, b_V_));
    const auto z = pass.at(hook_z_, pass.looks_at(hook_attn_scores_, hook_pattern_)
                                        ? staged(pass, q, k, v, mask)
                                        : fused(q, k, v, mask));
    if (use_result_) {
      const auto result = pass.at(hook_result_, record<HeadLinear>({}, z, pass.unpacked(W_O_)));
      return record<AddBias>({}, record<SumHeads>({}, result), pass[b_O_]);
    }
    const auto folded = pass.tape().with_trailing(z, {heads_.numel()});
    return record<Linear>({}, folded, pass[W_O_], pass[b_O_]);
  }

 private:
  Variable<T> staged(Pass<T>& pass, Variable<T> q, Variable<T> k, Variable<T> v,
                     const AttentionMask& mask) const {
    const auto scores = pass.at(hook_attn_scores_, record<AttentionScores>({divisor_, mask}, q, k));
    const auto pattern = pass.at(hook_pattern_, record<Softmax>({}, scores));
    return record<AttentionMix>({}, pattern, v);
  }
  /// The same without scores and pattern for others to see, and without spreading distinct rows.
  Variable<T> fused(Variable<T> q, Variable<T> k, Variable<T> v, const AttentionMask& mask) const {
    const Index batch = q.rows() != nullptr ? q.rows()->batch : q.shape()[0];
    return record<FusedAttention>({batch, rows_of(q), rows_of(k), rows_of(v), divisor_, mask},
                                  table_of(q), table_of(k), table_of(v));
  }
  static AttentionRows rows_of(Variable<T> x) {
    if (x.rows() == nullptr) return {x.shape()[1]};
    return {x.rows()->positions, x.rows()->row};
  }
  Variable<T> project(Pass<T>& pass, Variable<T> x, ParameterId W, ParameterId b) const {
    Tape<T>& tape = pass.tape();
    const bool per_head = x.shape().rank() - x.row_axes() == 2;
    if (!per_head) return tape.with_trailing(record<Linear>({}, x, pass[W], pass[b]), heads_);
    const auto y = record<HeadLinear>({}, x, pass.unpacked(W));
    return tape.with_trailing(record<AddBias>({}, tape.with_trailing(y, {heads_.numel()}), pass[b]),
                              heads_);
  }

  std::string place_;
  Shape heads_;  // [head, d_head]
  double divisor_;
  bool causal_, use_result_;
  ParameterId W_Q_, b_Q_, W_K_, b_K_, W_V_, b_V_, W_O_, b_O_;
  SiteId hook_q_, hook_k_, hook_v_, hook_attn_scores_, hook_pattern_, hook_z_, hook_result_;
};

}  // namespace hooked
