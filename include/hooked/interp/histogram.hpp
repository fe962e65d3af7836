// Histograms with bins of one width.
#pragma once

#include <algorithm>

#include "hooked/core/tensor.hpp"

namespace hooked {

/// Bins of one width, and how much fell into each.
struct Histogram {
  Tensor<double> edges;   ///< [bins + 1], rising
  Tensor<double> counts;  ///< [bins]
};

/// How many elements of x fall into each of `bins` bins between `low` and `high`. A bin takes its
/// lower edge, the last one also `high`; elements outside are not counted.
/// Throws ShapeError without bins or with low >= high.
template <TensorLike X>
Histogram histogram(const X& x, Index bins, double low, double high) {
  if (bins < 1 || !(low < high)) {
    fail<ShapeError>("histogram: ", bins, " bins between ", low, " and ", high);
  }
  Histogram h{Tensor<double>({bins + 1}), Tensor<double>({bins})};
  const double width = (high - low) / static_cast<double>(bins);
  for (Index i = 0; i <= bins; ++i) h.edges(i) = low + width * static_cast<double>(i);
  for_each_element(x.view(), [&](Index, const auto& element) {
    const auto v = static_cast<double>(element);
    if (!(v >= low && v <= high)) return;
    h.counts(std::min(static_cast<Index>((v - low) / width), bins - 1)) += 1.0;
  });
  return h;
}

}  // namespace hooked
