// Bit comparison: the same seed must give the same bits, and a test of that must say where not.
#pragma once

#include <cstdint>
#include <iomanip>
#include <limits>
#include <sstream>
#include <string>

#include "hooked/core/tensor.hpp"

namespace hooked::testing {

/// The bits of a number, as an unsigned integer of its size.
inline std::uint32_t bits_of(float x) { return Eigen::numext::bit_cast<std::uint32_t>(x); }
inline std::uint64_t bits_of(double x) { return Eigen::numext::bit_cast<std::uint64_t>(x); }

/// Where element number `i` in row-major order stands, as "[1, 2]".
inline std::string position_text(Index i, const Shape& shape) {
  Shape position = shape;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    position[axis] = i % shape[axis];
    i /= shape[axis];
  }
  return text(position);
}

/// "" when both have the same shape and every element the same bits (so NaN equals the same NaN,
/// and 0 differs from -0). Otherwise says what differs first:
/// "at [0, 1]: 1 (0x3f800000) and 1.00000012 (0x3f800001); 3 of 12 elements differ".
/// For tests: `CHECK(bit_difference(a, b) == "")`.
template <TensorLike A, TensorLike B>
requires std::same_as<typename A::value_type, typename B::value_type> std::string bit_difference(
    const A& a, const B& b) {
  using T = typename A::value_type;
  const View<const T> x = a.view();
  if (x.shape() != b.view().shape()) {
    return text("the shapes are ", x.shape(), " and ", b.view().shape());
  }
  const Tensor<T> y(b.view());
  std::ostringstream out;
  Index differing = 0;
  const auto show = [&](T value) {
    out << std::setprecision(std::numeric_limits<T>::max_digits10) << value << " (0x" << std::hex
        << std::setfill('0') << std::setw(2 * sizeof(T)) << bits_of(value) << std::dec << ")";
  };
  for_each_element(x, [&](Index i, const T& value) {
    const T other = y.data()[i];
    if (bits_of(value) == bits_of(other) || differing++ > 0) return;
    out << "at " << position_text(i, x.shape()) << ": ";
    show(value);
    out << " and ";
    show(other);
  });
  if (differing > 0) out << "; " << differing << " of " << x.numel() << " elements differ";
  return std::move(out).str();
}

}  // namespace hooked::testing
