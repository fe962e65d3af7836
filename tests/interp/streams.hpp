// What the tests of residual streams run on: models of every make, and comparisons.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/interp/residual_stack.hpp"
#include "interp/checks.hpp"
#include "nn/golden_model.hpp"

namespace hooked {

/// A kind of model, by name.
struct Make {
  std::string name;
  TransformerConfig config;
};

/// Small models of every norm and every form of block.
inline std::vector<Make> makes() {
  const auto with = [](const char* name, auto change) {
    TransformerConfig c = golden::config();
    change(c);
    return Make{name, c};
  };
  return {with("LN", [](auto&) {}),
          with("LNPre", [](auto& c) { c.normalization = Normalization::LNPre; }),
          with("RMS", [](auto& c) { c.normalization = Normalization::RMS; }),
          with("RMSPre", [](auto& c) { c.normalization = Normalization::RMSPre; }),
          with("no norm", [](auto& c) { c.normalization = Normalization::none; }),
          with("final RMS", [](auto& c) { c.final_rms = true; }),
          with("final RMSPre",
               [](auto& c) { c.normalization = Normalization::LNPre, c.final_rms = true; }),
          with("attention alone", [](auto& c) { c.attn_only = true; }),
          with("parallel", [](auto& c) { c.parallel_attn_mlp = true; }),
          with("no positions", [](auto& c) { c.positional_embedding = PositionalEmbedding::none; }),
          with("three layers, three heads", [](auto& c) { c.n_layers = 3, c.n_heads = 3; })};
}

/// What the run of a model on golden::tokens() has, optional sites left out.
template <Scalar T>
ActivationCache<T> cache_of(const Transformer<T>& model) {
  return model.run_with_cache(golden::tokens(), {.logits = true}).cache;
}

/// The largest difference, over the largest number or 1.
inline double relative_error(View<const double> a, View<const double> b) {
  REQUIRE(a.shape() == b.shape());
  return max_norm(a - b).item() / std::max(1.0, max_norm(b).item());
}

/// The sum of the parts of a stack, [batch, pos, d_model].
inline Tensor<double> total(const ResidualStack<double>& stack) { return sum(stack.values, 0); }

/// What shows the stream before a block, or at the end.
inline std::string stream_site(const TransformerConfig& c, Index layer) {
  return layer == c.n_layers ? text("blocks.", layer - 1, ".hook_resid_post")
                             : text("blocks.", layer, ".hook_resid_pre");
}

/// Calls `f(layer, mlp_input, site)` for every place where a stream is read, and names what shows
/// the whole of it there.
template <class F>
void for_each_end(const TransformerConfig& c, F f) {
  for (Index l = 0; l < c.n_layers; ++l) {
    f(l, false, stream_site(c, l));
    if (!c.has_mlp()) continue;
    f(l, true, text("blocks.", l, c.parallel_attn_mlp ? ".hook_resid_pre" : ".hook_resid_mid"));
  }
  f(c.n_layers, false, stream_site(c, c.n_layers));
}

/// The normalized stream that the norm there shows; empty where there are no norms.
inline std::string normalized_site(const TransformerConfig& c, Index layer, bool mlp_input) {
  if (!c.has_norm()) return "";
  if (layer == c.n_layers) return "ln_final.hook_normalized";
  return text("blocks.", layer, mlp_input ? ".ln2" : ".ln1", ".hook_normalized");
}

using Labels = std::vector<std::string>;

}  // namespace hooked
