// How fresh parameters are drawn (contract, 6).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "hooked/core/cuts.hpp"
#include "hooked/core/draws.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/thread_pool.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

/// fan_in and fan_out of a matrix [in, out] or of heads [head, in, out] (fan_out counts all heads).
struct Fans {
  double in, out;  ///< fan_in and fan_out
  explicit Fans(const Shape& shape)
      : in(static_cast<double>(shape[-2])),
        out(static_cast<double>(shape[-1] * (shape.rank() == 3 ? shape[0] : 1))) {}
};

/// How the parameters of a model are drawn. For networks of one's own the default is Xavier's.
struct Init {
  InitMode mode = InitMode::xavier_normal;  ///< the rule, see initialize()
  double range = 1.0;                       // gpt2: the standard deviation; else a gain
  bool draws = true;                        ///< false: matrices are left as they are
};

/// How one parameter is drawn: normal with this standard deviation, or uniform within +-size.
struct Spread {
  bool is_normal;  ///< else uniform
  double size;     ///< standard deviation, or bound
};
/// The spread of a drawn parameter [in, out] or [head, in, out], by its name and the rule.
inline Spread spread_of(std::string_view name, const Shape& shape, const Init& init) {
  const double r = init.range;
  const Fans fan(shape);
  switch (init.mode) {
    case InitMode::gpt2:
      return {true, r};
    case InitMode::xavier_uniform:
      return {false, r * std::sqrt(6.0 / (fan.in + fan.out))};
    case InitMode::xavier_normal:
      return {true, r * std::sqrt(2.0 / (fan.in + fan.out))};
    case InitMode::kaiming_uniform:
      return {false, r * std::sqrt(6.0 / fan.in)};
    case InitMode::kaiming_normal:
      return {true, r * std::sqrt(2.0 / fan.in)};
    case InitMode::muP:
      return {true, name.ends_with("embed.W_E") || name.ends_with("pos_embed.W_pos") ? 1.0
                    : name.ends_with("unembed.W_U")                                  ? 1.0 / fan.in
                                                    : 1.0 / std::sqrt(fan.in)};
  }
  fail<ConfigError>("there is no way of drawing number ", static_cast<int>(init.mode));
}

namespace detail {

/// Whether a parameter is drawn, or begins at a constant. Throws ConfigError for a name that leaves
/// it in doubt.
inline bool is_drawn(std::string_view name, const Shape& shape) {
  const bool drawn = name.find("W_") != std::string::npos;
  const bool is_bias = name.find("b_") != std::string::npos;
  if (drawn ? shape.rank() < 2 : shape.rank() >= 2 && !is_bias) {
    fail<ConfigError>("the parameter ", name, " is ", shape,
                      ": matrices have \"W_\" in their name, for they are drawn; what begins at 0 "
                      "(or, called \".w\", at 1) is a vector or has \"b_\" in its name");
  }
  return drawn;
}

/// Writes the numbers [first, last) of W, counted in the order of its shape, line by line.
template <Scalar T>
void put_in_order(Index first, Index last, const T* numbers, View<T> W) {
  const Index width = W.size(-1);
  for (Index n = first; n < last;) {
    const Index line = n / width, end = std::min(last, (line + 1) * width);
    T* to = W.data();
    Index rest = line;
    for (int axis = W.rank() - 2; axis >= 0; --axis) {
      to += rest % W.size(axis) * W.stride(axis);
      rest /= W.size(axis);
    }
    std::copy_n(numbers + (n - first), end - n, to + (n - line * width));
    n = end;
  }
}

}  // namespace detail

/// Norm weights become 1, biases 0, and every parameter whose name contains "W_" is drawn:
///   gpt2             normal, standard deviation r
///   xavier_uniform   uniform in +-r sqrt(6 / (fan_in + fan_out))
///   xavier_normal    normal, r sqrt(2 / (fan_in + fan_out))
///   kaiming_uniform  uniform in +-r sqrt(2) sqrt(3 / fan_in)
///   kaiming_normal   normal, r sqrt(2) sqrt(1 / fan_in)
///   muP              normal: 1 for embeddings, 1 / fan_in for the unembedding, else
///                    1 / sqrt(fan_in). (HookedTransformer gives W_U 1: "unembed" contains
///                    "embed".)
/// with r = init.range. Each parameter draws from the stream of its own name, number i of it for
/// element i of its own shape, on all processors where there are many. Throws ConfigError for a
/// matrix that would not be drawn, or a vector that cannot be.
template <Scalar T>
void initialize(Parameters<T>& parameters, const Init& init, Seed seed) {
  constexpr Index kBlock = 1 << 13;  // numbers of one parameter, in the order of its own shape
  struct Block {
    ParameterId id;
    Index first, last;
  };
  std::vector<Block> blocks;
  Index drawn = 0;
  for (std::size_t i = 0; i < parameters.layout().size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    const auto& entry = parameters.layout()[id];
    if (!detail::is_drawn(entry.name, entry.shape)) {
      const T value = entry.name.ends_with(".w") ? T(1) : T(0);
      for_each_element(parameters[id], [value](Index, T& number) { number = value; });
      continue;
    }
    if (!init.draws) continue;
    const Cuts cuts = Cuts::of(entry.shape.numel(), kBlock);
    for (Index c = 0; c < cuts.parts(); ++c) blocks.push_back({id, cuts.begin(c), cuts.end(c)});
    drawn += entry.shape.numel();
  }
  ThreadPool pool(drawn < (1 << 20) ? 1 : 0);
  pool.run(static_cast<Index>(blocks.size()), [&](Index i) {
    const auto& [id, first, last] = blocks[static_cast<std::size_t>(i)];
    const auto& entry = parameters.layout()[id];
    const Spread spread = spread_of(entry.name, entry.shape, init);
    const Draws draws(seed, entry.name);
    std::array<T, kBlock> numbers;
    if (spread.is_normal) {
      draws.normal(first, last - first, spread.size, numbers.data());
    } else {
      draws.uniform(first, last - first, spread.size, numbers.data());
    }
    detail::put_in_order(first, last, numbers.data(), parameters[id]);
  });
}

}  // namespace hooked
