// Element by element: arithmetic between tensors that broadcast and with numbers, functions of
// elements, and `map` for any other.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "hooked/core/tensor.hpp"

namespace hooked {

/// The shape that all of `shapes` broadcast to, as in numpy: aligned at the last axis, sizes equal
/// or 1. Throws ShapeError, with `name` in front, when there is none.
template <std::same_as<Shape>... Shapes>
Shape broadcast_shape(std::string_view name, const Shape& first, const Shapes&... rest) {
  Shape result = first;
  const auto widen = [&](const Shape& other) {
    Shape wide = result.rank() < other.rank() ? other : result;
    for (int axis = 1; axis <= std::min(result.rank(), other.rank()); ++axis) {
      const Index a = result[-axis], b = other[-axis];
      if (a != b && a != 1 && b != 1) {
        fail<ShapeError>(name, ": ", result, " and ", other, " do not broadcast: axis ", -axis,
                         " is ", a, " against ", b);
      }
      wide[-axis] = a == 1 ? b : a;
    }
    result = wide;
  };
  (widen(rest), ...);
  return result;
}

namespace detail {

// A number that an elementwise function of tensors with elements T may be handed. A fraction does
// not go into a tensor of integers.
template <class X, class T>
concept NumberFor = std::is_arithmetic_v<X> &&(std::floating_point<T> || std::integral<X>);

template <class>
inline constexpr bool kNever = false;

// The element type of two operands of which at least one is a tensor.
template <class A, class B>
struct CommonElement {};
template <TensorLike A, TensorLike B>
struct CommonElement<A, B> {
  static_assert(kNever<A>, "tensors of two element types: make them one, as in cast<float>(x) + y");
  using type = typename A::value_type;
};
template <TensorLike A, TensorOf<typename A::value_type> B>
struct CommonElement<A, B> {
  using type = typename A::value_type;
};
template <TensorLike A, NumberFor<typename A::value_type> B>
struct CommonElement<A, B> {
  using type = typename A::value_type;
};
template <TensorLike B, NumberFor<typename B::value_type> A>
struct CommonElement<A, B> {
  using type = typename B::value_type;
};
template <TensorLike A, std::floating_point B>
requires std::integral<typename A::value_type>
struct CommonElement<A, B> {
  static_assert(kNever<A>, "a fraction beside a tensor of integers: say cast<float>(x) first");
  using type = typename A::value_type;
};
template <std::floating_point A, TensorLike B>
requires std::integral<typename B::value_type>
struct CommonElement<A, B> : CommonElement<B, A> {
};
template <class A, class B>
using Common = typename CommonElement<A, B>::type;

// A view of a tensor, or a number as a tensor.
template <class T, class X>
auto operand(const X& x) {
  if constexpr (TensorLike<X>) {
    return x.view();
  } else {
    return Tensor<T>::scalar(static_cast<T>(x));
  }
}

// a / b. Throws NumericError for an integer over 0.
struct Divide {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::integral<T>) {
      if (b == 0) fail<NumericError>("/: the integer ", a, " over 0");
    }
    return a / b;
  }
};

// x as a U, a fraction without what follows its point. Throws NumericError where no integer U is
// that number.
template <class U, class T>
U checked_cast(const char* name, T x) {
  if constexpr (std::integral<U>) {
    bool fits = true;
    if constexpr (std::integral<T>) {
      fits = std::in_range<U>(x);
    } else {
      constexpr double kEnd = 2.0 * static_cast<double>(std::numeric_limits<U>::max() / 2 + 1);
      const double whole = std::trunc(static_cast<double>(x));
      fits = whole >= static_cast<double>(std::numeric_limits<U>::min()) && whole < kEnd;
    }
    if (!fits) {
      fail<NumericError>(name, ": ", x, " is no integer of ", 8 * sizeof(U), " bits");
    }
  }
  return static_cast<U>(x);
}

// The elements of a result: whatever the function returns, but 0 and 1 in T for a predicate.
template <class R, class T>
using Mapped = std::conditional_t<std::same_as<R, bool>, T, std::remove_cvref_t<R>>;

template <class A, class B, class F, class T = Common<A, B>>
auto broadcast_map(std::string_view name, const A& a, const B& b, F f) {
  const auto left = operand<T>(a);
  const auto right = operand<T>(b);
  using R = Mapped<std::invoke_result_t<F, const T&, const T&>, T>;
  Tensor<R> y(broadcast_shape(name, left.shape(), right.shape()));
  walk([&](R& out, const T& u, const T& v) { out = static_cast<R>(f(u, v)); }, y.view(),
       left.view().broadcast(y.shape()), right.view().broadcast(y.shape()));
  return y;
}

}  // namespace detail

/// y_i = f(x_i), a tensor of whatever f returns. A predicate gives ones and zeros of x's type, so
/// that `mean(map(x, [](float v) { return v > 0; }))` is the share of positive elements.
template <TensorLike X, class F>
auto map(const X& x, F f) {
  using T = typename X::value_type;
  using R = detail::Mapped<std::invoke_result_t<F, const T&>, T>;
  Tensor<R> y(x.shape());
  walk([&](R& out, const T& v) { out = static_cast<R>(f(v)); }, y.view(), x.view());
  return y;
}
/// y_i = f(a_i, b_i), where a and b broadcast, or one of them is a number.
/// Throws ShapeError when the shapes do not broadcast.
template <class A, class B, class F, class = detail::Common<A, B>>
auto map(const A& a, const B& b, F f) {
  return detail::broadcast_map("map", a, b, f);
}

/// a + b, a - b, a * b and a / b of elements, of one type: a number beside a tensor takes that of
/// its elements. Unlike numpy's, `/` of integers drops what follows the point, and throws
/// NumericError where the divisor is 0. Throw ShapeError when the shapes do not broadcast.
template <class A, class B>
Tensor<detail::Common<A, B>> operator+(const A& a, const B& b) {
  return detail::broadcast_map("+", a, b, std::plus<>());
}
/// a - b of elements; of one tensor, -x.
template <class A, class B>
Tensor<detail::Common<A, B>> operator-(const A& a, const B& b) {
  return detail::broadcast_map("-", a, b, std::minus<>());
}
/// a * b of elements.
template <class A, class B>
Tensor<detail::Common<A, B>> operator*(const A& a, const B& b) {
  return detail::broadcast_map("*", a, b, std::multiplies<>());
}
/// a / b of elements.
template <class A, class B>
Tensor<detail::Common<A, B>> operator/(const A& a, const B& b) {
  return detail::broadcast_map("/", a, b, detail::Divide());
}
template <TensorLike X>
Tensor<typename X::value_type> operator-(const X& x) {
  return map(x, std::negate<>());
}

/// The exponential, natural logarithm (-inf at 0, NaN below), square root and absolute value of
/// each element, as in <cmath>.
template <TensorLike X>
Tensor<typename X::value_type> exp(const X& x) {
  return map(x, [](typename X::value_type v) { return std::exp(v); });
}
/// The natural logarithm of each element: -inf at 0, NaN below.
template <TensorLike X>
Tensor<typename X::value_type> log(const X& x) {
  return map(x, [](typename X::value_type v) { return std::log(v); });
}
/// The square root of each element.
template <TensorLike X>
Tensor<typename X::value_type> sqrt(const X& x) {
  return map(x, [](typename X::value_type v) { return std::sqrt(v); });
}
/// The absolute value of each element.
template <TensorLike X>
Tensor<typename X::value_type> abs(const X& x) {
  return map(x, [](typename X::value_type v) { return std::abs(v); });
}

/// tanh(x), 1 / (1 + e^-x), max(x, 0) and x^p of each element, with the functions of <cmath>: those
/// of Variables may differ in the last digits. NaN stays NaN.
template <TensorLike X>
Tensor<typename X::value_type> tanh(const X& x) {
  return map(x, [](typename X::value_type v) { return std::tanh(v); });
}
/// 1 / (1 + e^-x) of each element.
template <TensorLike X>
Tensor<typename X::value_type> sigmoid(const X& x) {
  return map(x, [](typename X::value_type v) { return 1 / (1 + std::exp(-v)); });
}
/// max(x, 0) of each element.
template <TensorLike X>
Tensor<typename X::value_type> relu(const X& x) {
  return map(x, [](typename X::value_type v) { return v < 0 ? typename X::value_type{} : v; });
}
/// x^p of each element, for a fixed number p, as in <cmath>.
template <TensorLike X>
Tensor<typename X::value_type> pow(const X& x, double p) {
  using T = typename X::value_type;
  return map(x, [p](T v) { return std::pow(v, static_cast<T>(p)); });
}
namespace detail {

// Throws ConfigError unless low <= high.
inline void check_bounds(double low, double high) {
  if (!(low <= high)) fail<ConfigError>("clamp: low is ", low, ", high is ", high);
}

}  // namespace detail

/// x, but not less than `low` and not more than `high`. NaN stays NaN. Throws ConfigError when low
/// is above high, for which numpy and PyTorch give `high` everywhere.
template <TensorLike X>
Tensor<typename X::value_type> clamp(const X& x, std::type_identity_t<typename X::value_type> low,
                                     std::type_identity_t<typename X::value_type> high) {
  using T = typename X::value_type;
  detail::check_bounds(static_cast<double>(low), static_cast<double>(high));
  return map(x, [=](T v) { return v < low ? low : v > high ? high : v; });
}

/// a_i where condition_i is not zero, otherwise b_i. All three broadcast; a or b may be a number.
/// Throws ShapeError when the shapes do not broadcast.
template <TensorLike C, class A, class B>
Tensor<detail::Common<A, B>> where(const C& condition, const A& a, const B& b) {
  using T = detail::Common<A, B>;
  const auto left = detail::operand<T>(a);
  const auto right = detail::operand<T>(b);
  Tensor<T> y(broadcast_shape("where", condition.shape(), left.shape(), right.shape()));
  walk([](T& out, const auto& c, const T& u, const T& v) { out = c != 0 ? u : v; }, y.view(),
       condition.view().broadcast(y.shape()), left.view().broadcast(y.shape()),
       right.view().broadcast(y.shape()));
  return y;
}

/// x with elements of type U: `cast<float>(tokens)`. A fraction loses what follows its point.
/// Unlike numpy's astype it throws NumericError for a number that no integer U is, NaN among them.
template <class U, TensorLike X>
Tensor<U> cast(const X& x) {
  using T = typename X::value_type;
  Tensor<U> y(x.shape());
  walk([](U& to, const T& from) { to = detail::checked_cast<U>("cast", from); }, y.view(),
       x.view());
  return y;
}

}  // namespace hooked
