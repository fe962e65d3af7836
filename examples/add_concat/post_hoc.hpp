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
inline PostHoc post_hoc_topk(const hooked::SparseAutoencoderOptions& joint, Index k) {
  return {"TopK",
          {.d_in = joint.d_in,
           .d_sae = joint.d_sae,
           .architecture = hooked::SaeArchitecture::topk,
           .k = std::min(k, joint.d_sae),
           .apply_b_dec_to_input = true},
          {.dead = 1.0 / 32}};
}
inline std::vector<PostHoc> post_hoc_kinds(const hooked::SparseAutoencoderOptions& joint,
                                           double lambda) {
  return {{"ReLU", {.d_in = joint.d_in, .d_sae = joint.d_sae}, {.sparsity = lambda}},
          post_hoc_topk(joint, 2),
          {"gated",
           {.d_in = joint.d_in,
            .d_sae = joint.d_sae,
            .architecture = hooked::SaeArchitecture::gated,
            .apply_b_dec_to_input = true},
           {.sparsity = lambda}}};
}

/// Rows of both tasks together, additions first.
inline Tensor<float> rows_of_both(View<const float> add, View<const float> concatenate) {
  Tensor<float> rows({add.size(0) + concatenate.size(0), add.size(1)});
  rows.matrix() << add.matrix(), concatenate.matrix();
  return rows;
}

/// Trains one on rows of activations, with directions 1 long.
inline hooked::SparseAutoencoder<float> train_post_hoc(const PostHoc& kind,
                                                       const Tensor<float>& rows, hooked::Seed seed,
                                                       int threads) {
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
