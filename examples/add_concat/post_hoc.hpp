// Autoencoders that learn after the fact, of the finished body.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "decoder_outputs.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"
#include "hooked/train/sparse_autoencoder_loss.hpp"
#include "hooked/train/train.hpp"
#include "hooked/train/unit_norm_decoder.hpp"

namespace add_concat {

/// One kind of autoencoder, and how it learns.
struct PostHoc {
  std::string name;
  hooked::SparseAutoencoderOptions options;
  hooked::SparseAutoencoderLoss loss;
};

/// Those that stand beside the joint one, of its size; `lambda` is the joint one's.
inline std::vector<PostHoc> post_hoc_kinds(const hooked::SparseAutoencoderOptions& joint,
                                           double lambda) {
  const Index d_in = joint.d_in, d_sae = joint.d_sae;
  using Architecture = hooked::SaeArchitecture;
  return {{"ReLU", {.d_in = d_in, .d_sae = d_sae}, {.sparsity = lambda}},
          {"TopK",
           {.d_in = d_in,
            .d_sae = d_sae,
            .architecture = Architecture::topk,
            .k = std::min<Index>(2, d_sae),
            .apply_b_dec_to_input = true},
           {.dead = 1.0 / 32}},
          {"gated",
           {.d_in = d_in,
            .d_sae = d_sae,
            .architecture = Architecture::gated,
            .apply_b_dec_to_input = true},
           {.sparsity = lambda}}};
}

/// Trains one on the rows of h of `learnt`, with directions 1 long.
inline hooked::SparseAutoencoder<float> train_post_hoc(const PostHoc& kind,
                                                       const PerTask<DecoderOutputs>& learnt,
                                                       hooked::Seed seed, int threads) {
  Tensor<float> rows({learnt.add.rows() + learnt.concatenate.rows(), learnt.add.h().size(1)});
  rows.matrix() << learnt.add.h().matrix(), learnt.concatenate.h().matrix();
  hooked::SparseAutoencoder<float> sae(kind.options, seed);
  hooked::train(sae, rows, kind.loss,
                {.optimizer = hooked::Adam{.lr = 1e-3},
                 .epochs = 5,
                 .batch_size = std::min<Index>(256, rows.size(0)),
                 .progress = false,
                 .seed = seed,
                 .threads = threads},
                hooked::UnitNormDecoder(sae));
  return sae;
}

}  // namespace add_concat
