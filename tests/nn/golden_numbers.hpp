// What the golden files of models hold: tables of numbers, and two numbers of every tensor.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "catch.hpp"
#include "hooked/core/tensor.hpp"
#include "hooked/core/walk.hpp"

namespace hooked::golden {

/// Nested lists of numbers as one, row-major.
template <class N>
std::vector<N> flat(const nlohmann::ordered_json& list) {
  if (list.is_number()) return {list.get<N>()};
  std::vector<N> all;
  for (const nlohmann::ordered_json& part : list) {
    const std::vector<N> inner = flat<N>(part);
    all.insert(all.end(), inner.begin(), inner.end());
  }
  return all;
}
/// A list of lists of the same length; of anything else: nothing.
template <class N>
Tensor<N> table(const nlohmann::ordered_json& rows) {
  if (!rows.is_array()) return {};
  return Tensor<N>({static_cast<Index>(rows.size()), static_cast<Index>(rows[0].size())},
                   flat<N>(rows));
}

/// The norm of a tensor and sum_i x_i / (i + 1) are those that a file keeps of it; -inf counts as
/// 0.
inline void check_summary(View<const double> x, const nlohmann::ordered_json& expected,
                          double relative) {
  double squares = 0.0, probe = 0.0;
  for_each_element(x, [&](Index i, const double& value) {
    if (std::isinf(value)) return;
    squares += value * value;
    probe += value / static_cast<double>(i + 1);
  });
  CHECK(std::sqrt(squares) == Approx(expected[0].get<double>()).epsilon(relative).margin(1e-12));
  CHECK(probe == Approx(expected[1].get<double>()).epsilon(relative).margin(1e-12));
}

}  // namespace hooked::golden
