// Mlp: out = act(x W_in + b_in) W_out + b_out (contract, 5.4).
#pragma once

#include <string>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/ops/fused_mlp.hpp"
#include "hooked/ops/gelu.hpp"
#include "hooked/ops/gelu_new.hpp"
#include "hooked/ops/linear.hpp"
#include "hooked/ops/pointwise.hpp"
#include "hooked/ops/relu.hpp"
#include "hooked/ops/silu.hpp"

namespace hooked {

/// What an MLP is built from.
struct MlpOptions {
  Index d_model = 0;
  Index d_mlp = 0;
  Activation act_fn = Activation::relu;
};

/// Calls `f` with the function of an activation: ReluFunction{}, GeluFunction{}, ...
/// Throws ConfigError for an activation that there is not.
template <class F>
auto with_function(Activation act_fn, F f) {
  switch (act_fn) {
    case Activation::relu:
      return f(ReluFunction{});
    case Activation::gelu:
      return f(GeluFunction{});
    case Activation::gelu_new:
      return f(GeluNewFunction{});
    case Activation::silu:
      return f(SiluFunction{});
  }
  fail<ConfigError>("there is no activation number ", static_cast<int>(act_fn));
}

/// out = act(x W_in + b_in) W_out + b_out (contract, 5.4).
template <Scalar T>
class Mlp {
 public:
  Mlp(const Builder& b, const MlpOptions& o) : place_(b.prefix), act_fn_(o.act_fn) {
    detail::check_size(b, "d_model", o.d_model);
    detail::check_size(b, "d_mlp", o.d_mlp);
    with_function(act_fn_, [](auto) {});
    W_in_ = b.parameter("W_in", {o.d_model, o.d_mlp});
    b_in_ = b.parameter("b_in", {o.d_mlp});
    W_out_ = b.parameter("W_out", {o.d_mlp, o.d_model});
    b_out_ = b.parameter("b_out", {o.d_model});
    hook_pre_ = b.site("hook_pre", {Axis::batch, Axis::pos, {Axis::d_mlp, o.d_mlp}});
    hook_post_ = b.site("hook_post", {Axis::batch, Axis::pos, {Axis::d_mlp, o.d_mlp}});
  }

  /// x [..., d_model] -> [..., d_model]
  Variable<T> operator()(Pass<T>& pass, Variable<T> x) const {
    const Placed placed(pass.tape(), place_);
    if (!pass.looks_at(hook_pre_, hook_post_)) {
      return with_function(act_fn_, [&](auto f) {
        return record<FusedMlp<decltype(f)>>({}, x, pass[W_in_], pass[b_in_], pass[W_out_],
                                             pass[b_out_]);
      });
    }
    const auto pre = pass.at(hook_pre_, record<Linear>({}, x, pass[W_in_], pass[b_in_]));
    const auto post = pass.at(hook_post_, with_function(act_fn_, [&](auto f) {
                                return record<Pointwise<decltype(f)>>({}, pre);
                              }));
    return record<Linear>({}, post, pass[W_out_], pass[b_out_]);
  }

 private:
  std::string place_;
  Activation act_fn_;
  ParameterId W_in_, b_in_, W_out_, b_out_;
  SiteId hook_pre_, hook_post_;
};

}  // namespace hooked
