// full_resid_decomposition: the residual stream as a sum of heads, neurons, embeddings and biases.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/core/in_place.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/interp/apply_ln.hpp"
#include "hooked/interp/decompose_resid.hpp"
#include "hooked/interp/head_results.hpp"
#include "hooked/interp/neuron_results.hpp"
#include "hooked/interp/residual_stack.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// What full_resid_decomposition gives.
template <Scalar T>
struct FullResidDecompositionOptions {
  std::optional<Index> layer = {};     // before this block; -1, n_layers or nothing: to the end
  bool mlp_input = false;              ///< and with the heads of that block, as its MLP reads it
  bool expand_neurons = true;          ///< neuron by neuron; else `0_mlp_out`, ...
  bool apply_ln = false;               ///< through apply_ln_to_stack, and projected then
  Indices batch = {};                  ///< these examples alone
  Indices positions = {};              ///< these positions alone
  Tensor<T> project_output_onto = {};  ///< as for neuron_results
};

namespace detail {

/// The biases that blocks have added to a stream, [d_model].
template <Scalar T>
Tensor<T> accumulated_bias(const Transformer<T>& model, const StreamEnd& end, bool of_mlps) {
  Tensor<T> bias({model.config().d_model});
  for (Index l = 0; l < end.attentions; ++l) bias += model[text("blocks.", l, ".attn.b_O")];
  for (Index l = 0; of_mlps && l < end.mlps; ++l) bias += model[text("blocks.", l, ".mlp.b_out")];
  return bias;
}

}  // namespace detail

/// The residual stream before block `layer` as parts that sum to it, in this order: every head
/// (`L0H0`, ...), every neuron (`L0N0`, ...; or every MLP, `0_mlp_out`, ...), `embed`, `pos_embed`
/// where it is in the stream, and `bias`, all b_O, and all b_out where neurons stand alone:
/// [component, batch, pos, d_model], or projected as stack_neuron_results (contract, 11). Models
/// with attention alone have no neurons. The cache must hold every block's `hook_z` (or
/// `hook_result`) and `mlp.hook_post` (or `hook_mlp_out`), and the embeddings. Throws NameError
/// when it does not, ConfigError and ShapeError as stack_head_results and stack_neuron_results.
template <Scalar T>
ResidualStack<T> full_resid_decomposition(
    const Transformer<T>& model, const ActivationCache<T>& cache,
    const FullResidDecompositionOptions<std::type_identity_t<T>>& options = {}) {
  constexpr const char* what = "full_resid_decomposition";
  const TransformerConfig& c = model.config();
  const auto end = detail::stream_end(what, c, options.layer, options.mlp_input);
  const detail::CacheSlice<T> slice{what, cache, options.batch, options.positions};
  const detail::Projection<T> projection(what, options.project_output_onto, c.d_model,
                                         options.apply_ln && end.is_centred);
  const bool neurons = options.expand_neurons && c.has_mlp();
  std::vector<detail::LabelledSite> other_sites;
  for (Index l = 0; !neurons && l < end.mlps; ++l) {
    other_sites.push_back({text(l, "_mlp_out"), text("blocks.", l, ".hook_mlp_out")});
  }
  for (auto& embedding : detail::embeddings(c)) other_sites.push_back(std::move(embedding));

  std::vector<std::string> sites = detail::sites_of_heads(cache, end.attentions);
  for (auto& site : detail::sites_of_neurons(neurons ? end.mlps : 0)) sites.push_back(site);
  for (const auto& [label, site] : other_sites) sites.push_back(site);
  slice.need(sites);

  detail::StreamParts<T> parts = detail::head_parts(slice, model, end.attentions, projection);
  if (neurons) {
    parts.append(detail::neuron_parts(slice, model, end.mlps, detail::chosen_neurons(what, c, {}),
                                      projection));
  }
  detail::StreamParts<T> others = detail::parts_of(slice, other_sites);
  const Shape part = others.values[0].shape().axes(1, others.values[0].rank());
  const Tensor<T> bias = detail::accumulated_bias(model, end, neurons);
  others.add("bias", Tensor<T>(bias.broadcast(part)));  // the same at every place
  for (Tensor<T>& value : others.values) value = projection(value);
  parts.append(std::move(others));
  return detail::finished(model, slice, end, options.apply_ln, std::move(parts).stack(slice),
                          projection);
}

}  // namespace hooked
