// Weights of a transformer as analyses want them: one for each head, whoever shares them.
#pragma once

#include <string>
#include <vector>

#include "hooked/core/select.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

namespace detail {

// The attention's parameter "W_K", ... with one for each head: where heads share keys and values
// (parameters "_W_K", ... [group, ...]), head h has number h / (heads / groups).
template <Scalar T>
Tensor<T> of_each_head(const Parameters<T>& parameters, const std::string& attention,
                       const std::string& name) {
  const std::string shared = attention + "_" + name;
  if (!parameters.contains(shared)) return Tensor<T>(parameters[attention + name]);
  const Index heads = parameters[attention + "W_Q"].size(0);
  const View<const T> of_groups = parameters[shared];
  std::vector<Index> group;
  for (Index h = 0; h < heads; ++h) group.push_back(h * of_groups.size(0) / heads);
  return take(of_groups, 0, group);
}

// The same of all blocks, [layer, head, ...].
template <Scalar T>
Tensor<T> of_all_heads(const Transformer<T>& model, const std::string& name) {
  std::vector<Tensor<T>> layers;
  for (Index l = 0; l < model.config().n_layers; ++l) {
    layers.push_back(of_each_head(model.parameters(), text("blocks.", l, ".attn."), name));
  }
  if (layers.empty()) fail<NameError>("there is no ", name, ": the model has no blocks");
  return stack(layers);
}

// A block's number, negative ones counted from the end. Throws ShapeError.
inline Index block_number(const char* what, const TransformerConfig& c, Index layer) {
  if (layer < -c.n_layers || layer >= c.n_layers) {
    fail<ShapeError>(what, ": there is no block ", layer, ", the model has ", c.n_layers);
  }
  return layer < 0 ? layer + c.n_layers : layer;
}

}  // namespace detail

/// W_U [d_model, d_vocab_out]; of a model without one of its own, which reads logits off with its
/// embedding, W_E^T.
template <Scalar T>
Tensor<T> unembedding(const Transformer<T>& model) {
  const bool is_tied = !model.parameters().contains("unembed.W_U");
  return Tensor<T>(is_tied ? model["embed.W_E"].transpose() : model["unembed.W_U"]);
}

}  // namespace hooked
