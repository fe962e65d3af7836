// Recipes of numbers and files. `./dev docs` copies what stands between marks to docs/cookbook.md.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <hooked/core/linalg.hpp>
#include <hooked/hooked.hpp>
#include <hooked/io/npz.hpp>
#include <hooked/io/safetensors.hpp>
#include <iostream>

#include "cookbook.hpp"

namespace {

void numpy() {
  // [numpy]
  hooked::Tensor<float> x({2, 3}, {1, 2, 3, 4, 5, 6});
  const auto row = x.select(0, 1);                                 // x[1], a view
  const auto columns = x.slice(1, 0, 3, 2);                        // x[:, 0:3:2], a view
  const auto centred = x - hooked::mean(x, 1, hooked::Keep::yes);  // x - x.mean(1, keepdims=True)
  const auto large = hooked::where(hooked::map(x, [](float v) { return v > 2; }), x, 0.0f);
  const auto best = hooked::argmax(x, -1);  // x.argmax(-1), of Index
  const auto picked = hooked::take(x, 1, std::vector<hooked::Index>{2, 0});  // x[:, [2, 0]]
  const auto joined = hooked::concat(std::vector{x, centred}, 0);            // np.concatenate
  const auto outer = hooked::einsum("ij,kj->ik", x, x);                      // np.einsum
  x.select(0, 0) = row;  // x[0] = x[1], in place
  // [end]
  check(x(0, 2) == 6 && row(0) == 4 && columns(1, 1) == 6, "views look at x");
  check(centred(1, 0) == -1 && large(0, 1) == 0 && large(0, 2) == 3, "broadcast and where");
  check(best(0) == 2 && picked(1, 0) == 6 && picked(1, 1) == 4, "argmax and take");
  check(joined.shape() == hooked::Shape{4, 3} && outer(0, 1) == 32, "concat and einsum");
}

void eigen() {
  // [eigen]
  hooked::Tensor<float> x({2, 3}, {1, 2, 3, 4, 5, 6});
  x.matrix() *= 2.0f;  // an Eigen::Map, in place
  const Eigen::MatrixXf gram = x.matrix() * x.matrix().transpose();
  const hooked::View<const float> seen(gram);  // no copy
  const hooked::Tensor<float> kept(seen);      // a copy of our own
  // [end]
  check(x(1, 2) == 12 && seen(0, 1) == gram(0, 1), "both look at the same numbers");
  check(kept(0, 0) == 4 + 16 + 36, "2^2 + 4^2 + 6^2");
}

void decompositions(const hooked::Transformer<float>& model) {
  // [decompositions]
  // What head 1.0 reads and writes. (hooked/core/linalg.hpp)
  const auto W_V = model["blocks.1.attn.W_V"].select(0, 0);  // [d_model, d_head]
  const auto W_O = model["blocks.1.attn.W_O"].select(0, 0);  // [d_head, d_model]
  const auto OV = hooked::matmul(W_V, W_O);
  const auto [U, S, V] = hooked::svd(OV);          // OV = U diag(S) V^T
  const auto [values, vectors] = hooked::eig(OV);  // complex, the largest first
  std::cout << S << "\n";
  // [end]
  check(S(0) >= S(1) && S(16) < 1e-4f * S(0), "its rank is d_head");
  const auto again = hooked::matmul(U * S, V.transpose());
  check(hooked::max_norm(again - OV).item() < 1e-4f, "the parts multiply to the whole");
  double trace = 0;
  for (hooked::Index i = 0; i < values.numel(); ++i) trace += values(i).real();
  check(std::abs(trace - double(hooked::sum(hooked::einsum("ii->i", OV)).item())) < 1e-3,
        "eigenvalues add up to the trace");
}

void models_as_files(const hooked::Transformer<float>& model) {
  const hooked::Tensor<hooked::Token> tokens({1, 4}, {2, 7, 5, 10});
  // [files]
  hooked::save_model(model, "my-model");  // config.json and model.safetensors
  const auto again = hooked::load_model<float>("my-model");
  const auto in_double = hooked::load_model<double>("my-model");  // whatever was saved
  // [end]
  check(hooked::max_norm(again(tokens) - model(tokens)).item() == 0, "the same bits");
  check(std::abs(in_double(tokens)(0, 3, 7) - double(model(tokens)(0, 3, 7))) < 1e-4, "in double");
}

void tensors_as_files(const hooked::Transformer<float>& model) {
  const hooked::Tensor<hooked::Token> tokens({1, 4}, {2, 7, 5, 10});
  const auto cache = model.run_with_cache(tokens).cache;
  // [tensors_as_files]
  hooked::save_npz(cache, "cache.npz");  // np.load("cache.npz")["blocks.0.attn.hook_pattern"]
  const hooked::NpzFile arrays("cache.npz");
  const auto pattern = arrays.read<float>("blocks.0.attn.hook_pattern");

  hooked::save_safetensors("some.safetensors", {{"tokens", tokens}, {"pattern", pattern}});
  const hooked::SafetensorsFile file("some.safetensors");
  const auto read = file.read<std::int32_t>("tokens");
  // [end]
  check(hooked::max_norm(pattern - cache.at("pattern", 0)).item() == 0, "the same bits");
  check(read(0, 1) == 7 && file.names().size() == 2, "both tensors");
}

void from_transformer_lens(const hooked::Transformer<float>& model) {
  // A config as HookedTransformer has it, with keys that change no number.
  std::filesystem::create_directories("theirs");
  std::ofstream("theirs/config.json")
      << R"({"n_layers": 2, "d_model": 32, "n_ctx": 4, "n_heads": 2, "d_head": 16, "d_mlp": 64,
             "d_vocab": 11, "d_vocab_out": 10, "act_fn": "relu", "normalization_type": "LNPre",
             "device": "cpu", "model_name": "custom", "seed": null, "use_attn_result": true})";
  hooked::save_safetensors(model, "theirs/model.safetensors");
  // [transformer_lens]
  const auto theirs = hooked::load_model<float>("theirs");  // config.json and model.safetensors
  // [end]
  const hooked::Tensor<hooked::Token> tokens({1, 4}, {2, 7, 5, 10});
  check(hooked::max_norm(theirs(tokens) - model(tokens)).item() == 0, "the same logits");
}

}  // namespace

void tensors_and_files() {
  numpy();
  eigen();
  decompositions(repeater());
  models_as_files(largest_digit());
  tensors_as_files(largest_digit());
  from_transformer_lens(largest_digit());
}
