// EncoderDecoderConfig: every choice about an encoder-decoder, validated whole.
#pragma once

#include <limits>

#include "hooked/core/shape.hpp"
#include "hooked/nn/init.hpp"
#include "hooked/nn/kinds.hpp"

namespace hooked {

/// An encoder reads a source, a decoder says a target (Vaswani et al., "Attention is all you need",
/// 2017). -1 means "derive it"; defaults are those of torch.nn.TransformerEncoder and
/// TransformerDecoder.
struct EncoderDecoderConfig {
  Index n_encoder_layers = 1;  ///< 0: the decoder reads the embedded source
  Index n_decoder_layers = 1;  ///< at least 1
  Index d_model = 0;
  Index n_heads = 1;
  Index d_head = -1;          // -1: d_model / n_heads
  Index d_mlp = -1;           // -1: 4 d_model
  Index d_vocab = 0;          ///< of the source
  Index d_vocab_target = -1;  // -1: d_vocab
  Index n_ctx = 0;            // the longest source
  Index n_ctx_target = -1;    // the longest target; -1: n_ctx
  Activation act_fn = Activation::relu;
  Normalization normalization = Normalization::LN;
  double eps = 1e-5;        // inside the root of a norm
  bool norm_first = false;  ///< x + f(norm(x)), else norm(x + f(x))
  bool final_norm = false;  ///< a norm after each stack, as torch.nn.Transformer has
  PositionalEmbedding positional_embedding =
      PositionalEmbedding::standard;       ///< standard, sinusoidal or none
  bool shared_embeddings = false;          ///< source and target have one W_E
  bool tied_embeddings = false;            ///< W_U is the target's W_E^T
  Init init = {InitMode::xavier_uniform};  ///< how matrices are drawn, as torch.nn.Transformer's

  /// The same config with every -1 filled in. Throws ConfigError that names field, value and rule.
  EncoderDecoderConfig resolved() const {
    EncoderDecoderConfig c = *this;
    const auto in_range = [](const char* field, Index value, Index least, Index most) {
      if (value < least) fail<ConfigError>(field, " is ", value, ": it must be at least ", least);
      if (value > most) fail<ConfigError>(field, " is ", value, ": the most is ", most);
    };
    constexpr Index kMost = std::numeric_limits<Token>::max(), kMostLayers = 65536;
    in_range("n_encoder_layers", n_encoder_layers, 0, kMostLayers);
    in_range("n_decoder_layers", n_decoder_layers, 1, kMostLayers);
    in_range("d_model", d_model, 1, kMost);
    in_range("n_heads", n_heads, 1, kMost);
    in_range("d_vocab", d_vocab, 1, kMost);
    in_range("n_ctx", n_ctx, 1, kMost);
    if (c.d_head == -1) {
      if (d_model % n_heads != 0) {
        fail<ConfigError>("d_head is -1 (d_model / n_heads), but d_model ", d_model,
                          " is not a multiple of n_heads ", n_heads, ": set d_head");
      }
      c.d_head = d_model / n_heads;
    }
    if (c.d_mlp == -1) c.d_mlp = 4 * d_model;
    if (c.d_vocab_target == -1) c.d_vocab_target = d_vocab;
    if (c.n_ctx_target == -1) c.n_ctx_target = n_ctx;
    in_range("d_head", c.d_head, 1, kMost);
    in_range("d_mlp", c.d_mlp, 1, kMost);
    in_range("d_vocab_target", c.d_vocab_target, 1, kMost);
    in_range("n_ctx_target", c.n_ctx_target, 1, kMost);
    if (!(eps >= 0)) fail<ConfigError>("eps is ", eps, ": it cannot be negative");
    if (!(init.range >= 0)) {
      fail<ConfigError>("init has range ", init.range, ": it cannot be negative");
    }
    const bool has_norm = normalization != Normalization::none;
    if (!has_norm && (norm_first || final_norm)) {
      fail<ConfigError>(norm_first ? "norm_first" : "final_norm",
                        " is set but normalization is none: it would change nothing");
    }
    if (positional_embedding != PositionalEmbedding::standard &&
        positional_embedding != PositionalEmbedding::sinusoidal &&
        positional_embedding != PositionalEmbedding::none) {
      fail<ConfigError>("positional_embedding is number ", static_cast<int>(positional_embedding),
                        ": an encoder-decoder has standard, sinusoidal or none");
    }
    if (shared_embeddings && c.d_vocab_target != d_vocab) {
      fail<ConfigError>("shared_embeddings: source and target have one W_E, so d_vocab_target ",
                        c.d_vocab_target, " must be d_vocab ", d_vocab);
    }
    const auto real = [](Index size) { return static_cast<double>(size); };
    const double attention = 4 * real(n_heads) * real(c.d_head), mlp = 2 * real(c.d_mlp);
    const double numbers =
        real(d_model) * (real(d_vocab) + 2 * real(c.d_vocab_target) + real(n_ctx) +
                         real(c.n_ctx_target) + real(n_encoder_layers) * (attention + mlp) +
                         real(n_decoder_layers) * (2 * attention + mlp));
    if (numbers > 0x1p40) {
      fail<ConfigError>("the parameters would be ", numbers, " numbers: the most is 2^40");
    }
    return c;
  }
};

}  // namespace hooked
