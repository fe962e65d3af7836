// Model G, whose numbers are published, and the rule that fills any model's parameters.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "hooked/nn/transformer.hpp"

namespace hooked::golden {

/// The finaliser of MurmurHash3: every bit of the input reaches every bit of the output.
inline std::uint32_t fmix32(std::uint32_t h) {
  h = (h ^ h >> 16) * 0x85ebca6b;
  h = (h ^ h >> 13) * 0xc2b2ae35;
  return h ^ h >> 16;
}

/// Number i of the parameter whose name has rank p among all names, sorted bytewise.
inline double parameter_value(const std::string& name, std::uint32_t p, std::uint32_t i) {
  const double u = static_cast<double>(fmix32(100003 * p + i + 1)) / 4294967296.0 - 0.5;
  if (name.find("W_") != std::string::npos) return 1.6 * u;
  return name.ends_with(".w") ? 1.0 + 0.4 * u : 0.4 * u;
}

template <Scalar T>
void fill_parameters(Parameters<T>& parameters) {
  std::vector<std::string> names = parameters.names();
  std::sort(names.begin(), names.end());
  for (std::size_t p = 0; p < names.size(); ++p) {
    for_each_element(parameters[names[p]], [&](Index i, T& number) {
      number = static_cast<T>(
          parameter_value(names[p], static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(i)));
    });
  }
}

inline TransformerConfig config() {
  return {.n_layers = 2,
          .d_model = 8,
          .n_ctx = 12,
          .n_heads = 2,
          .d_head = 4,
          .d_mlp = 12,
          .d_vocab = 10,
          .act_fn = Activation::gelu};
}

template <Scalar T = double>
Transformer<T> model(const TransformerConfig& config = golden::config()) {
  Transformer<T> model(config);
  fill_parameters(model.parameters());
  return model;
}

inline Tensor<Token> tokens() {
  return Tensor<Token>({2, 8}, {1, 2, 3, 4, 1, 2, 3, 4, 7, 0, 5, 5, 9, 2, 2, 6});
}

/// Mean next-token loss, as a function of the logits that run_with_cache can walk back from.
template <Scalar T>
auto next_token_loss(const Tensor<Token>& tokens) {
  return [labels = next_token_labels(tokens)](Variable<T> logits) {
    return cross_entropy(logits, labels.view());
  };
}

}  // namespace hooked::golden
