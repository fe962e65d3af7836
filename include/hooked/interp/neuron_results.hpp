// neuron_results and stack_neuron_results: what each MLP neuron writes to the residual stream.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/core/einsum.hpp"
#include "hooked/core/select.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/interp/apply_ln.hpp"
#include "hooked/interp/residual_stack.hpp"
#include "hooked/interp/weights.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// What neuron_results gives.
template <Scalar T>
struct NeuronResultsOptions {
  Indices neurons = {};    ///< these neurons alone
  Indices batch = {};      ///< these examples alone
  Indices positions = {};  ///< these positions alone
  /// Directions [d_model] or [d_model, output]: what neurons write along them, without making room
  /// for d_mlp * d_model numbers at each position. Empty: all that they write.
  Tensor<T> project_output_onto = {};
};

/// What stack_neuron_results gives.
template <Scalar T>
struct StackNeuronResultsOptions {
  std::optional<Index> layer = {};     // neurons before this block; -1, n_layers or nothing: all
  Indices neurons = {};                ///< the same of every block
  bool incl_remainder = false;         ///< what else is in the stream, as a last part
  bool apply_ln = false;               ///< through apply_ln_to_stack, and projected then
  Indices batch = {};                  ///< these examples alone
  Indices positions = {};              ///< these positions alone
  Tensor<T> project_output_onto = {};  ///< as for neuron_results
};

namespace detail {

/// post_n W_out[n] of some neurons of one block, projected: [batch, pos, neuron, d_model or
/// output].
template <Scalar T>
Tensor<T> results_of_neurons(const CacheSlice<T>& slice, const Transformer<T>& model, Index layer,
                             const std::vector<Index>& neurons, const Projection<T>& projection) {
  const Tensor<T> post = take(slice(text("blocks.", layer, ".mlp.hook_post")), -1, neurons);
  const Tensor<T> W_out = projection(take(model[text("blocks.", layer, ".mlp.W_out")], 0, neurons));
  const Shape places = post.shape().axes(0, post.rank() - 1);
  return einsum("rn,nd->rnd", post.view_as({places.numel(), post.size(-1)}), W_out)
      .reshape(join(places, W_out.shape()));
}

/// The chosen neurons, from 0. Throws ConfigError for a model without MLPs, ShapeError.
inline std::vector<Index> chosen_neurons(const char* what, const TransformerConfig& c,
                                         const Indices& neurons) {
  if (!c.has_mlp()) fail<ConfigError>(what, ": there are no MLPs, hence no neurons");
  return numbers_of(what, "neurons", neurons, c.d_mlp);
}

/// What the cache must hold for the neurons of the first blocks.
inline std::vector<std::string> sites_of_neurons(Index blocks) {
  std::vector<std::string> sites;
  for (Index l = 0; l < blocks; ++l) sites.push_back(text("blocks.", l, ".mlp.hook_post"));
  return sites;
}

/// Neurons of the first blocks as parts "L0N0", "L0N1", ..., layer by layer, projected.
template <Scalar T>
StreamParts<T> neuron_parts(const CacheSlice<T>& slice, const Transformer<T>& model, Index blocks,
                            const std::vector<Index>& neurons, const Projection<T>& projection) {
  slice.need(sites_of_neurons(blocks));
  StreamParts<T> parts;
  for (Index l = 0; l < blocks; ++l) {
    parts.add_all(results_of_neurons(slice, model, l, neurons, projection));
    for (const Index n : neurons) parts.labels.push_back(text("L", l, "N", n));
  }
  return parts;
}

}  // namespace detail

/// What each neuron of block `layer` writes to the residual stream, post_n W_out[n, :], b_out left
/// out: [batch, pos, neuron, d_model]; projected onto p, post_n (W_out[n, :] . p):
/// [batch, pos, neuron], or [batch, pos, neuron, output]. The cache must hold `mlp.hook_post`.
/// Negative layers count from the end. Throws NameError when it does not, ConfigError where there
/// are no MLPs, ShapeError for what is outside the model or the run and for directions that do not
/// fit.
template <Scalar T>
Tensor<T> neuron_results(const Transformer<T>& model, const ActivationCache<T>& cache, Index layer,
                         const NeuronResultsOptions<std::type_identity_t<T>>& options = {}) {
  constexpr const char* what = "neuron_results";
  const TransformerConfig& c = model.config();
  const auto neurons = detail::chosen_neurons(what, c, options.neurons);
  layer = detail::block_number(what, c, layer);
  const detail::CacheSlice<T> slice{what, cache, options.batch, options.positions};
  slice.need({text("blocks.", layer, ".mlp.hook_post")});
  const detail::Projection<T> projection(what, options.project_output_onto, c.d_model, false);
  return projection.finished(detail::results_of_neurons(slice, model, layer, neurons, projection));
}

/// The chosen neurons of all blocks before `layer`, `L0N0`, `L0N1`, ..., and with `incl_remainder`
/// at the end `remainder`, so that all parts sum to the stream there: [component, batch, pos,
/// d_model] (contract, 11). Projected onto p it is [component, batch, pos] or [component, batch,
/// pos, output], and with a norm as well what the norm of the part has along p,
/// post_n (W_out[n, :] . (p - mean(p))) / scale, the mean being taken where the norm centres.
/// Before block 0 there are no neurons. The cache must hold every block's `mlp.hook_post`, and for
/// a remainder the stream. Throws as neuron_results.
template <Scalar T>
ResidualStack<T> stack_neuron_results(
    const Transformer<T>& model, const ActivationCache<T>& cache,
    const StackNeuronResultsOptions<std::type_identity_t<T>>& options = {}) {
  constexpr const char* what = "stack_neuron_results";
  const TransformerConfig& c = model.config();
  const auto neurons = detail::chosen_neurons(what, c, options.neurons);
  const auto end = detail::stream_end(what, c, options.layer);
  const detail::CacheSlice<T> slice{what, cache, options.batch, options.positions};
  const detail::Projection<T> projection(what, options.project_output_onto, c.d_model,
                                         options.apply_ln && end.is_centred);
  auto parts = detail::neuron_parts(slice, model, end.mlps, neurons, projection);
  parts.close(options.incl_remainder, [&] { return projection(slice.stream(end)); });
  return detail::finished(model, slice, end, options.apply_ln, std::move(parts).stack(slice),
                          projection);
}

}  // namespace hooked
