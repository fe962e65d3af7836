// attention_mix: z[b, i, h] = sum_j pattern[b, h, i, j] v[b, j, h] (contract, 5.1); hook_z shows
// it. Backward: d pattern_ij = dz_i . v_j, dv_j = sum_i pattern_ij dz_i.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct AttentionMix {
  static constexpr std::string_view name = "attention_mix";
  static constexpr int inputs = 2;
  struct Args {};

  /// pattern [batch, head, query, key], v [batch, key, head, d_head] -> [batch, query, head,
  /// d_head]
  static Shape shape(const Args&, const Shape& pattern, const Shape& v) {
    if (pattern.rank() != 4 || v.rank() != 4 || pattern[0] != v[0] || pattern[1] != v[2] ||
        pattern[3] != v[1]) {
      fail<ShapeError>("attention_mix: pattern is ", pattern, ", v is ", v,
                       ": [batch, head, query, key] needs v [batch, key, head, d_head]");
    }
    return {pattern[0], pattern[2], pattern[1], v[3]};
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> pattern, View<const T> v, View<T> z) {
    for (Index b = 0; b < pattern.size(0); ++b) {
      for (Index h = 0; h < pattern.size(1); ++h) {
        const auto A = pattern.select(0, b).select(0, h).matrix();  // [query, key]
        z.select(0, b).select(1, h).matrix().noalias() = A * v.select(0, b).select(1, h).matrix();
      }
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> pattern, View<const T> v, View<const T>,
                       View<const T> dz, Acc<T> dpattern, Acc<T> dv) {
    for (Index b = 0; b < pattern.size(0); ++b) {
      for (Index h = 0; h < pattern.size(1); ++h) {
        const auto A = pattern.select(0, b).select(0, h).matrix();
        const auto V = v.select(0, b).select(1, h).matrix();
        const auto dZ = dz.select(0, b).select(1, h).matrix();
        dpattern.select(0, b).select(0, h).matrix() += dZ * V.transpose();
        dv.select(0, b).select(1, h).matrix() += A.transpose() * dZ;
      }
    }
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{2, 2, 3, 3}, {2, 3, 2, 4}}},
            {{}, {{1, 3, 1, 4}, {1, 4, 3, 2}}},
            {{}, {{2, 2, 32, 32}, {2, 32, 2, 16}}}};
  }
};

}  // namespace hooked
