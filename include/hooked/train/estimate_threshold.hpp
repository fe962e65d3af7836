// The threshold that a batchtopk autoencoder works with once it is trained.
#pragma once

#include <limits>

#include "hooked/autograd/variable.hpp"
#include "hooked/core/cuts.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"

namespace hooked {

/// Sets and gives theta = the mean over batches of `batch_size` rows of the smallest feature above
/// 0 that batchtopk keeps (Bussmann et al., "BatchTopK Sparse Autoencoders", 2024, section 3), from
/// rows [row, d_in] as those that it learnt. Hooks that it has do not act. Throws ConfigError for
/// another architecture or a batch size below 1, ShapeError for rows that do not fit, NumericError
/// when nothing is above 0.
template <Scalar T>
double estimate_threshold(SparseAutoencoder<T>& sae, View<const T> rows, Index batch_size = 1024) {
  const auto& network = sae.network();
  const SparseAutoencoderOptions& options = network.options();
  if (options.architecture != SaeArchitecture::batchtopk) {
    fail<ConfigError>("estimate_threshold: only a batchtopk autoencoder has a threshold to find");
  }
  if (batch_size < 1) {
    fail<ConfigError>("estimate_threshold: batch_size is ", batch_size, ", it must be at least 1");
  }
  if (rows.rank() != 2 || rows.size(1) != options.d_in) {
    fail<ShapeError>("estimate_threshold: the rows are ", rows.shape(), ", they must be [row, ",
                     options.d_in, "]");
  }
  constexpr T kNone = std::numeric_limits<T>::infinity();
  double sum = 0.0, batches = 0.0;
  Pass<T> pass(sae);
  const Cuts cuts = Cuts::of(rows.size(0), batch_size);
  for (Index i = 0; i < cuts.parts(); ++i) {
    pass.begin({});
    const auto within = pass.within(sae.parameters());
    const Variable<T> x = pass.tape().constant(rows.slice(0, cuts.begin(i), cuts.end(i)));
    const auto kept = network.keep_of_batch(network.pre(pass, x)).value().array();
    const T least = (kept > T(0)).select(kept, kNone).minCoeff();
    if (!(least < kNone)) continue;
    sum += static_cast<double>(least);
    ++batches;
  }
  if (batches == 0) {
    fail<NumericError>("estimate_threshold: no feature is above 0 in any of ", rows.size(0),
                       " rows");
  }
  sae.parameters()[network.threshold].fill(static_cast<T>(sum / batches));
  return sum / batches;
}

}  // namespace hooked
