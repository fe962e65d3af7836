// Unembed: logits = x W_U + b_U (contract, 5.1).
#pragma once

#include <optional>
#include <string>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/ops/linear.hpp"
#include "hooked/ops/soft_cap.hpp"

namespace hooked {

/// What an unembedding is built from.
struct UnembedOptions {
  Index d_model = 0;
  Index d_vocab_out = 0;
  std::optional<ParameterId> tied =
      {};               ///< the embedding whose transpose W_U is, [d_vocab_out, d_model]
  double soft_cap = 0;  // c tanh(logits / c); 0: none
};

/// logits = x W_U + b_U, and c tanh(logits / c) of them where there is a cap, which hook_out does
/// not see (contract, 5.1).
template <Scalar T>
class Unembed {
 public:
  Unembed(const Builder& b, const UnembedOptions& o)
      : place_(b.prefix), is_tied_(o.tied.has_value()), soft_cap_(o.soft_cap) {
    detail::check_size(b, "d_model", o.d_model);
    detail::check_size(b, "d_vocab_out", o.d_vocab_out);
    if (!(soft_cap_ >= 0)) {
      fail<ConfigError>("the module \"", b.prefix, "\" has soft_cap ", soft_cap_,
                        ": it must be positive, or 0 for none");
    }
    W_U_ = o.tied ? *o.tied : b.parameter("W_U", {o.d_model, o.d_vocab_out});
    b_U_ = b.parameter("b_U", {o.d_vocab_out});
    hook_in_ = b.site("hook_in", {Axis::batch, Axis::pos, {Axis::d_model, o.d_model}});
    hook_out_ = b.site("hook_out", {Axis::batch, Axis::pos, {Axis::d_vocab_out, o.d_vocab_out}});
  }

  /// x [..., d_model] -> [..., d_vocab_out]
  Variable<T> operator()(Pass<T>& pass, Variable<T> x) const {
    const Placed placed(pass.tape(), place_);
    const auto in = pass.at(hook_in_, x);
    const auto logits =
        pass.at(hook_out_, record<Linear>({.transposed = is_tied_}, in, pass[W_U_], pass[b_U_]));
    return soft_cap_ > 0 ? record<SoftCap>({soft_cap_}, logits) : logits;
  }

 private:
  std::string place_;
  bool is_tied_;
  double soft_cap_;
  ParameterId W_U_, b_U_;
  SiteId hook_in_, hook_out_;
};

}  // namespace hooked
