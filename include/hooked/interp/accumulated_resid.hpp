// accumulated_resid: the residual stream before every block, for the logit lens.
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
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// What accumulated_resid gives.
struct AccumulatedResidOptions {
  std::optional<Index> layer = {};  // the last one; -1, n_layers or nothing: to the end
  bool incl_mid = false;            ///< also the stream between attention and MLP
  bool mlp_input = false;           ///< to the MLP of the last block
  bool apply_ln = false;            ///< through the norm that stands at the end
  Indices batch = {};               ///< these examples alone
  Indices positions = {};           ///< these positions alone
};

/// The residual stream [component, batch, pos, d_model] before blocks 0, 1, ... up to `layer`:
/// `0_pre`, `1_pre`, ..., with `incl_mid` also `0_mid`, ..., and at the end `final_post`
/// (contract, 11). `mlp_input` adds what the MLP of block `layer` reads. With `apply_ln` at the end
/// each row goes through the whole of ln_final with a scale of its own, so that times W_U plus b_U
/// it is the logit lens (nostalgebraist, "interpreting GPT: the logit lens", 2020); before a block
/// it is apply_ln_to_stack. Throws NameError when the cache lacks a site, ConfigError for a middle
/// that blocks do not have, ShapeError for a layer, example or position that there is not.
template <Scalar T>
ResidualStack<T> accumulated_resid(const Transformer<T>& model, const ActivationCache<T>& cache,
                                   const AccumulatedResidOptions& options = {}) {
  constexpr const char* what = "accumulated_resid";
  const TransformerConfig& c = model.config();
  const auto end = detail::stream_end(what, c, options.layer, options.mlp_input);
  if (options.incl_mid && (c.attn_only || c.parallel_attn_mlp)) {
    fail<ConfigError>(what, ": incl_mid, but the blocks have no hook_resid_mid");
  }
  std::vector<detail::LabelledSite> sites;
  for (Index l = 0; l < end.layer; ++l) {
    sites.push_back({text(l, "_pre"), text("blocks.", l, ".hook_resid_pre")});
    if (options.incl_mid) sites.push_back({text(l, "_mid"), text("blocks.", l, ".hook_resid_mid")});
  }
  if (end.is_whole(c)) {
    sites.push_back({"final_post", end.site});
  } else {
    sites.push_back({text(end.layer, "_pre"), text("blocks.", end.layer, ".hook_resid_pre")});
    if (end.attentions > end.layer) sites.push_back({text(end.layer, "_mid"), end.site});
  }
  const detail::CacheSlice<T> slice{what, cache, options.batch, options.positions};
  auto stack = detail::parts_of(slice, sites).stack(slice);
  if (!options.apply_ln) return stack;
  return detail::with_ln(what, model, cache, end, end.is_whole(c), std::move(stack));
}

}  // namespace hooked
