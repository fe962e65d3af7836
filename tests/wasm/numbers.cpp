// Numbers that are the same wherever this runs, but for rounding: a line is a name and its numbers.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>

#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/select.hpp"
#include "hooked/io/model.hpp"
#include "hooked/train/train.hpp"

using hooked::Index, hooked::Tensor, hooked::Token;

static void print(const char* name, hooked::View<const float> numbers) {
  std::printf("%s", name);
  hooked::for_each_element(numbers, [](Index, float x) {
    std::printf(" %.*g", std::numeric_limits<float>::max_digits10, static_cast<double>(x));
  });
  std::printf("\n");
}

static void look_inside(const hooked::Transformer<float>& model) {
  const auto margin = [](hooked::Variable<float> logits) {
    return hooked::element(logits, {0, 3, 7}) - hooked::element(logits, {1, 3, 0});
  };
  const Tensor<Token> prompts({2, 4}, {2, 7, 5, 10, 9, 0, 9, 10});
  const auto [logits, cache] = model.run_with_cache(prompts, {.gradient_of = margin});
  print("logits", logits);
  print("pattern", cache["blocks.1.attn.hook_pattern"]);
  print("gradient", cache["blocks.0.hook_resid_pre_grad"]);
}

int main() {
  // Three digits and "=" (token 10); the largest is read at "=".
  hooked::Dataset data{Tensor<Token>({1000, 4}, 10), Tensor<Token>({1000, 1}), {3}};
  for (Token i = 0; i < 1000; ++i) {
    const Token digits[] = {i / 100, i / 10 % 10, i % 10};
    std::copy(digits, digits + 3, &data.tokens(i, 0));
    data.labels(i, 0) = *std::max_element(digits, digits + 3);
  }
  hooked::Transformer<float> model({.n_layers = 2,
                                    .d_model = 32,
                                    .n_ctx = 4,
                                    .d_head = 16,
                                    .d_vocab = 11,
                                    .act_fn = hooked::Activation::gelu},
                                   hooked::Seed{0});
  look_inside(model);

  const auto folder = std::filesystem::temp_directory_path() / "hooked-wasm-numbers";
  const auto result = hooked::train(model, data,
                                    {.steps = 20,
                                     .batch_size = 100,
                                     .validation = &data,
                                     .directory = folder,
                                     .checkpoint_every = 10,
                                     .progress = false});
  std::printf("loss %.9g %.9g\n", result.loss, result.evaluation->loss);
  const auto loaded = hooked::load_model<float>(folder);
  std::filesystem::remove_all(folder);
  look_inside(loaded);
  print("weights", loaded.parameters()["blocks.1.mlp.W_in"]);

  try {
    model(Tensor<Token>({1, 1}, {11}));
  } catch (const hooked::Error& error) {
    std::printf("error %s\n", error.what());
  }
}
