// The kinds of parts that a transformer is made of.
#pragma once

namespace hooked {

/// Activation functions of an MLP; ops/ has the formulas of those that act on every number alone.
/// solu: x softmax(x) over all neurons; solu_ln: then a norm of its own (`mlp.ln`).
enum class Activation { relu, gelu, gelu_new, gelu_fast, silu, solu, solu_ln };

/// LN: centre, divide by the root mean square, weight and bias. RMS: no centring, weight only.
/// The Pre forms have no parameters. `none`: no norm at all.
enum class Normalization { LN, LNPre, RMS, RMSPre, none };

/// How a model knows where a token stands (contract, 5.1 and 5.3).
enum class PositionalEmbedding {
  standard,     ///< learned, added to the stream
  shortformer,  ///< learned, added to what queries and keys are made of, and not to the stream
  rotary,       ///< queries and keys are rotated by angles that grow with the position
  alibi,        ///< scores fall with the distance of query and key
  sinusoidal,   ///< fixed waves, added to the stream
  none
};

/// Whether a block's queries see all keys before them, or those in a window.
enum class AttentionType { global, local };

/// How matrices are drawn; nn/init.hpp has the rules.
enum class InitMode { gpt2, xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal, muP };

}  // namespace hooked
