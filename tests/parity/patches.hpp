// Activations of one sequence in a run of another, place after place.
#pragma once

#include <string>
#include <vector>

#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/select.hpp"
#include "hooked/interp/patching.hpp"
#include "hooked/interp/sweep.hpp"
#include "hooked/nn/transformer.hpp"
#include "results.hpp"

namespace hooked::parity {

/// The first logit against the second, at the last position.
template <Scalar T>
Variable<T> logit_difference(Variable<T> logits) {
  return element(logits, {0, -1, 0}) - element(logits, {0, -1, 1});
}

/// The clean sequence is the first of the inputs, the corrupted one its reverse.
template <Scalar T>
void patches(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  const Index length = inputs.tokens.size(1);
  const Tensor<Token> clean(inputs.tokens.view().slice(0, 0, 1));
  Tensor<Token> corrupted(clean.shape());
  for (Index p = 0; p < length; ++p) corrupted(0, p) = clean(0, length - 1 - p);
  results.add("patching", "patch_resid_pre",
              patch_resid_pre(model, clean.view(), corrupted.view(), logit_difference<T>));
  const auto cache = model.run_with_cache(clean).cache;
  const auto sweep_of = [&](const std::string& site, const std::vector<Place>& places) {
    results.add("patching", site,
                sweep(model, corrupted.view(), site, places, cache, logit_difference<T>));
  };
  std::vector<Place> positions, heads, key_heads;
  for (int l = 0; l < static_cast<int>(model.config().n_layers); ++l) {
    for (Index p = 0; p < length; ++p) positions.push_back({.layer = l, .position = p});
    const Index groups = cache.at("k", l).size(2);
    for (Index h = 0; h < model.config().n_heads; ++h) heads.push_back({.layer = l, .head = h});
    for (Index h = 0; h < groups; ++h) key_heads.push_back({.layer = l, .head = h});
  }
  sweep_of("attn_out", positions);
  for (const char* site : {"z", "q", "pattern"}) sweep_of(site, heads);
  for (const char* site : {"k", "v"}) sweep_of(site, key_heads);
}

}  // namespace hooked::parity
