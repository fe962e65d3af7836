// A transformer learns the largest of three digits; then we look inside it.
#include <hooked/hooked.hpp>
#include <iostream>

int main() {
  // Every sequence "a b c =" of digits; the answer is read at position 3, the "=" (token 10).
  hooked::Dataset data{
      hooked::Tensor<hooked::Token>({1000, 4}), hooked::Tensor<hooked::Token>({1000, 1}), {3}};
  for (int i = 0; i < 1000; ++i) {
    const int digits[] = {i / 100, i / 10 % 10, i % 10};
    for (int p = 0; p < 3; ++p) data.tokens(i, p) = digits[p];
    data.tokens(i, 3) = 10;
    data.labels(i, 0) = *std::max_element(digits, digits + 3);
  }
  const auto [train_set, test_set] = hooked::split(data, 700, hooked::Seed{0});

  // A model is a value: a config and its parameters.
  hooked::Transformer<float> model({.n_layers = 1,
                                    .d_model = 32,
                                    .n_ctx = 4,
                                    .n_heads = 2,
                                    .d_head = 16,
                                    .d_mlp = 64,
                                    .d_vocab = 11,
                                    .d_vocab_out = 10,
                                    .act_fn = hooked::Activation::relu},
                                   hooked::Seed{0});
  const auto result = hooked::train(model, train_set,
                                    {.optimizer = hooked::AdamW{.lr = 3e-3},
                                     .epochs = 60,
                                     .batch_size = 100,
                                     .validation = &test_set});
  std::cout << "test accuracy " << 100 * result.evaluation->accuracy << "%\n";

  // Keep activations by name. In the prompt "2 7 5 =", where does "=" look?
  const hooked::Tensor<hooked::Token> prompt({1, 4}, {2, 7, 5, 10});
  const auto [logits, cache] =
      model.run_with_cache(prompt, {.names = {"blocks.0.attn.hook_pattern"}});
  std::cout << "attention from \"=\", [head, key] = "
            << cache["blocks.0.attn.hook_pattern"].select(0, 0).select(1, 3) << "\n";

  // Switch off one head at a time.
  for (hooked::Index head = 0; head < 2; ++head) {
    const auto ablated = hooked::evaluate(
        model, test_set, {hooked::zero("blocks.0.attn.hook_z", {.heads = {head}})});
    std::cout << "without head " << head << ": test accuracy " << 100 * ablated.accuracy << "%\n";
  }

  // Differentiate: how does the logit of 7 against 5 change with each position's residual stream?
  const auto margin = [](hooked::Variable<float> l) {
    return hooked::element(l, {0, 3, 7}) - hooked::element(l, {0, 3, 5});
  };
  const auto gradients =
      model.run_with_cache(prompt, {.names = {"blocks.0.hook_resid_pre"}, .gradient_of = margin})
          .cache;
  std::cout << "gradient norms by position:";
  for (int p = 0; p < 4; ++p) {
    std::cout << " " << gradients["blocks.0.hook_resid_pre_grad"].select(1, p).matrix().norm();
  }
  hooked::save_model(model, "quickstart-model");  // config.json and model.safetensors
  std::cout << "\nsaved to quickstart-model/\n";
}
