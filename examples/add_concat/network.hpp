// The study's model: an encoder-decoder, and a sparse autoencoder of what its decoder gives.
#pragma once

#include <string>

#include "hooked/nn/encoder_decoder.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"

namespace add_concat {

/// Where the autoencoder reads h: what goes into the unembedding.
inline const std::string kSite = "unembed.hook_in";

/// What a joint model is made of, and learns by.
struct Config {
  hooked::EncoderDecoderConfig body = {};
  hooked::SparseAutoencoderOptions sae = {};
  double alpha = 1.0;   // of the reconstruction error
  double lambda = 0.0;  // of the sum of all features
};

/// Both networks under one roof. Its function is the body's: logits come from h itself, and what
/// the autoencoder makes of it is for the loss alone (joint_loss.hpp).
template <hooked::Scalar T>
struct Network {
  hooked::EncoderDecoderNetwork<T> body;
  hooked::SparseAutoencoderNetwork<T> sae;

  Network(const hooked::Builder& b, const Config& config)
      : body(b, config.body.resolved()), sae(b.in("sae"), config.sae) {}

  hooked::Variable<T> operator()(hooked::Pass<T>& pass, const hooked::SourceAndTarget& in) const {
    return body(pass, in);
  }
  // What SequencePairs asks of a model's network.
  const hooked::EncoderDecoderConfig& config() const { return body.config(); }
  void check_input(const hooked::SourceAndTarget& in) const { body.check_input(in); }
};

using JointModel = hooked::Model<Network<float>>;

/// Both parts begin as the library's own models of such sizes do. Throws ConfigError.
template <hooked::Scalar T = float>
hooked::Model<Network<T>> joint_model(const Config& config, hooked::Seed seed) {
  hooked::Model<Network<T>> model(seed, config.body.init, config);
  const hooked::SparseAutoencoder<T> sae(config.sae, seed);
  for (const std::string& name : sae.parameters().names()) {
    model.parameters().set("sae." + name, sae[name]);
  }
  return model;
}

/// The encoder-decoder of a joint model.
template <hooked::Scalar T>
hooked::EncoderDecoder<T> body_of(const hooked::Model<Network<T>>& model) {
  hooked::EncoderDecoder<T> body(model.network().config());
  for (const std::string& name : body.parameters().names()) {
    body.parameters().set(name, model[name]);
  }
  return body;
}

/// Its sparse autoencoder: features of rows of the activations at kSite of the body.
template <hooked::Scalar T>
hooked::SparseAutoencoder<T> autoencoder_of(const hooked::Model<Network<T>>& model) {
  hooked::SparseAutoencoder<T> sae(model.network().sae.options());
  for (const std::string& name : sae.parameters().names()) {
    sae.parameters().set(name, model["sae." + name]);
  }
  return sae;
}

}  // namespace add_concat
