// How sparse and how exact a sparse autoencoder is on a set of activations.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "hooked/core/cuts.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/interp/histogram.hpp"
#include "hooked/nn/sparse_autoencoder.hpp"

namespace hooked {

/// What feature_statistics finds.
struct FeatureStatistics {
  double l0 = 0.0;                  ///< features that are on in a row, the mean over rows
  double mse = 0.0;                 ///< mean over rows and columns of (x - x')^2
  double variance_explained = 0.0;  ///< 1 - sum |x - x'|^2 / sum |x - mean of x|^2
  Tensor<double> density;           ///< [d_sae] the share of rows in which a feature is on
  std::vector<Index> dead;          ///< features that are on in none, rising
};

/// Statistics of a sparse autoencoder over rows of activations [row, d_in], run in chunks. A
/// feature is on where f > 0. variance_explained is NaN where x does not vary (Gao et al., 2024,
/// section 4, with 1 - it as the normalised error). Throws what a run throws, ShapeError for no
/// rows.
template <Scalar T>
FeatureStatistics feature_statistics(const SparseAutoencoder<T>& sae,
                                     View<const std::type_identity_t<T>> rows) {
  const Index d_in = sae.options().d_in, d_sae = sae.options().d_sae;
  if (rows.rank() != 2 || rows.size(0) < 1 || rows.size(1) != d_in) {
    fail<ShapeError>("feature_statistics: the rows are ", rows.shape(), ", they must be [row, ",
                     d_in, "]");
  }
  const auto n = static_cast<double>(rows.size(0));
  const Eigen::ArrayXXd all = rows.array().template cast<double>();
  const double varied = (all.rowwise() - all.colwise().mean()).square().sum();
  FeatureStatistics found;
  found.density = Tensor<double>({d_sae});
  double missed = 0.0;
  const Cuts cuts = Cuts::of(rows.size(0), 4096);
  for (Index i = 0; i < cuts.parts(); ++i) {
    const View<const T> x = rows.slice(0, cuts.begin(i), cuts.end(i));
    const auto [recons, cache] = sae.run_with_cache(x, {.names = {"hook_sae_acts_post"}});
    missed += (recons.array() - x.array()).template cast<double>().square().sum();
    const auto acts = cache["hook_sae_acts_post"].array();
    for (Index j = 0; j < d_sae; ++j) {
      found.density(j) += static_cast<double>((acts.col(j) > T(0)).count());
    }
  }
  found.l0 = found.density.array().sum() / n;
  found.density.array() /= n;
  found.mse = missed / (n * static_cast<double>(d_in));
  found.variance_explained =
      varied > 0 ? 1.0 - missed / varied : std::numeric_limits<double>::quiet_NaN();
  for (Index j = 0; j < d_sae; ++j) {
    if (found.density(j) == 0.0) found.dead.push_back(j);
  }
  return found;
}

/// A histogram of log10 of the densities of features, as such are drawn (Bricken et al., 2023),
/// from `low` to 0; the dead have no logarithm and are not counted. Throws ShapeError as histogram.
inline Histogram density_histogram(const FeatureStatistics& statistics, Index bins = 50,
                                   double low = -6.0) {
  Tensor<double> logs(statistics.density.shape());
  for (Index j = 0; j < logs.numel(); ++j) logs(j) = std::log10(statistics.density(j));
  return histogram(logs, bins, low, 0.0);
}

}  // namespace hooked
