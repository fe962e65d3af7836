// EncoderDecoderBlock: self-attention, in a decoder cross-attention, and MLP around the residual
// stream, with norms before or after each.
#pragma once

#include <optional>
#include <vector>

#include "hooked/autograd/kept_rows.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/attention.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/mlp.hpp"
#include "hooked/nn/norm.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/ops/add.hpp"

namespace hooked {

/// What a block of an encoder or a decoder is built from.
struct EncoderDecoderBlockOptions {
  Index d_model = 0;
  Index n_heads = 0;
  Index d_head = 0;
  Index d_mlp = 0;
  Activation act_fn = Activation::relu;
  Normalization normalization = Normalization::LN;
  double eps = 1e-5;
  bool norm_first = false;  ///< x + f(norm(x)), else norm(x + f(x))
  bool decodes = false;     ///< queries see no later key, and attend to a memory, too
};

namespace detail {

/// One part f of a block, what is around it, and the names of all that.
template <Scalar T, class Part>
class ResidualPart {
 public:
  /// Names within the block.
  struct Names {
    const char *part, *norm, *hook_out, *hook_resid;
  };
  /// `part` has the options of the part itself.
  template <class PartOptions>
  ResidualPart(const Builder& b, const Names& names, const PartOptions& part,
               const EncoderDecoderBlockOptions& o)
      : norm_first_(o.norm_first) {
    const NormOptions norm{o.d_model, o.normalization, o.eps};
    const std::vector<SiteAxis> axes{Axis::batch, Axis::pos, {Axis::d_model, o.d_model}};
    if (norm_first_) norm_.emplace(b.in(names.norm), norm);
    part_.emplace(b.in(names.part), part);
    hook_out_ = b.site(names.hook_out, axes);
    if (!norm_first_) norm_.emplace(b.in(names.norm), norm);
    hook_resid_ = b.site(names.hook_resid, axes);
  }

  /// f itself.
  const Part& operator*() const { return *part_; }
  /// What f reads of the stream x.
  Variable<T> input(Pass<T>& pass, Variable<T> x) const {
    return norm_first_ ? (*norm_)(pass, x) : x;
  }
  /// The stream after the part, whose output is y.
  Variable<T> joined(Pass<T>& pass, Variable<T> x, Variable<T> y) const {
    const auto sum = record<Add>({}, x, pass.at(hook_out_, y));
    return pass.at(hook_resid_, norm_first_ ? sum : (*norm_)(pass, sum));
  }
  /// The site of the stream after the part.
  SiteId hook_resid() const { return hook_resid_; }

 private:
  bool norm_first_;
  std::optional<Norm<T>> norm_;  // registers its sites before the part or behind it
  std::optional<Part> part_;
  SiteId hook_out_, hook_resid_;
};

}  // namespace detail

/// Of each part f in turn, attn, cross_attn (of a decoder) and mlp, the stream becomes norm(x +
/// f(x)) (Vaswani et al., "Attention is all you need", 2017), or x + f(norm(x)) where norms come
/// first (Xiong et al., "On layer normalization in the transformer architecture", 2020). The norms
/// are ln1, ln_cross and ln2; hook_resid_mid, hook_resid_cross and hook_resid_post show the stream
/// after each part.
template <Scalar T>
class EncoderDecoderBlock {
 public:
  EncoderDecoderBlock(const Builder& b, const EncoderDecoderBlockOptions& o)
      : hook_resid_pre_(
            b.site("hook_resid_pre", {Axis::batch, Axis::pos, {Axis::d_model, o.d_model}})),
        attn_(b, {"attn", "ln1", "hook_attn_out", "hook_resid_mid"},
              attention_options(o, o.decodes), o) {
    if (o.decodes) {
      cross_attn_.emplace(
          b, Names{"cross_attn", "ln_cross", "hook_cross_attn_out", "hook_resid_cross"},
          attention_options(o, false), o);
    }
    mlp_.emplace(b, MlpNames{"mlp", "ln2", "hook_mlp_out", "hook_resid_post"},
                 MlpOptions{.d_model = o.d_model,
                            .d_mlp = o.d_mlp,
                            .act_fn = o.act_fn,
                            .normalization = o.normalization,
                            .eps = o.eps},
                 o);
  }

  /// The site at which it begins, hook_resid_pre.
  SiteId first_site() const { return hook_resid_pre_; }
  /// The site at which it ends, hook_resid_post.
  SiteId last_site() const { return mlp_->hook_resid(); }

  /// Whether anybody looks at cross-attention, and may see or use what padding left in the memory.
  bool shows_memory(const Pass<T>& pass) const {
    return cross_attn_ && pass.looks_at(attn_.hook_resid() + 1, cross_attn_->hook_resid());
  }

  /// The stream after the block; of a decoder, `memory` is what it attends to: [batch, pos,
  /// d_model], or, with `memory.past`, keys and values that are known. What is computed where is up
  /// to stream.wanted and stream.kept; the first of them ends with the block.
  Stream<T> operator()(Pass<T>& pass, Stream<T> stream, Stream<T> memory = {}) const {
    auto x = pass.at(hook_resid_pre_, stream.resid);
    const auto in = attn_.input(pass, x);
    const auto attn_out = (*attn_)(pass, at_positions(in, stream.wanted), in, in, stream);
    x = at_positions(x, stream.wanted);
    if (stream.kept != nullptr) x = stream.kept->of(x);
    x = attn_.joined(pass, x, attn_out);
    if (cross_attn_) {
      memory.kept = stream.kept;  // the rows of queries
      const auto query = cross_attn_->input(pass, x);
      x = cross_attn_->joined(pass, x,
                              (**cross_attn_)(pass, query, memory.resid, memory.resid, memory));
    }
    x = mlp_->joined(pass, x, (**mlp_)(pass, mlp_->input(pass, x)));
    if (!stream.wanted.empty()) return x;  // what was known of all positions ends here
    stream.resid = x;
    return stream;
  }

 private:
  using Names = typename detail::ResidualPart<T, Attention<T>>::Names;
  using MlpNames = typename detail::ResidualPart<T, Mlp<T>>::Names;

  static AttentionOptions attention_options(const EncoderDecoderBlockOptions& o, bool causal) {
    return {.d_model = o.d_model, .n_heads = o.n_heads, .d_head = o.d_head, .causal = causal};
  }

  SiteId hook_resid_pre_;
  detail::ResidualPart<T, Attention<T>> attn_;
  std::optional<detail::ResidualPart<T, Attention<T>>> cross_attn_;
  std::optional<detail::ResidualPart<T, Mlp<T>>> mlp_;
};

}  // namespace hooked
