// Recipes of sparse autoencoders. `./dev docs` copies what stands between marks to
// docs/cookbook.md.
#include <cmath>
#include <hooked/hooked.hpp>
#include <hooked/interp/feature_importance.hpp>
#include <hooked/interp/feature_statistics.hpp>
#include <hooked/interp/loss_recovered.hpp>
#include <hooked/nn/ablate_features.hpp>
#include <hooked/train/estimate_threshold.hpp>
#include <hooked/train/sparse_autoencoder_loss.hpp>
#include <hooked/train/unit_norm_decoder.hpp>
#include <iostream>

#include "cookbook.hpp"

namespace {

using Sae = hooked::SparseAutoencoder<float>;

Sae train_sae(const hooked::Transformer<float>& model, const hooked::Dataset& data) {
  // [train_sae]
  const std::string site = "blocks.0.mlp.hook_post";
  const auto rows = hooked::activations(model, site, data.tokens);  // [example * pos, d_mlp]
  hooked::SparseAutoencoder<float> sae({.d_in = rows.size(1),
                                        .d_sae = 256,
                                        .architecture = hooked::SaeArchitecture::batchtopk,
                                        .k = 8,
                                        .apply_b_dec_to_input = true});
  hooked::train(sae, rows, hooked::SparseAutoencoderLoss{.dead = 1.0 / 32},
                {.optimizer = hooked::Adam{.lr = 1e-3}, .steps = 600, .batch_size = 256},
                hooked::UnitNormDecoder(sae));
  hooked::estimate_threshold<float>(sae, rows);  // batchtopk alone needs it

  const auto features = hooked::feature_statistics(sae, rows);
  std::cout << features.l0 << " features are on in a row, " << features.dead.size()
            << " in none; they explain " << 100 * features.variance_explained << "% of variance\n";
  const auto loss = hooked::loss_recovered(model, data, site, sae);
  std::cout << 100 * loss.of_mean() << "% of the loss is recovered\n";
  // [end]
  check(features.variance_explained > 0.8 && loss.of_mean() > 0.8, "the autoencoder stands in");
  check(features.l0 > 1 && features.l0 < 12, "about k features are on");
  return sae;
}

void ablate(const hooked::Transformer<float>& model, const hooked::Dataset& data, const Sae& sae) {
  const std::string site = "blocks.0.mlp.hook_post";
  // [ablate_features]
  // What does the loss gain when a feature is missing? And when the five that matter most are?
  const auto importance = hooked::feature_importance(model, data, site, sae);  // [d_sae]
  const auto most = hooked::to_vector(hooked::topk(importance, 5).indices);
  const auto without = hooked::evaluate(model, data, {hooked::ablate_features(site, sae, most)});
  // One after the other, each encoded anew from what is left of the activation:
  const auto in_turn =
      hooked::evaluate(model, data, hooked::ablate_features_in_turn(site, sae, most));
  // Any hook inside the autoencoder: with its error term, all else stays as it was.
  const auto hooks = hooked::splice(
      site, sae,
      {.hooks = {hooked::zero("hook_sae_acts_post", {.neurons = most})}, .error_term = true});
  const auto spliced = hooked::evaluate(model, data, {hooks});
  // [end]
  const double clean = hooked::evaluate(model, data).loss;
  check(std::abs(without.loss - spliced.loss) < 1e-4 * (1 + without.loss), "the same two ways");
  check(without.loss > clean && in_turn.loss > clean, "they matter");
  check(
      std::abs(hooked::evaluate(model, data, {hooked::ablate_features(site, sae, {most[0]})}).loss -
               clean - importance(most[0])) < 1e-5,
      "importance is what the loss gains");
}

void joint(const hooked::Dataset& data) {
  // [joint_sae]
  // Cross-entropy + alpha MSE(h, h') + lambda |f|_1, model and autoencoder together.
  hooked::Transformer<float> model({.n_layers = 1,
                                    .d_model = 32,
                                    .n_ctx = 4,
                                    .n_heads = 2,
                                    .d_head = 16,
                                    .d_mlp = 64,
                                    .d_vocab = 11,
                                    .d_vocab_out = 10});
  hooked::SparseAutoencoder<float> sae({.d_in = 32, .d_sae = 128});
  const std::string site = "blocks.0.hook_resid_post";
  const auto objective = [&](hooked::Pass<float>& pass, const hooked::Dataset& batch) {
    const auto logits = model.forward(pass, batch.tokens);
    const auto h = pass.activation(site);  // [batch, pos, d_model]
    const auto of_model = hooked::CrossEntropyLoss{}.losses(logits, batch);
    const auto of_sae = hooked::SparseAutoencoderLoss{.mse = 1.0, .sparsity = 1e-3}.losses(
        sae, pass, h);  // [batch, pos]; of h.detach() the model would learn nothing from it
    return hooked::sum(of_model) + 1.0 / 4 * hooked::sum(of_sae);  // the mean over 4 positions
  };
  hooked::train(hooked::together(hooked::trained("model", model), hooked::trained("sae", sae)),
                data, objective,
                {.optimizer = hooked::AdamW{.lr = 3e-3},
                 .epochs = 40,
                 .batch_size = 100,
                 .activations = {site}});
  // [end]
  const auto loss = hooked::loss_recovered(model, data, site, sae);
  check(hooked::evaluate(model, data).accuracy > 0.9, "the model learnt its task");
  check(loss.of_mean() > 0.8, "the autoencoder learnt the model");
}

}  // namespace

void features_of_models() {
  const Sae sae = train_sae(largest_digit(), digits());
  ablate(largest_digit(), digits(), sae);
  joint(digits());
}
