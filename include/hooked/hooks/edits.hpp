// Ready-made edits of activations: zero, scale, add, replace, mean and resample ablation, patching.
// Each is a differentiable op on the tape, so gradients through an edited run are right.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/random.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/ops/add.hpp"
#include "hooked/ops/scale.hpp"
#include "hooked/ops/where.hpp"

namespace hooked {

/// Some indices of one axis; negative ones count from the end. By default all of them; an empty
/// vector is none, so that an edit of a computed list that came out empty edits nothing.
class Indices {
 public:
  Indices() = default;
  Indices(std::initializer_list<Index> chosen) : chosen_(chosen) {}
  Indices(std::vector<Index> chosen) : chosen_(std::move(chosen)) {}

  /// Whether all indices are meant.
  bool all() const { return !chosen_; }
  /// Empty where all are meant.
  const std::vector<Index>& chosen() const {
    static const std::vector<Index> kNone;
    return chosen_ ? *chosen_ : kNone;
  }

 private:
  std::optional<std::vector<Index>> chosen_;
};

/// Which part of an activation an edit touches; an axis that is not given is touched whole.
/// `positions` are queries at attention scores and patterns; `neurons` index the last axis.
struct Units {
  Indices batch = {};  ///< examples
  Indices positions = {};
  Indices heads = {};  ///< of axes that count heads
  Indices neurons = {};
};

namespace detail {

/// One byte for each element of the site's activation: 1 where the units are. In the tape's arena.
/// Throws ShapeError when the site lacks an axis that is asked for, or an index is outside it.
template <Scalar T>
const std::uint8_t* unit_mask(Variable<T> x, const Units& units, const Site& site) {
  const Shape& shape = x.shape();
  const auto count = static_cast<std::size_t>(shape.numel());
  auto* bytes = x.tape().arena().template allocate<std::uint8_t>(count);
  std::fill_n(bytes, count, std::uint8_t{1});
  const View<std::uint8_t> mask(bytes, shape);
  const auto keep_only = [&](int axis, const char* what, const Indices& indices) {
    if (indices.all()) return;
    if (axis < 0) {
      fail<ShapeError>("an edit of ", what, " at ", site.name, ": there are none, its axes are ",
                       site.axes_text(shape.rank()));
    }
    std::vector<bool> in(static_cast<std::size_t>(shape[axis]), false);
    for (const Index i : indices.chosen()) {
      if (i < -shape[axis] || i >= shape[axis]) {
        fail<ShapeError>("an edit of ", what, " at ", site.name, ": ", i, " is outside axis ", axis,
                         " of its shape ", shape, " ", site.axes_text(shape.rank()));
      }
      in[static_cast<std::size_t>(i < 0 ? i + shape[axis] : i)] = true;
    }
    for (Index i = 0; i < shape[axis]; ++i) {
      if (in[static_cast<std::size_t>(i)]) continue;
      for_each_element(mask.select(axis, i), [](Index, std::uint8_t& byte) { byte = 0; });
    }
  };
  const int rank = shape.rank();
  keep_only(site.axis_index(Axis::batch, rank), "batch", units.batch);
  keep_only(site.position_axis(rank), "positions", units.positions);
  keep_only(site.axis_index(Axis::head, rank), "heads", units.heads);
  keep_only(shape.rank() - 1, "neurons", units.neurons);
  return bytes;
}

/// A copy of `value` on the tape, broadcast to the site's shape.
template <Scalar T>
Variable<T> spread(Variable<T> like, View<const T> value, const Site& site) {
  try {
    return like.tape().constant_copy(value.broadcast(like.shape()));
  } catch (const ShapeError&) {
    fail<ShapeError>("an edit at ", site.name, ": the value given is ", value.shape(),
                     ", the activation is ", like.shape(), " ",
                     site.axes_text(like.shape().rank()));
  }
}

template <Scalar T>
Variable<T> put(Variable<T> x, Variable<T> value, const Units& units, const Site& site) {
  return record<Where>({unit_mask(x, units, site)}, x, value);
}

}  // namespace detail

/// What zero() and scale() return: an edit that needs no tensor and hence fits float and double.
struct ScaleEdit {
  SiteSelector where;  ///< the sites
  double factor;       ///< what the units are multiplied by
  Units units;         ///< which part of the activation

  template <Scalar T>
  operator Hook<T>() const {
    return {where, [factor = factor, units = units](Variable<T> x, const HookPoint& point) {
              // Times zero would keep NaN and minus infinity alive; zero is a value of its own.
              const Variable<T> value = factor == 0.0
                                            ? x.tape().constant_copy(Tensor<T>(x.shape()).view())
                                            : record<Scale>({factor}, x);
              return detail::put(x, value, units, point.site);
            }};
  }
};

/// Zero ablation: the units become 0.
inline ScaleEdit zero(SiteSelector where, Units units = {}) {
  return {std::move(where), 0.0, std::move(units)};
}

/// The units are multiplied by `factor`.
inline ScaleEdit scale(SiteSelector where, double factor, Units units = {}) {
  return {std::move(where), factor, std::move(units)};
}

/// The units become `value`, which is broadcast to the activation's shape (numpy's rule: [d_model],
/// [pos, d_model] and [batch, pos, d_model] all fit [batch, pos, d_model]).
/// The run throws ShapeError, with both shapes and the site, when it does not fit.
template <TensorLike X>
auto replace(SiteSelector where, const X& value, Units units = {}) {
  using T = typename X::value_type;
  return Hook<T>(std::move(where), [value = Tensor<T>(value.view()), units = std::move(units)](
                                       Variable<T> x, const HookPoint& point) {
    return detail::put(x, detail::spread(x, value.view(), point.site), units, point.site);
  });
}

/// `value`, broadcast as in replace(), is added to the units: steering.
template <TensorLike X>
auto add(SiteSelector where, const X& value, Units units = {}) {
  using T = typename X::value_type;
  return Hook<T>(std::move(where), [value = Tensor<T>(value.view()), units = std::move(units)](
                                       Variable<T> x, const HookPoint& point) {
    const auto sum = record<Add>({}, x, detail::spread(x, value.view(), point.site));
    return detail::put(x, sum, units, point.site);
  });
}

/// Mean ablation: the units become their mean over the batch of `reference`, an activation of the
/// same site [batch, ...] from any run.
template <TensorLike X>
auto mean_ablate(SiteSelector where, const X& reference, Units units = {}) {
  using T = typename X::value_type;
  const View<const T> all = reference.view();
  if (all.rank() < 2 || all.size(0) < 1) {
    fail<ShapeError>("mean_ablate: the reference is ", all.shape(), ", it needs a batch axis");
  }
  Tensor<double> sum(all.select(0, 0).shape());
  for (Index b = 0; b < all.size(0); ++b) {
    for_each_element(all.select(0, b), [&](Index i, const T& value) { sum.data()[i] += value; });
  }
  Tensor<T> mean(sum.shape());
  for (Index i = 0; i < mean.numel(); ++i) {
    mean.data()[i] = static_cast<T>(sum.data()[i] / static_cast<double>(all.size(0)));
  }
  return replace(std::move(where), mean, std::move(units));
}

/// Resample ablation: each element of the batch takes the units of a random other one of
/// `reference` [batch, ...], an activation of the same site. All together they go round in one
/// random circle, so none keeps its own (in a batch of one it must).
template <TensorLike X>
auto resample_ablate(SiteSelector where, const X& reference, Seed seed, Units units = {}) {
  using T = typename X::value_type;
  const View<const T> all = reference.view();
  if (all.rank() < 1) fail<ShapeError>("resample_ablate: the reference has no batch axis");
  std::vector<Index> order(static_cast<std::size_t>(all.size(0)));
  Random(seed, "resample_ablate").permutation(order);
  Tensor<T> shuffled(all.shape());
  for (std::size_t i = 0; i < order.size(); ++i) {
    copy(all.select(0, order[(i + 1) % order.size()]), shuffled.select(0, order[i]));
  }
  return replace(std::move(where), shuffled, std::move(units));
}

/// Activation patching: the units take their values from a cache of another run.
/// `name` is one full name; throws NameError when the cache does not hold it.
template <Scalar T>
Hook<T> patch(const std::string& name, const ActivationCache<T>& cache, Units units = {}) {
  return replace(SiteSelector(name), cache[name], std::move(units));
}

}  // namespace hooked
