// softmax, log_softmax and logsumexp, safe against overflow; computed in double.
#pragma once

#include "hooked/core/reduce.hpp"

namespace hooked {

namespace detail {

// sum exp(x - shift) with shift = max x, so that no exponential overflows. An infinite maximum is
// not taken off: inf - inf is no number.
struct ShiftedSum {
  Tensor<double> shift;
  Tensor<double> sum;

  template <TensorLike X>
  ShiftedSum(const char* name, const X& x, const Axes& axes) {
    fold_count(name, x, axes);
    shift = accumulate(x, axes, -std::numeric_limits<double>::infinity(),
                       [](double& m, double v) { m = std::max(m, v); });
    for_each_element(shift.view(), [](Index, double& m) { m = std::isfinite(m) ? m : 0.0; });
    sum = Tensor<double>(shift.shape());
    walk([](double& s, double m, double v) { s += std::exp(v - m); },
         sum.view().broadcast(x.shape()), shift.broadcast(x.shape()), x.view());
  }

  // f(element - shift, sum) for every element.
  template <TensorLike X, class F>
  Tensor<typename X::value_type> map(const X& x, F f) const {
    using T = typename X::value_type;
    Tensor<T> y(x.shape());
    walk([&](T& out, double m, double s, double v) { out = static_cast<T>(f(v - m, s)); }, y.view(),
         shift.broadcast(x.shape()), sum.broadcast(x.shape()), x.view());
    return y;
  }
};

}  // namespace detail

/// exp(x) / sum exp(x) along `axis`. A line that is -inf throughout becomes zeros.
/// Throws ShapeError when the axis has no elements.
template <TensorLike X>
Tensor<typename X::value_type> softmax(const X& x, int axis = -1) {
  return detail::ShiftedSum("softmax", x, axis).map(x, [](double v, double sum) {
    return sum == 0.0 ? 0.0 : std::exp(v) / sum;
  });
}

/// x - log sum exp(x) along `axis`. A line that is -inf throughout stays so.
/// Throws ShapeError when the axis has no elements.
template <TensorLike X>
Tensor<typename X::value_type> log_softmax(const X& x, int axis = -1) {
  return detail::ShiftedSum("log_softmax", x, axis).map(x, [](double v, double sum) {
    return sum == 0.0 ? v : v - std::log(sum);
  });
}

/// log sum exp(x) over `axes`. Throws ShapeError for no elements.
template <TensorLike X>
Tensor<typename X::value_type> logsumexp(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  detail::ShiftedSum terms("logsumexp", x, axes);
  walk([](double& s, double m) { s = m + std::log(s); }, terms.sum.view(), terms.shift.view());
  return detail::finish<typename X::value_type>(terms.sum, x.shape(), axes, keep);
}

}  // namespace hooked
