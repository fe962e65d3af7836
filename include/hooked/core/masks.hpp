// Masks: comparisons of elements, which give ones and zeros, and what is asked of them: any, all.
#pragma once

#include <functional>

#include "hooked/core/arithmetic.hpp"
#include "hooked/core/reduce.hpp"

namespace hooked {

namespace detail {

template <class X>
concept OfIntegers = TensorLike<X> && std::integral<typename X::value_type>;

// The elements of the mask of a comparison: those that are compared. Integers may be of two types
// (argmax finds Index, labels are Token).
template <class A, class B>
struct Compared : CommonElement<A, B> {};
template <OfIntegers A, OfIntegers B>
requires(!std::same_as<typename A::value_type, typename B::value_type>) struct Compared<A, B> {
  using type = Index;
};
template <class A, class B>
using Mask = typename Compared<A, B>::type;

template <class F, class A, class B, class T = Mask<A, B>>
Tensor<T> compare(const char* name, const A& a, const B& b) {
  if constexpr (OfIntegers<A> && OfIntegers<B>) {
    return broadcast_map(name, cast<T>(a), cast<T>(b), F());
  } else {
    return broadcast_map(name, a, b, F());
  }
}

}  // namespace detail

/// 1 where the comparison of elements holds, 0 elsewhere; a number may stand on either side.
/// Masks have the type of what is compared (integers of two types: Index), so that
/// `mean(argmax(logits, -1) == labels)` is a share, `x * (x > 0)` is what is left, and a product of
/// masks is "and". Nothing is equal to NaN. Throw ShapeError when the shapes do not broadcast.
template <class A, class B, class T = detail::Mask<A, B>>
Tensor<T> operator==(const A& a, const B& b) {
  return detail::compare<std::equal_to<>>("==", a, b);
}
/// The mask of a != b: 1 also where NaN stands.
template <class A, class B, class T = detail::Mask<A, B>>
Tensor<T> operator!=(const A& a, const B& b) {
  return detail::compare<std::not_equal_to<>>("!=", a, b);
}
/// The mask of a < b.
template <class A, class B, class T = detail::Mask<A, B>>
Tensor<T> operator<(const A& a, const B& b) {
  return detail::compare<std::less<>>("<", a, b);
}
/// The mask of a <= b.
template <class A, class B, class T = detail::Mask<A, B>>
Tensor<T> operator<=(const A& a, const B& b) {
  return detail::compare<std::less_equal<>>("<=", a, b);
}
/// The mask of a > b.
template <class A, class B, class T = detail::Mask<A, B>>
Tensor<T> operator>(const A& a, const B& b) {
  return detail::compare<std::greater<>>(">", a, b);
}
/// The mask of a >= b.
template <class A, class B, class T = detail::Mask<A, B>>
Tensor<T> operator>=(const A& a, const B& b) {
  return detail::compare<std::greater_equal<>>(">=", a, b);
}

/// Whether some element is not zero (NaN is not); of no elements: no.
template <TensorLike X>
bool any(const X& x) {
  bool found = false;
  walk([&](const auto& v) { found = found || v != 0; }, x.view());
  return found;
}
/// Whether no element is zero; of no elements: yes.
template <TensorLike X>
bool all(const X& x) {
  bool holds = true;
  walk([&](const auto& v) { holds = holds && v != 0; }, x.view());
  return holds;
}
/// The same over `axes`: a mask.
template <TensorLike X>
Tensor<typename X::value_type> any(const X& x, const Axes& axes, Keep keep = Keep::no) {
  const auto found =
      detail::accumulate(x, axes, 0.0, [](double& y, double v) { y = v != 0 ? 1.0 : y; });
  return detail::finish<typename X::value_type>(found, x.shape(), axes, keep);
}
template <TensorLike X>
Tensor<typename X::value_type> all(const X& x, const Axes& axes, Keep keep = Keep::no) {
  const auto holds =
      detail::accumulate(x, axes, 1.0, [](double& y, double v) { y = v == 0 ? 0.0 : y; });
  return detail::finish<typename X::value_type>(holds, x.shape(), axes, keep);
}

}  // namespace hooked
