// The kinds of parts that a transformer is made of.
#pragma once

namespace hooked {

/// Activation functions of an MLP; ops/ has their formulas.
enum class Activation { relu, gelu, gelu_new, silu };

/// LN: centre, divide by the root mean square, weight and bias. RMS: no centring, weight only.
/// The Pre forms have no parameters. `none`: no norm at all.
enum class Normalization { LN, LNPre, RMS, RMSPre, none };

/// Learned absolute positions, or none.
enum class PositionalEmbedding { standard, none };

/// How matrices are drawn; nn/init.hpp has the rules.
enum class InitMode { gpt2, xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal, muP };

}  // namespace hooked
