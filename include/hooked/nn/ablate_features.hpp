// Ablation of features of a sparse autoencoder where it is not in the model: what they add to an
// activation is taken off it, and everything else of it stays, the part that the autoencoder misses
// too.
#pragma once

#include <utility>
#include <vector>

#include "hooked/autograd/products.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/select.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"
#include "hooked/ops/subtract.hpp"

namespace hooked {

/// h' = h - f_S(h) W_dec[S], all features S at once: the same as to splice `sae` in with its error
/// term and f_S at zero, without the sums over all other features. Negative indices count from the
/// end; none leaves the activation as it is. Gradients flow through f. The autoencoder must outlive
/// the hook. Throws ShapeError for an index that is no feature and for one that is there twice; the
/// run throws what the encoder throws.
template <Scalar T>
Hook<T> ablate_features(SiteSelector where, const SparseAutoencoder<T>& sae,
                        std::vector<Index> features) {
  const Index d_sae = sae.options().d_sae;
  std::vector<bool> seen(static_cast<std::size_t>(d_sae), false);
  for (Index& j : features) {
    if (j < -d_sae || j >= d_sae) {
      fail<ShapeError>("ablate_features: there is no feature ", j, ", the autoencoder has ", d_sae);
    }
    j += j < 0 ? d_sae : 0;
    const auto i = static_cast<std::size_t>(j);
    if (seen[i]) fail<ShapeError>("ablate_features: feature ", j, " is there twice");
    seen[i] = true;
  }
  return {std::move(where),
          [&sae, features = std::move(features)](Variable<T> h, const HookPoint& point) {
            if (features.empty()) return h;
            const Placed<T> here(h.tape(), point.name());
            Pass<T> pass(sae.parameters(), h.tape());
            const Variable<T> f =
                sae.run_within(pass, [&] { return sae.network().encode(pass, h).acts; });
            const auto within = pass.within(sae.parameters());
            const auto directions = take(pass[sae.network().W_dec], 0, features);
            return record<Subtract>({}, h, matmul(take(f, -1, features), directions));
          }};
}

/// One hook for each feature, in their order: each sees what the hooks before it have left of h and
/// encodes that anew. What the first takes off may change the features that are ablated after it,
/// so the result depends on the order, and is not that of ablate_features.
template <Scalar T>
std::vector<Hook<T>> ablate_features_in_turn(const SiteSelector& where,
                                             const SparseAutoencoder<T>& sae,
                                             const std::vector<Index>& features) {
  std::vector<Hook<T>> hooks;
  for (const Index j : features) hooks.push_back(ablate_features(where, sae, {j}));
  return hooks;
}

}  // namespace hooked
