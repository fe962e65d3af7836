// Unit-norm decoders: without them an autoencoder makes its L1 penalty small by small features and
// long directions.
#pragma once

#include "hooked/nn/model.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"
#include "hooked/train/options.hpp"

namespace hooked {

/// A listener of train() that makes every row of W_dec 1 long after each step (Bricken et al.,
/// 2023; Gao et al., 2024, who take the part along the row off the gradient beforehand, too):
/// `train(sae, rows, loss, options, UnitNormDecoder(sae))`. The autoencoder must outlive it.
template <Scalar T>
class UnitNormDecoder {
 public:
  explicit UnitNormDecoder(Model<SparseAutoencoderNetwork<T>>& sae) : sae_(&sae) {}
  /// After a step of training.
  void on_step(const StepInfo&) const { normalize_decoder(*sae_); }

 private:
  Model<SparseAutoencoderNetwork<T>>* sae_;
};
template <Scalar T>
UnitNormDecoder(SparseAutoencoder<T>&) -> UnitNormDecoder<T>;

}  // namespace hooked
