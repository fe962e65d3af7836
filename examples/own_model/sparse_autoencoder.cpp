// A sparse autoencoder on the hidden layer of a frozen model, spliced in: how much of the loss is
// recovered, and by how many features?
#include <hooked/hooked.hpp>
#include <hooked/interp/feature_statistics.hpp>
#include <hooked/interp/loss_recovered.hpp>
#include <hooked/train/sparse_autoencoder_loss.hpp>
#include <hooked/train/unit_norm_decoder.hpp>
#include <iostream>

#include "task.hpp"

using namespace hooked;

int main(int argc, char** argv) {
  const auto ranks = Ranks::world();
  const TrainOptions options = options_of(argc, argv, ranks);
  const Dataset data = largest_digit();
  Transformer<float> model(kSmallModel, Seed{0});
  TrainOptions of_model = options;
  of_model.directory /= "model";
  train(model, data, of_model);

  const std::string site = "blocks.0.mlp.hook_post";
  const Tensor<float> rows = activations(model, site, data.tokens);  // [4000, 64]
  SparseAutoencoder<float> sae({.d_in = 64, .d_sae = 256});
  TrainOptions of_sae = options;
  of_sae.directory /= "sae";
  train(sae, rows, SparseAutoencoderLoss{.sparsity = 4e-3}, of_sae, UnitNormDecoder(sae));

  const LossRecovered loss = loss_recovered(model, data, site, sae);
  const FeatureStatistics features = feature_statistics(sae, rows);
  std::cout << "loss " << loss.clean << ", spliced " << loss.spliced << ", ablated "
            << loss.zero_ablated << " (to the mean " << loss.mean_ablated << "): recovered "
            << loss.of_zero() << " (" << loss.of_mean() << "); features on " << features.l0
            << " of 256, never " << features.dead.size() << ", variance explained "
            << features.variance_explained << "\n";
  return loss.of_mean() > 0.9 && features.l0 < 40 ? 0 : 1;
}
