// How fresh parameters are drawn (contract, 6).
#pragma once

#include <cmath>
#include <string>
#include <string_view>

#include "hooked/core/random.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

/// fan_in and fan_out of a matrix [in, out] or of heads [head, in, out] (fan_out counts all heads).
struct Fans {
  double in, out;
  explicit Fans(const Shape& shape)
      : in(static_cast<double>(shape[-2])),
        out(static_cast<double>(shape[-1] * (shape.rank() == 3 ? shape[0] : 1))) {}
};

/// How the parameters of a model are drawn. For networks of one's own the default is Xavier's.
struct Init {
  InitMode mode = InitMode::xavier_normal;
  double range = 1.0;  // gpt2: the standard deviation; else a gain
};

/// Norm weights become 1, biases 0, and every parameter whose name contains "W_" is drawn:
///   gpt2             normal, standard deviation r
///   xavier_uniform   uniform in +-r sqrt(6 / (fan_in + fan_out))
///   xavier_normal    normal, r sqrt(2 / (fan_in + fan_out))
///   kaiming_uniform  uniform in +-r sqrt(2) sqrt(3 / fan_in)
///   kaiming_normal   normal, r sqrt(2) sqrt(1 / fan_in)
///   muP              normal: 1 for embeddings, 1 / fan_in for the unembedding, else
///                    1 / sqrt(fan_in). (HookedTransformer gives W_U 1: "unembed" contains
///                    "embed".)
/// with r = init.range. Each parameter draws from the stream of its own name.
template <Scalar T>
void initialize(Parameters<T>& parameters, const Init& init, Seed seed) {
  const double r = init.range;
  for (const auto& entry : parameters.layout()) {
    const View<T> W = parameters[entry.name];
    const bool is_drawn = entry.name.find("W_") != std::string::npos;
    const bool is_bias = entry.name.find("b_") != std::string::npos;
    if (is_drawn ? entry.shape.rank() < 2 : entry.shape.rank() >= 2 && !is_bias) {
      fail<ConfigError>(
          "the parameter ", entry.name, " is ", entry.shape,
          ": matrices have \"W_\" in their name, for they are drawn; what begins at 0 "
          "(or, called \".w\", at 1) is a vector or has \"b_\" in its name");
    }
    if (!is_drawn) {
      const T value = entry.name.ends_with(".w") ? T(1) : T(0);
      for_each_element(W, [value](Index, T& number) { number = value; });
      continue;
    }
    const Fans fan(entry.shape);
    Random random(seed, entry.name);
    const auto normal = [&](double deviation) {
      for_each_element(
          W, [&](Index, T& number) { number = static_cast<T>(deviation * random.normal()); });
    };
    const auto uniform = [&](double bound) {
      for_each_element(W, [&](Index, T& number) {
        number = static_cast<T>(bound * std::fma(2.0, random.uniform(), -1.0));
      });
    };
    switch (init.mode) {
      case InitMode::gpt2:
        normal(r);
        break;
      case InitMode::xavier_uniform:
        uniform(r * std::sqrt(6.0 / (fan.in + fan.out)));
        break;
      case InitMode::xavier_normal:
        normal(r * std::sqrt(2.0 / (fan.in + fan.out)));
        break;
      case InitMode::kaiming_uniform:
        uniform(r * std::sqrt(6.0 / fan.in));
        break;
      case InitMode::kaiming_normal:
        normal(r * std::sqrt(2.0 / fan.in));
        break;
      case InitMode::muP:
        normal(entry.name == "embed.W_E" || entry.name == "pos_embed.W_pos" ? 1.0
               : entry.name == "unembed.W_U"                                ? 1.0 / fan.in
                                             : 1.0 / std::sqrt(fan.in));
        break;
    }
  }
}

}  // namespace hooked
