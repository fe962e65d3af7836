// Arithmetic in place: += -= *= /= on tensors and views.
#pragma once

#include "hooked/core/arithmetic.hpp"

namespace hooked {

namespace detail {

// a_i = f(a_i, b_i). Where b looks at numbers of a, all of it is read before any is written.
template <class F, class T>
void update(const char* name, View<T> a, View<const T> b) {
  if (broadcast_shape(name, a.shape(), b.shape()) != a.shape()) {
    fail<ShapeError>(name, ": the left side is ", a.shape(), " and cannot become as large as ",
                     b.shape());
  }
  if (a.numel() == 0) return;
  b = b.broadcast(a.shape());
  Tensor<T> numbers;
  if (a.data() != b.data() || a.strides() != b.strides()) {
    const auto [first, last] = reach<T>(a.shape(), a.data(), a.strides());
    const auto [b_first, b_last] = reach(b.shape(), b.data(), b.strides());
    if (std::less_equal<>()(first, b_last) && std::less_equal<>()(b_first, last)) {
      numbers = Tensor<T>(b);
      b = numbers;
    }
  }
  walk([](T& out, const T& v) { out = F()(out, v); }, a, b);
}

// The same with a tensor or a number on the right.
template <class F, class A, class B>
void update_by(const char* name, A& a, const B& b) {
  using T = Common<std::remove_cvref_t<A>, B>;
  if constexpr (TensorLike<B>) {
    update<F, T>(name, a, b.view());
  } else {
    const T number = static_cast<T>(b);
    update<F, T>(name, a, View<const T>(&number, Shape{}));
  }
}

// What can be written to: a tensor with a name, or a View<T>.
template <class A>
concept Writable = TensorLike<std::remove_cvref_t<A>> &&
    std::convertible_to<A, View<typename std::remove_cvref_t<A>::value_type>>;

}  // namespace detail

/// a_i = a_i + b_i, and so on, as in numpy: b broadcasts to the shape of a, or is a number, and may
/// look at numbers of a. `x.select(0, 1) += 1` writes to x. Throw ShapeError when the left side
/// would have to grow; `/=` of integers as `/`.
template <detail::Writable A, class B, class = detail::Common<std::remove_cvref_t<A>, B>>
A&& operator+=(A&& a, const B& b) {
  detail::update_by<std::plus<>>("+=", a, b);
  return std::forward<A>(a);
}
/// x -= y, element by element.
template <detail::Writable A, class B, class = detail::Common<std::remove_cvref_t<A>, B>>
A&& operator-=(A&& a, const B& b) {
  detail::update_by<std::minus<>>("-=", a, b);
  return std::forward<A>(a);
}
/// x *= y, element by element.
template <detail::Writable A, class B, class = detail::Common<std::remove_cvref_t<A>, B>>
A&& operator*=(A&& a, const B& b) {
  detail::update_by<std::multiplies<>>("*=", a, b);
  return std::forward<A>(a);
}
/// x /= y, element by element.
template <detail::Writable A, class B, class = detail::Common<std::remove_cvref_t<A>, B>>
A&& operator/=(A&& a, const B& b) {
  detail::update_by<detail::Divide>("/=", a, b);
  return std::forward<A>(a);
}

}  // namespace hooked
