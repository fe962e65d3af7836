// Statistics of a handful of numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace hooked {

/// The middle number, or the mean of the two in the middle, as numpy's; NaN of none, or if one is
/// NaN.
inline double median(std::vector<double> values) {
  const bool has_nan =
      std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
  if (values.empty() || has_nan) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

/// Gini's coefficient of numbers that are not negative, sum_ij |x_i - x_j| / (2 n^2 mean): 0 where
/// all are alike, 1 - 1 / n where one has everything. NaN of none, of zeros alone, or where one is
/// negative or NaN.
inline double gini(std::vector<double> values) {
  const bool is_amount = std::all_of(values.begin(), values.end(), [](double v) { return v >= 0; });
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double total = 0.0, weighted = 0.0;  // with x_1 <= x_2 <= ...: sum x_i and sum i x_i
  for (std::size_t i = 0; i < values.size(); ++i) {
    total += values[i], weighted += static_cast<double>(i + 1) * values[i];
  }
  if (!is_amount || !(total > 0)) return std::numeric_limits<double>::quiet_NaN();
  return 2.0 * weighted / (n * total) - (n + 1.0) / n;
}

}  // namespace hooked
