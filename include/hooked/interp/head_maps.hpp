// What each head would write into each neuron if it attended to one token, whatever it attends to.
#pragma once

#include <string>
#include <type_traits>

#include "hooked/core/matmul.hpp"
#include "hooked/interp/weights.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// x W_V^h W_O^h W_in for the rows of x [n, d_model], per head of block `layer`: [head, n, d_mlp].
/// With x = W_E it is the map from tokens to neurons, W_neur^h; biases and norms are left out.
template <Scalar T>
Tensor<T> head_input_maps(const Transformer<T>& model, Index layer,
                          View<const std::type_identity_t<T>> x) {
  const std::string block = text("blocks.", layer, ".");
  const Tensor<T> W_V = detail::of_each_head(model.parameters(), block + "attn.", "W_V");
  const auto z = matmul(x, W_V);                             // [head, n, d_head]
  const auto result = matmul(z, model[block + "attn.W_O"]);  // [head, n, d_model]
  return matmul(result, model[block + "mlp.W_in"]);          // [head, n, d_mlp]
}

}  // namespace hooked
