// Norm: LN, LNPre, RMS, RMSPre (contract, 5.2), or nothing where the model has no norms.
#pragma once

#include <optional>
#include <string>

#include "hooked/nn/builder.hpp"
#include "hooked/nn/pass.hpp"

namespace hooked {

/// x <- x - mean(x) (LN only); scale = sqrt(mean(x^2) + eps); n = x / scale; y = n * w + b.
/// hook_scale is the divisor: frozen by a hook, it makes the norm linear.
template <Scalar T>
class Norm {
 public:
  /// `input` are the axes of x but the last, usually {batch, pos}.
  Norm(const Builder& b, Normalization kind, const std::vector<Axis>& input)
      : kind_(kind), eps_(b.config.eps), place_(b.prefix) {
    if (kind == Normalization::none) return;
    std::vector<Axis> scale = input, normalized = input;
    scale.push_back(Axis::one);
    normalized.push_back(Axis::d_model);
    hook_scale_ = b.site("hook_scale", scale);
    hook_normalized_ = b.site("hook_normalized", normalized);
    if (kind == Normalization::LN || kind == Normalization::RMS) {
      w_ = b.parameter("w", {b.config.d_model});
    }
    if (kind == Normalization::LN) b_ = b.parameter("b", {b.config.d_model});
  }

  /// x [..., d_model] -> [..., d_model]
  Variable<T> operator()(Pass<T>& pass, Variable<T> x) const {
    if (kind_ == Normalization::none) return x;
    pass.tape().place = place_;
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
