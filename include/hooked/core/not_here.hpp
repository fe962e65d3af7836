// What is asked for in a way that there is not, told in one line at compile time: names that numpy
// and PyTorch have for what is called otherwise here.
#pragma once

#include "hooked/core/arithmetic.hpp"

namespace hooked {

// Each takes whatever it has there, of tensors.
template <TensorLike X, class... Rest>
void mm(const X&, const Rest&...) {
  static_assert(detail::kNever<X>, "mm is matmul(a, b) here");
}
template <TensorLike X, class... Rest>
void bmm(const X&, const Rest&...) {
  static_assert(detail::kNever<X>, "bmm is einsum(\"bij,bjk->bik\", a, b) here");
}
template <TensorLike X>
void cat(std::initializer_list<X>, int = 0) {
  static_assert(detail::kNever<X>, "cat is concat({a, b}, axis) here");
}
template <TensorLike X, class... Rest>
void unsqueeze(const X&, const Rest&...) {
  static_assert(detail::kNever<X>, "unsqueeze is x.reshape({1, 2, 3}) here: name all sizes");
}
template <TensorLike X, class... Rest>
void squeeze(const X&, const Rest&...) {
  static_assert(detail::kNever<X>, "squeeze is x.select(axis, 0) here");
}
template <TensorLike X, class... Rest>
void gather(const X&, const Rest&...) {
  static_assert(detail::kNever<X>, "gather is take_along_axis(x, indices, axis) here");
}
template <TensorLike X, class... Rest>
void index_select(const X&, const Rest&...) {
  static_assert(detail::kNever<X>, "index_select is take(x, axis, indices) here");
}
template <TensorLike X, class... Rest>
void norm(const X&, const Rest&...) {
  static_assert(detail::kNever<X>, "norm is l2_norm(x), l1_norm(x) or max_norm(x) here");
}

}  // namespace hooked
