// Unembed: logits = x W_U + b_U (contract, 5.1).
#pragma once

#include <string>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/ops/linear.hpp"

namespace hooked {

/// What an unembedding is built from.
struct UnembedOptions {
  Index d_model = 0;
  Index d_vocab_out = 0;
};

/// logits = x W_U + b_U (contract, 5.1).
template <Scalar T>
class Unembed {
 public:
  Unembed(const Builder& b, const UnembedOptions& o) : place_(b.prefix) {
    detail::check_size(b, "d_model", o.d_model);
    detail::check_size(b, "d_vocab_out", o.d_vocab_out);
    W_U_ = b.parameter("W_U", {o.d_model, o.d_vocab_out});
    b_U_ = b.parameter("b_U", {o.d_vocab_out});
    hook_in_ = b.site("hook_in", {Axis::batch, Axis::pos, {Axis::d_model, o.d_model}});
    hook_out_ = b.site("hook_out", {Axis::batch, Axis::pos, {Axis::d_vocab_out, o.d_vocab_out}});
  }

  /// x [..., d_model] -> [..., d_vocab_out]
  Variable<T> operator()(Pass<T>& pass, Variable<T> x) const {
    const Placed placed(pass.tape(), place_);
    const auto in = pass.at(hook_in_, x);
    return pass.at(hook_out_, record<Linear>({}, in, pass[W_U_], pass[b_U_]));
  }

 private:
  std::string place_;
  ParameterId W_U_, b_U_;
  SiteId hook_in_, hook_out_;
};

}  // namespace hooked
