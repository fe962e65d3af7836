// Mlp: the hidden layer of a block, plain or gated, with any activation (contract, 5.4).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/norm.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/ops/add_bias.hpp"
#include "hooked/ops/fused_mlp.hpp"
#include "hooked/ops/gelu.hpp"
#include "hooked/ops/gelu_new.hpp"
#include "hooked/ops/linear.hpp"
#include "hooked/ops/multiply.hpp"
#include "hooked/ops/pointwise.hpp"
#include "hooked/ops/relu.hpp"
#include "hooked/ops/silu.hpp"
#include "hooked/ops/softmax.hpp"

namespace hooked {

/// What an MLP is built from.
struct MlpOptions {
  Index d_model = 0;
  Index d_mlp = 0;
  Activation act_fn = Activation::relu;
  bool gated = false;                               ///< post = act(x W_gate) (x W_in) + b_in
  Normalization normalization = Normalization::LN;  ///< of the model; for solu_ln's own norm
  double eps = 1e-5;                                // inside that norm's root
};

/// Calls `f` with the function of an activation that acts on every number alone: ReluFunction{},
/// GeluFunction{}, ... Throws ConfigError for any other.
template <class F>
auto with_function(Activation act_fn, F f) {
  switch (act_fn) {
    case Activation::relu:
      return f(ReluFunction{});
    case Activation::gelu:
      return f(GeluFunction{});
    case Activation::gelu_new:
      return f(GeluNewFunction{});
    case Activation::gelu_fast:
      return f(GeluFastFunction{});
    case Activation::silu:
      return f(SiluFunction{});
    case Activation::solu:
    case Activation::solu_ln:
      break;
  }
  fail<ConfigError>("there is no activation number ", static_cast<int>(act_fn));
}

/// out = act(x W_in + b_in) W_out + b_out, or, gated, (act(x W_gate) (x W_in) + b_in) W_out + b_out
/// (contract, 5.4). solu(x) = x softmax(x) over all neurons (Elhage et al., "Softmax linear units",
/// 2022); solu_ln gives that to a norm of its own, `ln`, LN where the model's norm is, else LNPre.
template <Scalar T>
class Mlp {
 public:
  Mlp(const Builder& b, const MlpOptions& o) : place_(b.prefix), act_fn_(o.act_fn) {
    detail::check_size(b, "d_model", o.d_model);
    detail::check_size(b, "d_mlp", o.d_mlp);
    if (!is_solu()) with_function(act_fn_, [](auto) {});
    const bool normalizes = act_fn_ == Activation::solu_ln;
    if (o.gated && normalizes) {
      fail<ConfigError>("the MLP \"", b.prefix, "\" is gated, but solu_ln has no gate: take solu");
    }
    W_in_ = b.parameter("W_in", {o.d_model, o.d_mlp});
    b_in_ = b.parameter("b_in", {o.d_mlp});
    if (o.gated) W_gate_ = b.parameter("W_gate", {o.d_model, o.d_mlp});
    W_out_ = b.parameter("W_out", {o.d_mlp, o.d_model});
    b_out_ = b.parameter("b_out", {o.d_model});
    const std::vector<SiteAxis> neurons{Axis::batch, Axis::pos, {Axis::d_mlp, o.d_mlp}};
    hook_pre_ = b.site("hook_pre", neurons);
    if (o.gated) hook_pre_linear_ = b.site("hook_pre_linear", neurons);
    if (normalizes) {
      hook_mid_ = b.site("hook_mid", neurons);
      const bool has_weights = o.normalization == Normalization::LN;
      ln_.emplace(b.in("ln"),
                  NormOptions{o.d_mlp, has_weights ? Normalization::LN : Normalization::LNPre,
                              o.eps, 0, Axis::d_mlp});
    }
    hook_post_ = b.site("hook_post", neurons);
  }

  /// x [..., d_model] -> [..., d_model]
  Variable<T> operator()(Pass<T>& pass, Variable<T> x) const {
    const Placed placed(pass.tape(), place_);
    if (!W_gate_ && !is_solu() && !pass.looks_at(hook_pre_, hook_post_)) {
      return with_function(act_fn_, [&](auto f) {
        return record<FusedMlp<decltype(f)>>({}, x, pass[W_in_], pass[b_in_], pass[W_out_],
                                             pass[b_out_]);
      });
    }
    const auto post = pass.at(hook_post_, W_gate_ ? gated(pass, x) : plain(pass, x));
    return record<Linear>({}, post, pass[W_out_], pass[b_out_]);
  }

 private:
  bool is_solu() const { return act_fn_ == Activation::solu || act_fn_ == Activation::solu_ln; }

  Variable<T> plain(Pass<T>& pass, Variable<T> x) const {
    const auto pre = pass.at(hook_pre_, record<Linear>({}, x, pass[W_in_], pass[b_in_]));
    const auto post = activation(pre);
    return ln_ ? (*ln_)(pass, pass.at(*hook_mid_, post)) : post;
  }
  Variable<T> gated(Pass<T>& pass, Variable<T> x) const {
    const auto pre = pass.at(hook_pre_, times(pass, x, *W_gate_));
    const auto linear = pass.at(*hook_pre_linear_, times(pass, x, W_in_));
    return record<AddBias>({}, record<Multiply>({}, activation(pre), linear), pass[b_in_]);
  }
  Variable<T> activation(Variable<T> pre) const {
    if (is_solu()) return record<Multiply>({}, pre, record<Softmax>({}, pre));
    return with_function(act_fn_, [&](auto f) { return record<Pointwise<decltype(f)>>({}, pre); });
  }
  // x W, without a bias.
  static Variable<T> times(Pass<T>& pass, Variable<T> x, ParameterId W) {
    const auto weights = pass[W];
    return record<Linear>({}, x, weights, pass.tape().zeros({weights.shape()[1]}));
  }

  std::string place_;
  Activation act_fn_;
  ParameterId W_in_, b_in_, W_out_, b_out_;
  std::optional<ParameterId> W_gate_;
  std::optional<Norm<T>> ln_;
  SiteId hook_pre_, hook_post_;
  std::optional<SiteId> hook_pre_linear_, hook_mid_;
};

}  // namespace hooked
