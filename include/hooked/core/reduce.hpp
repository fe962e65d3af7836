// Sums, means, variances, extremes and norms over one axis, several or all.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "hooked/core/arithmetic.hpp"

namespace hooked {

/// Whether a reduced axis stays, with size 1, so that the result broadcasts against what it came
/// from: `x - mean(x, -1, Keep::yes)`.
enum class Keep { no, yes };

/// Which axes a reduction folds: `1`, `-1`, `{0, 2}`, or all of them when nothing is said.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : Axes({axis}) {}
  Axes(std::initializer_list<int> axes) { name(axes); }
  explicit Axes(const std::vector<int>& axes) { name(axes); }

  /// Which axes of `shape` are folded. Throws ShapeError for an axis that is not there or named
  /// twice.
  std::array<bool, kMaxRank> folds(const Shape& shape) const {
    std::array<bool, kMaxRank> folds{};
    if (all_) std::fill_n(folds.begin(), shape.rank(), true);
    for (int k = 0; k < count_; ++k) {
      const int axis = axes_[static_cast<std::size_t>(k)];
      bool& fold = folds[static_cast<std::size_t>(normalize_axis(axis, shape.rank()))];
      if (fold) fail<ShapeError>("axis ", axis, " is named twice for the shape ", shape);
      fold = true;
    }
    return folds;
  }
  /// `shape` after the reduction. Throws as folds.
  Shape reduced(const Shape& shape, Keep keep) const {
    const auto folds = this->folds(shape);
    Shape result;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const bool fold = folds[static_cast<std::size_t>(axis)];
      if (!fold || keep == Keep::yes) result.push_back(fold ? 1 : shape[axis]);
    }
    return result;
  }

 private:
  void name(const auto& axes) {
    all_ = false;
    for (const int axis : axes) {
      if (count_ == kMaxRank) fail<ShapeError>("more than ", kMaxRank, " axes are named");
      axes_[static_cast<std::size_t>(count_++)] = axis;
    }
  }

  bool all_ = true;
  std::array<int, kMaxRank> axes_{};
  int count_ = 0;
};

namespace detail {

// Folds x into doubles that start as `start`, with reduced axes kept: step(total, element).
template <TensorLike X, class Step>
Tensor<double> accumulate(const X& x, const Axes& axes, double start, Step step) {
  Tensor<double> totals(axes.reduced(x.shape(), Keep::yes), start);
  walk([&](double& total, const auto& v) { step(total, static_cast<double>(v)); },
       totals.view().broadcast(x.shape()), x.view());
  return totals;
}

// How many elements are folded into one. Throws ShapeError when there are none to speak of.
template <TensorLike X>
double fold_count(const char* name, const X& x, const Axes& axes) {
  const Index results = axes.reduced(x.shape(), Keep::yes).numel();
  if (results > 0 && x.numel() == 0) {
    fail<ShapeError>(name, " of no elements: the shape is ", x.shape());
  }
  return results == 0 ? 1.0 : static_cast<double>(x.numel() / results);
}

// What a mean of elements is: of integers, as in numpy, a fraction.
template <TensorLike X>
using MeanOf =
    std::conditional_t<std::integral<typename X::value_type>, double, typename X::value_type>;

// f(total) as a T, in the shape that `keep` asks for. Throws NumericError where an integer is more
// than a double or a T counts to.
template <class T, class F = std::identity>
Tensor<T> finish(const Tensor<double>& totals, const Shape& shape, const Axes& axes, Keep keep,
                 F f = {}) {
  Tensor<T> result(axes.reduced(shape, keep));
  for (Index i = 0; i < result.numel(); ++i) {
    const double y = f(totals.data()[i]);
    if (std::integral<T> && !(std::abs(y) <= 0x1p53)) {
      fail<NumericError>("a reduction of integers gives ", y, ", which is not exact");
    }
    result.data()[i] = checked_cast<T>("a reduction of integers", y);
  }
  return result;
}

}  // namespace detail

/// The sum over `axes`, added up in double; 0 for no elements. Integers stay what they are; throws
/// NumericError where their sum is too large.
template <TensorLike X>
Tensor<typename X::value_type> sum(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  const auto totals = detail::accumulate(x, axes, 0.0, [](double& s, double v) { s += v; });
  return detail::finish<typename X::value_type>(totals, x.shape(), axes, keep);
}

/// The mean over `axes`, added up in double; of integers it is a double. Throws ShapeError for no
/// elements.
template <TensorLike X>
Tensor<detail::MeanOf<X>> mean(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  const double n = detail::fold_count("mean", x, axes);
  const auto totals = detail::accumulate(x, axes, 0.0, [](double& s, double v) { s += v; });
  return detail::finish<detail::MeanOf<X>>(totals, x.shape(), axes, keep,
                                           [n](double s) { return s / n; });
}

/// The population variance: the mean of (x - mean)^2, divided by n and not n - 1; in double, in two
/// passes. Throws ShapeError for no elements.
template <TensorLike X>
Tensor<detail::MeanOf<X>> var(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  const double n = detail::fold_count("var", x, axes);
  const auto totals = detail::accumulate(x, axes, 0.0, [](double& s, double v) { s += v; });
  Tensor<double> squares(totals.shape());
  walk([n](double& square, double total, double v) { square += (v - total / n) * (v - total / n); },
       squares.view().broadcast(x.shape()), totals.broadcast(x.shape()), x.view());
  return detail::finish<detail::MeanOf<X>>(squares, x.shape(), axes, keep,
                                           [n](double s) { return s / n; });
}

/// The largest element over `axes`; NaN where there is one. Throws ShapeError for no elements.
template <TensorLike X>
Tensor<typename X::value_type> max(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  detail::fold_count("max", x, axes);
  const auto totals =
      detail::accumulate(x, axes, -std::numeric_limits<double>::infinity(),
                         [](double& m, double v) { m = v > m || std::isnan(v) ? v : m; });
  return detail::finish<typename X::value_type>(totals, x.shape(), axes, keep);
}

/// The smallest element over `axes`; NaN where there is one. Throws ShapeError for no elements.
template <TensorLike X>
Tensor<typename X::value_type> min(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  detail::fold_count("min", x, axes);
  const auto totals =
      detail::accumulate(x, axes, std::numeric_limits<double>::infinity(),
                         [](double& m, double v) { m = v < m || std::isnan(v) ? v : m; });
  return detail::finish<typename X::value_type>(totals, x.shape(), axes, keep);
}

/// The sum of |x| over `axes`, in double.
template <TensorLike X>
Tensor<typename X::value_type> l1_norm(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  const auto totals =
      detail::accumulate(x, axes, 0.0, [](double& s, double v) { s += std::abs(v); });
  return detail::finish<typename X::value_type>(totals, x.shape(), axes, keep);
}

/// The root of the sum of x^2 over `axes`, in double; of a whole matrix, the Frobenius norm.
template <TensorLike X>
Tensor<detail::MeanOf<X>> l2_norm(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  const auto totals = detail::accumulate(x, axes, 0.0, [](double& s, double v) { s += v * v; });
  return detail::finish<detail::MeanOf<X>>(totals, x.shape(), axes, keep,
                                           [](double s) { return std::sqrt(s); });
}

/// The largest |x| over `axes`; NaN where there is one, 0 for no elements.
template <TensorLike X>
Tensor<typename X::value_type> max_norm(const X& x, const Axes& axes = {}, Keep keep = Keep::no) {
  const auto totals = detail::accumulate(x, axes, 0.0, [](double& m, double v) {
    m = std::abs(v) > m || std::isnan(v) ? std::abs(v) : m;
  });
  return detail::finish<typename X::value_type>(totals, x.shape(), axes, keep);
}

namespace detail {

template <TensorLike X, class Better>
Tensor<Index> arg_best(const char* name, const X& x, int axis, Keep keep, Better better) {
  using T = typename X::value_type;
  fold_count(name, x, axis);
  Tensor<Index> best(Axes(axis).reduced(x.shape(), Keep::yes));
  for_each_line(
      axis,
      [&](View<const T> line, View<Index> at) {
        T leader = *line.data();
        for_each_element(line, [&](Index i, T v) {
          if (!better(v, leader) && !(std::isnan(v) && !std::isnan(leader))) return;
          leader = v;
          *at.data() = i;
        });
      },
      x.view(), best.view());
  return Tensor<Index>(best.view().view_as(Axes(axis).reduced(x.shape(), keep)));
}

}  // namespace detail

/// Where the largest element along `axis` is: the first of equals, the first NaN where there is
/// one. Throws ShapeError for no elements.
template <TensorLike X>
Tensor<Index> argmax(const X& x, int axis, Keep keep = Keep::no) {
  return detail::arg_best("argmax", x, axis, keep, [](auto a, auto b) { return a > b; });
}

/// Where the smallest element along `axis` is; as argmax.
template <TensorLike X>
Tensor<Index> argmin(const X& x, int axis, Keep keep = Keep::no) {
  return detail::arg_best("argmin", x, axis, keep, [](auto a, auto b) { return a < b; });
}

}  // namespace hooked
