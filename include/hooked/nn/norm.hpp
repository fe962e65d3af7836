// Norm: LN, LNPre, RMS, RMSPre (contract, 5.2), or nothing where the model has no norms.
#pragma once

#include <optional>
#include <string>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/ops/affine.hpp"
#include "hooked/ops/center.hpp"
#include "hooked/ops/divide_rows.hpp"
#include "hooked/ops/rms_scale.hpp"
#include "hooked/ops/scale_columns.hpp"
#include "hooked/ops/standardize.hpp"

namespace hooked {

/// What a norm is built from.
struct NormOptions {
  Index width = 0;                         // of what is normalized: d_model
  Normalization kind = Normalization::LN;  ///< which of the norms
  double eps = 1e-5;                       // inside the root
  /// Where inputs may be [batch, pos, head, width] in some runs: how many heads there are.
  Index n_heads = 0;
  Axis axis = Axis::d_model;  ///< what the numbers are that are normalized
};

/// x <- x - mean(x) (LN only); scale = sqrt(mean(x^2) + eps); n = x / scale; y = n * w + b.
/// hook_scale is the divisor: frozen by a hook, it makes the norm linear.
template <Scalar T>
class Norm {
 public:
  Norm(const Builder& b, const NormOptions& o) : kind_(o.kind), eps_(o.eps), place_(b.prefix) {
    if (kind_ == Normalization::none) return;
    detail::check_size(b, "width", o.width);
    const auto site = [&](const char* name, const SiteAxis& last) {
      Site here{.name = b.prefix + name, .axes = {Axis::batch, Axis::pos, last}};
      if (o.n_heads > 0) {
        here.axes_per_head = {Axis::batch, Axis::pos, {Axis::head, o.n_heads}, last};
      }
      return b.sites.add(std::move(here));
    };
    hook_scale_ = site("hook_scale", Axis::one);
    hook_normalized_ = site("hook_normalized", {o.axis, o.width});
    switch (kind_) {
      case Normalization::LN:
        w_ = b.parameter("w", {o.width});
        b_ = b.parameter("b", {o.width});
        return;
      case Normalization::RMS:
        w_ = b.parameter("w", {o.width});
        return;
      case Normalization::LNPre:
      case Normalization::RMSPre:
      case Normalization::none:
        return;
    }
    fail<ConfigError>("there is no normalization number ", static_cast<int>(kind_));
  }

  /// x [..., width] -> [..., width]
  Variable<T> operator()(Pass<T>& pass, Variable<T> x) const {
    if (kind_ == Normalization::none) return x;
    const Placed placed(pass.tape(), place_);
    auto y = pass.looks_at(hook_scale_, hook_normalized_)
                 ? staged(pass, x)
                 : record<Standardize>({.centers = centers(), .eps = eps_}, x);
    if (b_) return record<Affine>({}, y, pass[*w_], pass[*b_]);
    return w_ ? record<ScaleColumns>({}, y, pass[*w_]) : y;
  }

 private:
  bool centers() const { return kind_ == Normalization::LN || kind_ == Normalization::LNPre; }
  Variable<T> staged(Pass<T>& pass, Variable<T> x) const {
    if (centers()) x = record<Center>({}, x);
    const auto scale = pass.at(hook_scale_, record<RmsScale>({eps_}, x));
    return pass.at(hook_normalized_, record<DivideRows>({}, x, scale));
  }

  Normalization kind_;
  double eps_;
  std::string place_;
  SiteId hook_scale_ = -1, hook_normalized_ = -1;
  std::optional<ParameterId> w_, b_;
};

}  // namespace hooked
