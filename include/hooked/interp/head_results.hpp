// head_results and stack_head_results: what each attention head writes to the residual stream.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/einsum.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/interp/apply_ln.hpp"
#include "hooked/interp/residual_stack.hpp"
#include "hooked/interp/weights.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// At which examples and positions head_results reads.
struct HeadResultsOptions {
  Indices batch = {};      ///< these examples alone
  Indices positions = {};  ///< these positions alone
};

/// What stack_head_results gives.
struct StackHeadResultsOptions {
  std::optional<Index> layer = {};  // heads before this block; -1, n_layers or nothing: all
  bool incl_remainder = false;      ///< what else is in the stream, as a last part
  bool apply_ln = false;            ///< through apply_ln_to_stack
  Indices batch = {};               ///< these examples alone
  Indices positions = {};           ///< these positions alone
};

namespace detail {

/// What the cache must hold for the heads of a block: their results, or what these are made from.
template <Scalar T>
std::string site_of_heads(const ActivationCache<T>& cache, Index layer) {
  const std::string result = text("blocks.", layer, ".attn.hook_result");
  return cache.contains(result) ? result : text("blocks.", layer, ".attn.hook_z");
}

/// z_h W_O[h] of one block, projected: [batch, pos, head, d_model or output].
template <Scalar T>
Tensor<T> results_of_heads(const CacheSlice<T>& slice, const Transformer<T>& model, Index layer,
                           const Projection<T>& projection) {
  const std::string site = site_of_heads(slice.cache, layer);
  const Tensor<T> x = slice(site, -3);  // [batch, pos, head, d_model or d_head]
  if (site.ends_with("hook_result")) return projection(x);
  const Shape places = x.shape().axes(0, x.rank() - 2);
  const Tensor<T> W_O = projection(model[text("blocks.", layer, ".attn.W_O")]);
  return einsum("rhe,hed->rhd", x.view_as({places.numel(), x.size(-2), x.size(-1)}), W_O)
      .reshape(join(places, {x.size(-2), W_O.size(-1)}));
}

/// What the cache must hold for the heads of the first blocks.
template <Scalar T>
std::vector<std::string> sites_of_heads(const ActivationCache<T>& cache, Index blocks) {
  std::vector<std::string> sites;
  for (Index l = 0; l < blocks; ++l) sites.push_back(site_of_heads(cache, l));
  return sites;
}

/// The heads of the first blocks as parts "L0H0", "L0H1", ..., layer by layer.
template <Scalar T>
StreamParts<T> head_parts(const CacheSlice<T>& slice, const Transformer<T>& model, Index blocks,
                          const Projection<T>& projection) {
  slice.need(sites_of_heads(slice.cache, blocks));
  StreamParts<T> parts;
  for (Index l = 0; l < blocks; ++l) {
    parts.add_all(results_of_heads(slice, model, l, projection));
    for (Index h = 0; h < model.config().n_heads; ++h) parts.labels.push_back(text("L", l, "H", h));
  }
  return parts;
}

}  // namespace detail

/// What each head of block `layer` writes to the residual stream, z_h W_O[h], b_O left out:
/// [batch, pos, head, d_model], which is `hook_result`. The cache must hold that or `hook_z`.
/// Negative layers count from the end. Throws NameError, ShapeError for a block, example or
/// position that there is not.
template <Scalar T>
Tensor<T> head_results(const Transformer<T>& model, const ActivationCache<T>& cache, Index layer,
                       const HeadResultsOptions& options = {}) {
  constexpr const char* what = "head_results";
  layer = detail::block_number(what, model.config(), layer);
  const detail::CacheSlice<T> slice{what, cache, options.batch, options.positions};
  slice.need({detail::site_of_heads(cache, layer)});
  return detail::results_of_heads(slice, model, layer, {});
}

/// The heads of all blocks before `layer`, `L0H0`, `L0H1`, ..., and with `incl_remainder` at the
/// end `remainder`, so that all parts sum to the stream there: [component, batch, pos, d_model]
/// (contract, 11). Before block 0 there are no heads, and the remainder is what was embedded. The
/// cache must hold every block's `hook_z` or `hook_result`, and for a remainder the stream. Throws
/// NameError when it does not, ShapeError for a layer, example or position that there is not.
template <Scalar T>
ResidualStack<T> stack_head_results(const Transformer<T>& model, const ActivationCache<T>& cache,
                                    const StackHeadResultsOptions& options = {}) {
  constexpr const char* what = "stack_head_results";
  const auto end = detail::stream_end(what, model.config(), options.layer);
  const detail::CacheSlice<T> slice{what, cache, options.batch, options.positions};
  auto parts = detail::head_parts(slice, model, end.attentions, {});
  parts.close(options.incl_remainder, [&] { return slice.stream(end); });
  return detail::finished(model, slice, end, options.apply_ln, std::move(parts).stack(slice));
}

}  // namespace hooked
