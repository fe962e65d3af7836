// apply_ln_to_stack: parts of a stream as the norm that reads the whole of it sees them.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/in_place.hpp"
#include "hooked/core/masks.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/interp/residual_stack.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Which norm is applied, and how.
struct ApplyLnOptions {
  /// ln1 of this block; -1, n_layers or nothing: ln_final.
  std::optional<Index> layer = {};
  bool mlp_input = false;  ///< ln2 of that block instead
  /// Each part gets a scale of its own, and the weight and bias of ln_final: what the model would
  /// make of this part alone. Only at the end of the stream.
  bool recompute_ln = false;
};

namespace detail {

/// The scale of a norm, [batch, pos, 1]. In runs where heads have inputs of their own it is
/// [batch, pos, head, 1]; those of one place are the same, unless an input was edited.
template <Scalar T>
Tensor<T> scale_of(const CacheSlice<T>& slice, const StreamEnd& end) {
  const std::string site = end.norm + ".hook_scale";
  slice.need({site});
  const std::vector<std::string> axes = slice.cache.axes(site);
  if (std::find(axes.begin(), axes.end(), Axis::head.name) == axes.end()) return slice(site);
  const Tensor<T> of_heads = slice(site, -3);
  const Tensor<T> first(of_heads.select(-2, 0));
  for (Index h = 1; h < of_heads.size(-2); ++h) {
    if (any(of_heads.select(-2, h) != first)) {
      fail<Error>(slice.what, ": the inputs of heads were edited, so that ", site,
                  " differs between heads 0 and ", h, ": there is no one scale");
    }
  }
  return first;
}

/// values [component, batch, pos, d_model or output], divided by what the norm divides by.
template <Scalar T>
void divide_by_scale(const CacheSlice<T>& slice, const StreamEnd& end, Tensor<T>& values) {
  const Tensor<T> scale = scale_of(slice, end);
  if (join(scale.shape().axes(0, scale.rank() - 1), {values.size(-1)}) !=
      values.shape().axes(1, values.rank())) {
    fail<ShapeError>(slice.what, ": the parts are ", values.shape(), ", but ", end.norm,
                     ".hook_scale is ", scale.shape(), " there");
  }
  values /= scale;
}

/// n w + b of rows normalized one by one: x - mean(x) where the norm centres, over
/// sqrt(mean(x^2) + eps).
template <Scalar T>
Tensor<T> ln_final(const Transformer<T>& model, const StreamEnd& end, Tensor<T> x) {
  if (end.is_centred) x -= mean(x, -1, Keep::yes);
  x /= sqrt(mean(x * x, -1, Keep::yes) + model.config().eps);
  const auto& parameters = model.parameters();
  if (parameters.contains("ln_final.w")) x *= parameters["ln_final.w"];
  if (parameters.contains("ln_final.b")) x += parameters["ln_final.b"];
  return x;
}

/// What apply_ln_to_stack does, for functions that put a stack together themselves.
template <Scalar T>
ResidualStack<T> with_ln(const char* what, const Transformer<T>& model,
                         const ActivationCache<T>& cache, const StreamEnd& end, bool recompute_ln,
                         ResidualStack<T> stack) {
  if (stack.normalized) fail<Error>(what, ": the stack has been through a norm already");
  if (stack.values.rank() < 2 || stack.values.size(-1) != model.config().d_model) {
    fail<ShapeError>(what, ": the parts are ", stack.values.shape(),
                     ", they must be [component, batch, pos, ", model.config().d_model, "]");
  }
  stack.normalized = true;
  if (end.norm.empty()) return stack;
  if (recompute_ln) {
    stack.values = ln_final(model, end, std::move(stack.values));
    return stack;
  }
  if (end.is_centred) stack.values -= mean(stack.values, -1, Keep::yes);
  const CacheSlice<T> slice{what, cache, stack.batch, stack.positions};
  divide_by_scale(slice, end, stack.values);
  return stack;
}

/// A stack, whose parts may have been projected, with a norm if that was asked for.
template <Scalar T>
ResidualStack<T> finished(const Transformer<T>& model, const CacheSlice<T>& slice,
                          const StreamEnd& end, bool apply_ln, ResidualStack<T> stack,
                          const Projection<T>& projection = {}) {
  if (apply_ln && projection.is_none()) {
    return with_ln(slice.what, model, slice.cache, end, false, std::move(stack));
  }
  if (apply_ln && !end.norm.empty()) divide_by_scale(slice, end, stack.values);
  stack.normalized = apply_ln;
  stack.values = projection.finished(std::move(stack.values));
  return stack;
}

}  // namespace detail

/// The parts of a stack [component, batch, pos, d_model] as the norm at the end of their stream
/// sees them (contract, 11). The norm is linear once its scale is fixed, so with the scale that the
/// run had, cached at the stack's own examples and positions,
///   LN, LNPre: (x - mean(x)) / scale      RMS, RMSPre, and ln_final where it is RMS: x / scale
/// and parts that sum to the stream sum to `hook_normalized`. Weight and bias are left out, as if
/// folded. A model without norms changes nothing. `cache` must hold the norm's `hook_scale`, unless
/// `recompute_ln`. Throws NameError when it does not, ShapeError for a layer that there is not and
/// for parts of other sizes, ConfigError for options that exclude each other, Error for a stack
/// that was normalized before and for heads whose scales differ.
template <Scalar T>
ResidualStack<T> apply_ln_to_stack(const Transformer<T>& model, const ActivationCache<T>& cache,
                                   ResidualStack<T> stack, const ApplyLnOptions& options = {}) {
  constexpr const char* what = "apply_ln_to_stack";
  const TransformerConfig& c = model.config();
  const auto end = detail::stream_end(what, c, options.layer, options.mlp_input);
  if (options.recompute_ln && !end.is_whole(c)) {
    fail<ConfigError>(what, ": recompute_ln, but layer ", end.layer, " is not the end of ",
                      c.n_layers);
  }
  return detail::with_ln(what, model, cache, end, options.recompute_ln, std::move(stack));
}

}  // namespace hooked
