// Matrix products, one or many.
#pragma once

#include "hooked/core/einsum.hpp"

namespace hooked {

/// y[..., i, k] = sum over j of a[..., i, j] b[..., j, k]. The leading axes are the same, or one of
/// the two has none and serves all matrices of the other.
/// Throws ShapeError when an operand has fewer than two axes or the sizes disagree.
template <TensorLike A, TensorOf<typename A::value_type> B>
Tensor<typename A::value_type> matmul(const A& a, const B& b) {
  const auto refuse = [&](const auto&... parts) {
    fail<ShapeError>("matmul: a is ", a.shape(), ", b is ", b.shape(), ": ", parts...);
  };
  if (a.rank() < 2 || b.rank() < 2) refuse("both need two axes");
  if (a.size(-1) != b.size(-2)) {
    refuse("a has ", a.size(-1), " columns but b has ", b.size(-2), " rows");
  }
  const Shape a_leads = a.shape().axes(0, a.rank() - 2), b_leads = b.shape().axes(0, b.rank() - 2);
  if (a_leads != b_leads && a_leads.rank() > 0 && b_leads.rank() > 0) {
    refuse("the leading axes differ");
  }
  const std::string a_lead("abcd", static_cast<std::size_t>(a_leads.rank()));
  const std::string b_lead("abcd", static_cast<std::size_t>(b_leads.rank()));
  const std::string lead = a_lead.empty() ? b_lead : a_lead;
  return einsum(a_lead + "xy," + b_lead + "yz->" + lead + "xz", a, b);
}

}  // namespace hooked
