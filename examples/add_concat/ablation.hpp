// Features of the autoencoder taken off the decoder's output: all at once, or one after the other.
#pragma once

#include <string>
#include <vector>

#include "decoder_outputs.hpp"
#include "hooked/core/cuts.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"

namespace add_concat {

using hooked::SparseAutoencoder;
using Features = std::vector<Index>;  // numbers of features

/// f [row, d_sae] of h [row, d_model].
inline Tensor<float> features_of(const SparseAutoencoder<float>& sae, View<const float> h,
                                 int threads = 0) {
  constexpr Index kAtOnce = 4096;
  const std::string kActs = "hook_sae_acts_post";
  Tensor<float> f({h.size(0), sae.options().d_sae});
  const hooked::Cuts parts = hooked::Cuts::of(h.size(0), kAtOnce);
  for (Index p = 0; p < parts.parts(); ++p) {
    const auto cache = sae.run_with_cache(h.slice(0, parts.begin(p), parts.end(p)),
                                          {.names = {kActs}, .run = {.threads = threads}})
                           .cache;
    hooked::copy(cache[kActs], f.slice(0, parts.begin(p), parts.end(p)));
  }
  return f;
}
inline Tensor<float> features_of(const SparseAutoencoder<float>& sae, const DecoderOutputs& of) {
  return features_of(sae, of.h(), of.threads());
}

/// h - f_S W_dec[S], all features at once: as hooked::ablate_features. `f` are the features of h.
inline Tensor<float> without(const SparseAutoencoder<float>& sae, View<const float> h,
                             View<const float> f, const Features& features) {
  Tensor<float> left(h);
  if (features.empty()) return left;
  const auto W_dec = sae["W_dec"].matrix();
  left.matrix().noalias() -= f.matrix()(Eigen::all, features) * W_dec(features, Eigen::all).eval();
  return left;
}

/// The same one feature after the other, each encoded anew from what those before it have left: as
/// hooked::ablate_features_in_turn, and as the study's hooks.
inline Tensor<float> without_in_turn(const SparseAutoencoder<float>& sae, const Tensor<float>& h,
                                     const Features& features) {
  Tensor<float> left(h);
  const auto W_dec = sae["W_dec"].matrix();
  for (const Index k : features) {
    const Tensor<float> f = features_of(sae, left);
    left.matrix().noalias() -= f.matrix().col(k) * W_dec.row(k);
  }
  return left;
}

}  // namespace add_concat
