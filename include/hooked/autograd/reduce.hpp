// Sums, means, variances, extremes and norms of Variables over one axis, several or all; with the
// names and arguments that they have for tensors. Distinct rows are spread out first.
#pragma once

#include <array>
#include <span>

#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/shapes.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/ops/extreme.hpp"
#include "hooked/ops/l1_norm.hpp"
#include "hooked/ops/l2_norm.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/sum.hpp"
#include "hooked/ops/sum_axes.hpp"

namespace hooked {

namespace detail {

// Which axes of x are folded, and its shape afterwards.
template <Scalar T>
struct Folding {
  std::array<bool, kMaxRank> folds;
  Shape shape;

  Folding(Variable<T> x, const Axes& axes, Keep keep)
      : folds(with_place(x.tape(), [&] { return axes.folds(x.shape()); })),
        shape(axes.reduced(x.shape(), keep)) {}
};

// factor times the sum of a dense x.
template <Scalar T>
Variable<T> folded_sum(Variable<T> x, const Axes& axes, Keep keep, double factor) {
  const Folding<T> to(x, axes, keep);
  if (to.shape.rank() == 0) return record<Sum>({factor}, in_rows(x));
  return x.tape().reshape(record<SumAxes>({to.folds, factor}, x), to.shape);
}

// How many elements are folded into one. Throws ShapeError when there are none to speak of.
template <Scalar T>
double folded_count(const char* name, Variable<T> x, const Axes& axes) {
  return with_place(x.tape(), [&] { return fold_count(name, x.value(), axes); });
}

template <Scalar T>
Variable<T> extreme(Variable<T> x, const Axes& axes, Keep keep, bool smallest) {
  x = contiguous(x);
  const Folding<T> to(x, axes, keep);
  return x.tape().reshape(record<Extreme>({to.folds, smallest}, x), to.shape);
}

// An op that folds the last axis, on any axes: they are brought there.
template <Op O, Scalar T>
Variable<T> fold_last(Variable<T> x, const Axes& axes, Keep keep) {
  x = contiguous(x);
  const Folding<T> to(x, axes, keep);
  std::array<int, kMaxRank> order{};
  std::size_t count = 0;
  for (const bool folds : {false, true}) {
    for (int axis = 0; axis < x.shape().rank(); ++axis) {
      if (to.folds[static_cast<std::size_t>(axis)] == folds) order[count++] = axis;
    }
  }
  const Index results = to.shape.numel();
  const auto turned = permuted(x, std::span<const int>(order.data(), count));
  const Index folded = results == 0 ? 1 : x.value().numel() / results;
  const auto rows = x.tape().reshape(turned, {results, folded});
  return x.tape().reshape(record<O>({}, rows), to.shape);
}

}  // namespace detail

/// The sum over `axes`, added up in double; 0 for no elements.
template <Scalar T>
Variable<T> sum(Variable<T> x, const Axes& axes = {}, Keep keep = Keep::no) {
  return detail::folded_sum(dense(x), axes, keep, 1.0);
}

/// The mean over `axes`, added up in double. Throws ShapeError for no elements.
template <Scalar T>
Variable<T> mean(Variable<T> x, const Axes& axes = {}, Keep keep = Keep::no) {
  x = dense(x);
  return detail::folded_sum(x, axes, keep, 1.0 / detail::folded_count("mean", x, axes));
}

/// The population variance: the mean of (x - mean)^2. Throws ShapeError for no elements.
template <Scalar T>
Variable<T> var(Variable<T> x, const Axes& axes = {}, Keep keep = Keep::no) {
  x = dense(x);
  const Variable<T> from_mean = x - mean(x, axes, Keep::yes);
  return mean(from_mean * from_mean, axes, keep);
}

/// The largest element over `axes`; NaN where there is one. The gradient goes to the largest, in
/// equal parts where there are several, as of torch.amax. Throws ShapeError for no elements.
template <Scalar T>
Variable<T> max(Variable<T> x, const Axes& axes = {}, Keep keep = Keep::no) {
  return detail::extreme(x, axes, keep, false);
}
/// The smallest element over `axes`, as max.
template <Scalar T>
Variable<T> min(Variable<T> x, const Axes& axes = {}, Keep keep = Keep::no) {
  return detail::extreme(x, axes, keep, true);
}

/// The sum of |x| over `axes`; the slope at 0 is 0.
template <Scalar T>
Variable<T> l1_norm(Variable<T> x, const Axes& axes = {}, Keep keep = Keep::no) {
  return detail::fold_last<L1Norm>(x, axes, keep);
}
/// The root of the sum of x^2 over `axes`; the slope of a norm of 0 is 0.
template <Scalar T>
Variable<T> l2_norm(Variable<T> x, const Axes& axes = {}, Keep keep = Keep::no) {
  return detail::fold_last<L2Norm>(x, axes, keep);
}

}  // namespace hooked
