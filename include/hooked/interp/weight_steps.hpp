// Processing of weights, step by step: each gives a model that computes the same, with weights that
// are easier to read (contract, 10). process_weights (interp/weight_processing.hpp) does them in
// their order and says how well each kept its promise.
//
// The axes are those that the contract declares, whatever their sizes: all weights read with their
// last axis but one and write with their last.
#pragma once

#include <string>
#include <vector>

#include "hooked/core/einsum.hpp"
#include "hooked/core/in_place.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/select.hpp"
#include "hooked/interp/factored_matrix.hpp"
#include "hooked/interp/weights.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

namespace detail {

// The model under another config: parameters that both have keep their numbers and stay frozen.
template <Scalar T>
Transformer<T> with_config(const Transformer<T>& model, const TransformerConfig& config) {
  Transformer<T> result(config);
  for (const std::string& name : result.parameters().names()) {
    if (!model.parameters().contains(name)) continue;
    result[name] = model[name];
    result.parameters().freeze(
        name, model.parameters().is_frozen(model.parameters().layout().find(name)));
  }
  return result;
}

// The model with a W_U of its own, where it was W_E^T: a step would change both.
template <Scalar T>
Transformer<T> untied(const Transformer<T>& model) {
  if (model.parameters().contains("unembed.W_U")) return model;
  TransformerConfig config = model.config();
  config.tied_embeddings = false;
  Transformer<T> result = with_config(model, config);
  result["unembed.W_U"] = model["embed.W_E"].transpose();
  return result;
}

// Throws ConfigError where heads share keys and values.
template <Scalar T>
void check_own_keys(const char* step, const Transformer<T>& model) {
  if (!model.parameters().has("blocks.*.attn._W_K")) return;
  fail<ConfigError>(step, ": heads share their keys and values, so that none can have factors of ",
                    "its own: it needs as many of them as heads");
}

// A weight that reads what a norm gives, x W + b with x = n w + beta. Without a bias to take what
// beta adds, b is empty.
struct Reader {
  std::string norm, W, b;  // "blocks.0.ln1", "blocks.0.attn.W_Q", "blocks.0.attn.b_Q"
};

template <Scalar T>
std::vector<Reader> readers_of_norms(const Transformer<T>& model) {
  const Parameters<T>& parameters = model.parameters();
  std::vector<Reader> readers;
  for (Index l = 0; l < model.config().n_layers; ++l) {
    const std::string block = text("blocks.", l, "."), attn = block + "attn.", mlp = block + "mlp.";
    for (const char* name : {"W_Q", "W_K", "W_V"}) {
      const std::string shared = parameters.contains(attn + "_" + name) ? "_" : "";
      readers.push_back({block + "ln1", attn + shared + name, attn + shared + "b_" + name[2]});
    }
    if (parameters.contains(mlp + "W_gate")) {  // act(x W_gate) (x W_in) + b_in
      readers.push_back({block + "ln2", mlp + "W_gate", ""});
      readers.push_back({block + "ln2", mlp + "W_in", ""});
    } else if (parameters.contains(mlp + "W_in")) {
      readers.push_back({block + "ln2", mlp + "W_in", mlp + "b_in"});
    }
    if (parameters.contains(mlp + "ln.w"))
      readers.push_back({mlp + "ln", mlp + "W_out", mlp + "b_out"});
  }
  readers.push_back({"ln_final", "unembed.W_U", "unembed.b_U"});
  return readers;
}

}  // namespace detail

/// Moves weights and biases of norms into the weights that read them, and the norms become LNPre or
/// RMSPre: where x = n w + beta,
///   x W + b = n (diag(w) W) + (b + beta W).
/// What LN gives has mean 0, so that W then loses its mean over what it reads, too; what RMS gives
/// has not, and RMS has no beta. It concerns W_Q, W_K, W_V, W_in, W_gate, W_U, and W_out behind an
/// MLP's own norm. Invariant: the logits. A model whose norms have no weights comes back as it is;
/// a W_U that was W_E^T becomes a weight of its own. Biases are not all 0 any more, so
/// freeze_biases goes where there was a beta. Throws ConfigError where a gated MLP reads an ln2.b
/// that is not 0 (there is no bias before the gate to take it), and where positions are added
/// behind ln1 (shortformer).
template <Scalar T>
Transformer<T> fold_layer_norm(const Transformer<T>& model) {
  const Transformer<T> own = detail::untied(model);
  TransformerConfig config = own.config();
  if (config.normalization == Normalization::LN) {
    config.normalization = Normalization::LNPre;
    config.freeze_biases = false;
  } else if (config.normalization == Normalization::RMS) {
    config.normalization = Normalization::RMSPre;
  } else {
    return model;
  }
  if (config.positional_embedding == PositionalEmbedding::shortformer) {
    fail<ConfigError>("fold_layer_norm: positions are added to what ln1 gives (shortformer), and ",
                      "W_Q and W_K with the weights of ln1 would scale them, too: leave it out ",
                      "(.fold_layer_norm = false)");
  }
  Transformer<T> folded = detail::with_config(own, config);
  for (const auto& [norm, W, b] : detail::readers_of_norms(own)) {
    const Tensor<T> w(own[norm + ".w"].reshape({-1, 1}));
    folded[W] *= w;
    if (!own.parameters().contains(norm + ".b")) continue;  // RMS
    const Tensor<T> beta(own[norm + ".b"].reshape({-1, 1}));
    if (!b.empty()) {
      folded[b] += sum(beta * own[W], -2);
    } else if (max_norm(beta).item() > 0) {
      fail<ConfigError>("fold_layer_norm: ", norm, ".b is not 0, and ", W,
                        " of a gated MLP has no bias before the product to take it: keep the ",
                        "norms' weights (.fold_layer_norm = false), or train with RMS");
    }
    folded[W] -= mean(folded[W], -2, Keep::yes);
  }
  return folded;
}

/// Takes the mean over d_model out of everything that is written to the residual stream: W_E, W_pos
/// (where it is added to the stream), W_O, b_O, W_out and b_out. Invariant: the logits, for LN and
/// LNPre do not see the mean; the stream's own values change. A W_U that was W_E^T becomes a weight
/// of its own. Throws ConfigError unless every norm is LN or LNPre.
template <Scalar T>
Transformer<T> center_writing_weights(const Transformer<T>& model) {
  const TransformerConfig& c = model.config();
  const bool centers =
      c.normalization == Normalization::LN || c.normalization == Normalization::LNPre;
  if (!centers || c.final_rms) {
    fail<ConfigError>("center_writing_weights: ",
                      c.final_rms    ? "ln_final is RMS, which sees"
                      : c.has_norm() ? "the norms are RMS, which see"
                                     : "there are no norms, so that all see",
                      " the mean of the stream: it needs LN or LNPre everywhere; leave it out ",
                      "(.center_writing_weights = false)");
  }
  Transformer<T> centered = detail::untied(model);
  for (const std::string& name : model.parameters().names()) {
    const bool is_added = c.positional_embedding == PositionalEmbedding::standard;
    const bool writes = name == "embed.W_E" || (name == "pos_embed.W_pos" && is_added) ||
                        matches_glob(name, "blocks.*.attn.?_O") ||
                        matches_glob(name, "blocks.*.mlp.?_out");
    if (writes) centered[name] -= mean(model[name], -1, Keep::yes);
  }
  return centered;
}

/// Takes the mean over the outputs out of each row of W_U, and out of b_U. Invariant: probabilities
/// and so the loss; the logits of a position move together, to a mean of 0. A W_U that was W_E^T
/// becomes a weight of its own. Throws ConfigError where logits are capped, which bends them.
template <Scalar T>
Transformer<T> center_unembed(const Transformer<T>& model) {
  if (model.config().output_logits_soft_cap > 0) {
    fail<ConfigError>(
        "center_unembed: output_logits_soft_cap bends logits, the more the larger they are, so "
        "that ",
        "it must not move them: leave it out (.center_unembed = false)");
  }
  Transformer<T> centered = detail::untied(model);
  for (const char* name : {"unembed.W_U", "unembed.b_U"}) {
    centered[name] -= mean(centered[name], -1, Keep::yes);
  }
  return centered;
}

/// b_O + sum_h b_V[h] W_O[h] becomes b_O, and b_V 0. Invariant: everything but hook_v, hook_z and
/// hook_result, for a query's attention sums to 1. (That of a query which sees no key, at padding,
/// sums to 0: what is computed there, which nobody else reads, changes.)
template <Scalar T>
Transformer<T> fold_value_biases(const Transformer<T>& model) {
  Transformer<T> folded = model;
  for (Index l = 0; l < model.config().n_layers; ++l) {
    const std::string attn = text("blocks.", l, ".attn.");
    const Tensor<T> b_V = detail::of_each_head(model.parameters(), attn, "b_V");
    folded[attn + "b_O"] += einsum("he,hed->d", b_V, model[attn + "W_O"]);
    const bool is_shared = model.parameters().contains(attn + "_b_V");
    folded[attn + (is_shared ? "_b_V" : "b_V")].fill(0);
  }
  return folded;
}

/// Gives each head the factors that its circuits single out. With M = [W_Q; b_Q] [W_K; b_K]^T =
/// U S V^T (the biases as a last row): [W_Q; b_Q] = U sqrt(S) and [W_K; b_K] = V sqrt(S). With
/// W_V W_O = U S V^T, after fold_value_biases: W_V = U S and W_O = V^T, whose rows are orthonormal.
/// Where d_head is more than the rank can be, the rest is 0. Invariant: the logits; hook_q, hook_k,
/// hook_v and hook_z change. Throws ConfigError where heads share keys and values, and where
/// positions are rotary.
template <Scalar T>
Transformer<T> refactor_factored_attn_matrices(const Transformer<T>& model) {
  detail::check_own_keys("refactor_factored_attn_matrices", model);
  if (model.config().positional_embedding == PositionalEmbedding::rotary) {
    fail<ConfigError>(
        "refactor_factored_attn_matrices: rotary positions turn pairs of what W_Q and ",
        "W_K give, so that other factors of W_Q W_K^T give other scores: leave it out");
  }
  Transformer<T> refactored = fold_value_biases(model);
  const Index heads = model.config().n_heads, d_model = model.config().d_model;
  for (Index l = 0; l < model.config().n_layers; ++l) {
    const auto of = [&](const char* name) {
      return refactored[text("blocks.", l, ".attn.", name)];
    };
    const auto write = [&](const char* name, int axis, View<const T> x) {  // x and zeros behind it
      of(name).fill(0);
      of(name).slice(axis, 0, x.size(axis)) = x;
    };
    const auto with_bias = [&](const char* W, const char* b) {  // [head, d_model + 1, d_head]
      const Tensor<T> last_row(of(b).reshape({heads, 1, -1}));
      return concat({Tensor<T>(of(W)), last_row}, 1);
    };
    const auto QK =
        FactoredMatrix(with_bias("W_Q", "b_Q"), with_bias("W_K", "b_K").transpose()).make_even();
    const auto Q = QK.A().view(), K = QK.B().transpose();  // [head, d_model + 1, k]
    write("W_Q", 2, Q.slice(1, 0, d_model));
    write("b_Q", 1, Q.select(1, d_model));
    write("W_K", 2, K.slice(1, 0, d_model));
    write("b_K", 1, K.select(1, d_model));
    const auto [U, S, V] = FactoredMatrix(of("W_V"), of("W_O")).svd();
    write("W_V", 2, detail::times_diagonal(U, S));
    write("W_O", 1, V.transpose());
  }
  return refactored;
}

}  // namespace hooked
