// What the tests of core/ share: random tensors, a comparison that says where, and error texts.
#pragma once

#include <cmath>
#include <string>

#include "catch.hpp"
#include "error_of.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/tensor.hpp"

/// Standard normal numbers; the same for the same seed.
template <class T>
hooked::Tensor<T> random_tensor(const hooked::Shape& shape, std::uint64_t seed) {
  hooked::Tensor<T> x(shape);
  hooked::Random random(hooked::Seed{seed});
  for (hooked::Index i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<T>(random.normal());
  return x;
}

/// "" when the shapes agree and every element to `tolerance` (equal infinities and NaN agree),
/// otherwise what differs. For `CHECK(difference(a, b) == "")`.
template <hooked::TensorLike A, hooked::TensorLike B>
std::string difference(const A& a, const B& b, double tolerance = 0.0) {
  if (a.shape() != b.shape()) return hooked::text("shapes ", a.shape(), " and ", b.shape());
  const hooked::Tensor<typename B::value_type> other(b.view());
  std::string found;
  hooked::for_each_element(a.view(), [&](hooked::Index i, const auto& value) {
    const auto x = static_cast<double>(value), y = static_cast<double>(other.data()[i]);
    const bool same = x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= tolerance;
    if (!same && found.empty()) found = hooked::text("element ", i, ": ", x, " and ", y);
  });
  return found;
}

/// As difference(), against numbers written out in row-major order.
template <hooked::TensorLike A>
std::string difference(const A& a, const hooked::Shape& shape, const std::vector<double>& numbers,
                       double tolerance = 0.0) {
  return difference(a, hooked::Tensor<double>(shape, numbers), tolerance);
}
