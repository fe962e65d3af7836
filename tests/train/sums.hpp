// The small task on which the tests of training run.
#pragma once

#include "hooked/nn/config.hpp"
#include "hooked/train/dataset.hpp"
#include "hooked/train/options.hpp"

namespace sums {

/// All sixteen "a b =" with a, b in 0..3 and "=" as token 4; the label is (a + b) mod 4.
inline hooked::Dataset data() {
  using hooked::Token;
  hooked::Dataset data{hooked::Tensor<Token>({16, 3}), hooked::Tensor<Token>({16, 1}), {2}};
  for (Token i = 0; i < 16; ++i) {
    data.tokens(i, 0) = i / 4;
    data.tokens(i, 1) = i % 4;
    data.tokens(i, 2) = 4;
    data.labels(i, 0) = (i / 4 + i % 4) % 4;
  }
  return data;
}

inline hooked::TransformerConfig config() {
  return {.n_layers = 1,
          .d_model = 8,
          .n_ctx = 3,
          .n_heads = 2,
          .d_head = 4,
          .d_mlp = 16,
          .d_vocab = 5,
          .d_vocab_out = 4};
}

/// `steps` steps on one thread.
inline hooked::TrainOptions plain(hooked::Index steps) {
  return {.optimizer = hooked::AdamW{.lr = 1e-2}, .steps = steps, .progress = false, .threads = 1};
}

}  // namespace sums
