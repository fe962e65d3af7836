// New tensors: zeros, ones, full, eye, arange, one_hot, randn and randint, as in numpy and PyTorch.
// The element type is said: `zeros<float>({2, 3})`.
#pragma once

#include <cmath>

#include "hooked/core/arithmetic.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/select.hpp"
#include "hooked/core/tensor.hpp"

namespace hooked {

/// All elements 0.
template <class T>
Tensor<T> zeros(const Shape& shape) {
  return Tensor<T>(shape);
}
/// All elements 1.
template <class T>
Tensor<T> ones(const Shape& shape) {
  return Tensor<T>(shape, T{1});
}
/// All elements `value`.
template <class T>
Tensor<T> full(const Shape& shape, std::type_identity_t<T> value) {
  return Tensor<T>(shape, value);
}

/// Ones on the diagonal of [rows, columns], zeros beside it; a square if nothing is said.
template <class T>
Tensor<T> eye(Index rows, Index columns) {
  Tensor<T> y({rows, columns});
  for (Index i = 0; i < std::min(rows, columns); ++i) y.data()[i * columns + i] = T{1};
  return y;
}
template <class T>
Tensor<T> eye(Index rows) {
  return eye<T>(rows, rows);
}

/// start, start + step, ... as long as they lie before `stop`: y_i = start + i step, worked out in
/// double (integers: exactly) and rounded once. As in numpy there are ceil((stop - start) / step),
/// so that with fractions rounding may let `stop` in.
/// Throws ShapeError for a step of 0 and for a length that is not finite, NumericError for a number
/// that is no T.
template <class T, detail::NumberFor<T> A, detail::NumberFor<T> B, detail::NumberFor<T> C = int>
Tensor<T> arange(A start, B stop, C step = 1) {
  using Wide = std::conditional_t<std::integral<T>, Index, double>;
  const auto from = static_cast<Wide>(start), to = static_cast<Wide>(stop),
             by = static_cast<Wide>(step);
  const auto refuse = [&](const char* why) {
    fail<ShapeError>("arange from ", from, " to ", to, " by ", by, ": ", why);
  };
  if (by == 0) refuse("the step is 0");
  Index count = 0;
  if constexpr (std::integral<T>) {
    count = (to - from + by + (by > 0 ? -1 : 1)) / by;
  } else {
    const double length = std::ceil((to - from) / by);
    if (!(std::abs(length) < 0x1p53)) refuse("its length is not finite");
    count = static_cast<Index>(length);
  }
  Tensor<T> y({std::max(count, Index{0})});
  for (Index i = 0; i < y.numel(); ++i) {
    if constexpr (std::integral<T>) {
      y.data()[i] = detail::checked_cast<T>("arange", from + i * by);
    } else {
      y.data()[i] = static_cast<T>(std::fma(static_cast<double>(i), by, from));
    }
  }
  return y;
}
/// 0, 1, ..., before `stop`.
template <class T, detail::NumberFor<T> B>
Tensor<T> arange(B stop) {
  return arange<T>(0, stop);
}

/// [..., classes]: 1 at the class that the number at [...] names, 0 elsewhere.
/// Throws ShapeError for a number outside 0..classes-1; negative ones do not count from the end.
template <class T, IndexLike I>
Tensor<T> one_hot(const I& indices, Index classes) {
  Tensor<T> y(join(indices.shape(), {classes}));
  for_each_element(indices.view(), [&](Index k, const auto& i) {
    if (i < 0 || i >= classes) {
      fail<ShapeError>("one_hot: number ", k, " is ", i, ", the classes are 0..", classes - 1);
    }
    y.data()[k * classes + static_cast<Index>(i)] = T{1};
  });
  return y;
}

/// Standard normal numbers, drawn in row-major order (Random::normal): the same on every platform.
template <Scalar T>
Tensor<T> randn(const Shape& shape, Random& random) {
  Tensor<T> y(shape);
  for (Index i = 0; i < y.numel(); ++i) y.data()[i] = static_cast<T>(random.normal());
  return y;
}
/// Those of `Random(seed)`: the same seed gives the same numbers, so one Random serves several
/// tensors.
template <Scalar T>
Tensor<T> randn(const Shape& shape, Seed seed) {
  Random random(seed);
  return randn<T>(shape, random);
}

/// Uniform integers in [low, high), drawn in row-major order (Random::below): the same on every
/// platform. Throws ShapeError unless low < high, NumericError for a number that is no T.
template <class T>
Tensor<T> randint(Index low, Index high, const Shape& shape, Random& random) {
  if (low >= high) fail<ShapeError>("randint: nothing lies in [", low, ", ", high, ")");
  Tensor<T> y(shape);
  for (Index i = 0; i < y.numel(); ++i) {
    y.data()[i] = detail::checked_cast<T>("randint", low + random.below(high - low));
  }
  return y;
}
template <class T>
Tensor<T> randint(Index low, Index high, const Shape& shape, Seed seed) {
  Random random(seed);
  return randint<T>(low, high, shape, random);
}

}  // namespace hooked
