// What these programs share: a small task, a small model, and the options of a run that can be
// broken off and taken up again.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "hooked/nn/config.hpp"
#include "hooked/train/options.hpp"

/// Three digits and "=" (token 10); the largest is read at "=".
inline hooked::Dataset largest_digit() {
  using hooked::Token;
  hooked::Dataset data{hooked::Tensor<Token>({1000, 4}, 10), hooked::Tensor<Token>({1000, 1}), {3}};
  for (Token i = 0; i < 1000; ++i) {
    const Token digits[] = {i / 100, i / 10 % 10, i % 10};
    std::copy(digits, digits + 3, &data.tokens(i, 0));
    data.labels(i, 0) = *std::max_element(digits, digits + 3);
  }
  return data;
}

inline const hooked::TransformerConfig kSmallModel{.n_layers = 1,
                                                   .d_model = 32,
                                                   .n_ctx = 4,
                                                   .n_heads = 2,
                                                   .d_head = 16,
                                                   .d_mlp = 64,
                                                   .d_vocab = 11,
                                                   .d_vocab_out = 10};

/// PROGRAM [DIRECTORY [THREADS]], alone or under mpirun.
inline hooked::TrainOptions options_of(int argc, char** argv, const hooked::Ranks& ranks) {
  return {.optimizer = hooked::AdamW{.lr = 3e-3},
          .epochs = 40,
          .batch_size = 100,
          .directory = argc > 1 ? argv[1] : "own-model",
          .checkpoint_every = 20,
          .resume = true,
          .threads = argc > 2 ? std::atoi(argv[2]) : 0,
          .ranks = &ranks};
}
