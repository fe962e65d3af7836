// What the claims about features must not hold for.
#pragma once

#include <string>
#include <vector>

#include "setup.hpp"

namespace add_concat {

/// The trained body with an autoencoder that has learnt nothing.
inline std::vector<study::NullModelOf<Joint>> null_models(const Subject& trained) {
  std::vector<study::NullModelOf<Joint>> nulls{{"untrained autoencoder", trained.model}};
  const hooked::SparseAutoencoder<float> sae(trained.setup.model.sae, {1});
  for (const std::string& name : sae.parameters().names()) {
    nulls[0].model.parameters().set("sae." + name, sae[name]);
  }
  return nulls;
}

}  // namespace add_concat
