// The recipes of docs/cookbook.md and the tasks of docs/coming_from_transformer_lens.md, run one
// after the other; each is checked for what it claims.
// after the other; each is checked for what it claims.
//
//   cookbook [DIRECTORY]   files are written there (default: cookbook-files)
#include "cookbook.hpp"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "hooked/train/data.hpp"
#include "hooked/train/train.hpp"

void check(bool is_true, const std::string& what) {
  if (!is_true) throw std::runtime_error("not so: " + what);
}

const hooked::Dataset& digits() {
  static const hooked::Dataset data = [] {
    hooked::Dataset all{hooked::Tensor<hooked::Token>({1000, 4}, 10),
                        hooked::Tensor<hooked::Token>({1000, 1}),
                        {3}};
    for (hooked::Token i = 0; i < 1000; ++i) {
      const hooked::Token three[] = {i / 100, i / 10 % 10, i % 10};
      std::copy(three, three + 3, &all.tokens(i, 0));
      all.labels(i, 0) = *std::max_element(three, three + 3);
    }
    return all;
  }();
  return data;
}

const hooked::Transformer<float>& largest_digit() {
  static const hooked::Transformer<float> learnt = [] {
    hooked::Transformer<float> model({.n_layers = 2,
                                      .d_model = 32,
                                      .n_ctx = 4,
                                      .n_heads = 2,
                                      .d_head = 16,
                                      .d_mlp = 64,
                                      .d_vocab = 11,
                                      .d_vocab_out = 10,
                                      .normalization = hooked::Normalization::LNPre},
                                     hooked::Seed{0});
    hooked::train(model, digits(),
                  {.optimizer = hooked::AdamW{.lr = 3e-3},
                   .epochs = 60,
                   .batch_size = 100,
                   .progress = false});
    return model;
  }();
  return learnt;
}

const hooked::Transformer<float>& repeater() {
  static const hooked::Transformer<float> learnt = [] {
    hooked::TransformerConfig config{.n_layers = 2, .d_model = 64, .n_ctx = 24, .d_head = 16};
    config.d_vocab = 24;
    config.attn_only = true;
    config.init_mode = hooked::InitMode::muP;
    hooked::Transformer<float> model(config, hooked::Seed{0});
    // The last 5 to 12 tokens come again: positions alone do not tell where to look.
    const auto data = hooked::draw([](hooked::Random& random, hooked::Index examples) {
      hooked::Dataset batch{
          hooked::Tensor<hooked::Token>({examples, 24}),
          hooked::Tensor<hooked::Token>({examples, 24}, hooked::CrossEntropy::kIgnored)};
      for (hooked::Index i = 0; i < examples; ++i) {
        const hooked::Index period = 5 + random.below(8), again = 24 - period;
        for (hooked::Index p = 0; p < 24; ++p) {
          batch.tokens(i, p) = p < again ? static_cast<hooked::Token>(random.below(24))
                                         : batch.tokens(i, p - period);
          if (p > again) batch.labels(i, p - 1) = batch.tokens(i, p);
        }
      }
      return batch;
    });
    hooked::train(model, data,
                  {.optimizer = hooked::AdamW{.lr = 3e-3},
                   .steps = 500,
                   .batch_size = 100,
                   .progress = false});
    return model;
  }();
  return learnt;
}

int main(int argc, char** argv) {
  try {
    const std::filesystem::path directory = argc > 1 ? argv[1] : "cookbook-files";
    std::filesystem::create_directories(directory);
    std::filesystem::current_path(directory);
    look_inside();
    read_weights();
    compare_runs();
    train_things();
    build_things();
    features_of_models();
    tensors_and_files();
    guides();
    coming_from_transformer_lens();
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
