// decompose_resid: the residual stream as the sum of what embeddings and layers write.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/hooks/cache.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/interp/apply_ln.hpp"
#include "hooked/interp/residual_stack.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Whose outputs decompose_resid gives.
enum class ResidMode { all, mlp, attn };

/// What decompose_resid gives.
struct DecomposeResidOptions {
  std::optional<Index> layer = {};  // before this block; -1, n_layers or nothing: to the end
  bool mlp_input = false;           ///< and with what its attention writes, as its MLP reads it
  ResidMode mode = ResidMode::all;  ///< all layers, MLPs alone or attention alone
  bool incl_embeds = true;          ///< the embeddings, in every mode
  bool apply_ln = false;            ///< through apply_ln_to_stack
  Indices batch = {};               ///< these examples alone
  Indices positions = {};           ///< these positions alone
};

namespace detail {

/// Whether hook_pos_embed is added to the stream; shortformer's is not.
inline bool has_pos_embed_in_stream(const TransformerConfig& c) {
  return c.positional_embedding == PositionalEmbedding::standard ||
         c.positional_embedding == PositionalEmbedding::sinusoidal;
}

/// What is embedded into the stream: sites with labels.
inline std::vector<LabelledSite> embeddings(const TransformerConfig& c) {
  std::vector<LabelledSite> all{{"embed", "hook_embed"}};
  if (has_pos_embed_in_stream(c)) all.push_back({"pos_embed", "hook_pos_embed"});
  return all;
}

}  // namespace detail

/// What was added to the residual stream before block `layer`, in that order: `embed`, `pos_embed`
/// where it is in the stream, `0_attn_out`, `0_mlp_out`, ...; [component, batch, pos, d_model]
/// (contract, 11). In mode `all` the parts sum to the stream. Throws NameError when the cache lacks
/// a site, ConfigError for MLPs that the model does not have, ShapeError for a layer, example or
/// position that there is not.
template <Scalar T>
ResidualStack<T> decompose_resid(const Transformer<T>& model, const ActivationCache<T>& cache,
                                 const DecomposeResidOptions& options = {}) {
  constexpr const char* what = "decompose_resid";
  const TransformerConfig& c = model.config();
  const auto end = detail::stream_end(what, c, options.layer, options.mlp_input);
  if (options.mode == ResidMode::mlp && !c.has_mlp()) {
    fail<ConfigError>(what, ": mode is mlp, but there are no MLPs");
  }
  std::vector<detail::LabelledSite> sites;
  if (options.incl_embeds) sites = detail::embeddings(c);
  for (Index l = 0; l < end.attentions; ++l) {
    if (options.mode != ResidMode::mlp) {
      sites.push_back({text(l, "_attn_out"), text("blocks.", l, ".hook_attn_out")});
    }
    if (options.mode != ResidMode::attn && l < end.mlps) {
      sites.push_back({text(l, "_mlp_out"), text("blocks.", l, ".hook_mlp_out")});
    }
  }
  const detail::CacheSlice<T> slice{what, cache, options.batch, options.positions};
  auto parts = detail::parts_of(slice, sites);
  parts.close(false, [&] { return slice.stream(end); });
  return detail::finished(model, slice, end, options.apply_ln, std::move(parts).stack(slice));
}

}  // namespace hooked
