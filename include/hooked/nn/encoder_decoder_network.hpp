// EncoderDecoderNetwork: the modules of an encoder-decoder put together, from tokens to logits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "hooked/autograd/kept_rows.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/decoder_cache.hpp"
#include "hooked/nn/embed.hpp"
#include "hooked/nn/encoder_decoder_block.hpp"
#include "hooked/nn/encoder_decoder_config.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/norm.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/source_and_target.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/nn/unembed.hpp"
#include "hooked/ops/where.hpp"

namespace hooked {

/// An encoder makes a memory of the source, [batch, source pos, d_model]; a decoder reads the
/// target, attends to the memory and gives logits of what follows each target token. Token p of
/// either stands at position p, so padding belongs behind the tokens. It has no numbers: those are
/// the pass's.
template <Scalar T>
class EncoderDecoderNetwork {
 public:
  /// `config` must be resolved.
  EncoderDecoderNetwork(const Builder& b, const EncoderDecoderConfig& config)
      : config_(config),
        encoder_(b.in("encoder"), config, false, {}),
        hook_memory_(
            b.site("hook_memory", {Axis::batch, Axis::pos, {Axis::d_model, config.d_model}})),
        decoder_(b.in("decoder"), config, true,
                 config.shared_embeddings ? std::optional(encoder_.embed.W_E()) : std::nullopt),
        unembed_(
            b.in("unembed"),
            {.d_model = config.d_model,
             .d_vocab_out = config.d_vocab_target,
             .tied = config.tied_embeddings ? std::optional(decoder_.embed.W_E()) : std::nullopt}),
        last_site_(b.sites.size() - 1) {}

  /// With every derived value filled in.
  const EncoderDecoderConfig& config() const { return config_; }

  /// Logits [batch, target pos, d_vocab_target], at the pass's positions only, if it names any;
  /// they are 0 at padding, which nothing follows. Throws ShapeError for tokens and masks that do
  /// not fit each other or the model, and for a source or a target that is all padding.
  Variable<T> operator()(Pass<T>& pass, const SourceAndTarget& in) const {
    check_input(in);
    const Stream<T> memory = encode(pass, in.source, in.source_mask);
    const std::uint8_t* const visible = padding(pass, in.target_mask);
    return decode(pass, decoder_.embed.at(pass, in.target, nullptr, visible), memory);
  }
  /// The same of target tokens [batch, pos] that follow those in `past`, which is given their keys
  /// and values, and those of its source in the first run.
  Variable<T> after(DecoderCache<T>& past, Pass<T>& pass, View<const Token> tokens) const {
    check_tokens("target", decoder_.embed, tokens);
    past.begin_run(tokens.size(0), tokens.size(1));
    Stream<T> memory;
    if (past.knows_source()) {
      memory.visible = padding(pass, past.source_mask());
    } else {
      check_tokens("source", encoder_.embed, past.source());
      memory = encode(pass, past.source(), past.source_mask());
    }
    memory.past = &past.memory();
    auto* const position =
        pass.tape().arena().template allocate<Token>(static_cast<std::size_t>(tokens.numel()));
    for (Index i = 0; i < tokens.numel(); ++i) {
      position[i] = static_cast<Token>(past.target().length() + i % tokens.size(1));
    }
    Stream<T> stream = decoder_.embed.at(pass, tokens, position, nullptr);
    stream.past = &past.target();
    return decode(pass, stream, memory);
  }
  /// Throws ShapeError, which says where, for what the model cannot read.
  void check_input(const SourceAndTarget& in) const {
    in.check();
    check_tokens("source", encoder_.embed, in.source);
    check_tokens("target", decoder_.embed, in.target);
  }

 private:
  /// Embedding, blocks and, if wanted, a norm.
  struct Stack {
    Embed<T> embed;
    std::vector<EncoderDecoderBlock<T>> blocks = {};
    std::optional<Norm<T>> ln_final = {};

    Stack(const Builder& b, const EncoderDecoderConfig& c, bool decodes,
          std::optional<ParameterId> W_E)
        : embed(b, {.d_vocab = decodes ? c.d_vocab_target : c.d_vocab,
                    .d_model = c.d_model,
                    .n_ctx = decodes ? c.n_ctx_target : c.n_ctx,
                    .positions = c.positional_embedding,
                    .shared = W_E}) {
      const EncoderDecoderBlockOptions block{.d_model = c.d_model,
                                             .n_heads = c.n_heads,
                                             .d_head = c.d_head,
                                             .d_mlp = c.d_mlp,
                                             .act_fn = c.act_fn,
                                             .normalization = c.normalization,
                                             .eps = c.eps,
                                             .norm_first = c.norm_first,
                                             .decodes = decodes};
      const Index layers = decodes ? c.n_decoder_layers : c.n_encoder_layers;
      for (Index l = 0; l < layers; ++l) blocks.emplace_back(b.in(text(l)), block);
      if (c.final_norm) {
        ln_final.emplace(b.in("ln_final"), NormOptions{c.d_model, c.normalization, c.eps});
      }
    }
    Variable<T> end(Pass<T>& pass, Variable<T> x) const {
      return ln_final ? (*ln_final)(pass, x) : x;
    }
  };

  // [batch, source pos, d_model]; once nobody looks any more, without the rows of padding.
  Stream<T> encode(Pass<T>& pass, View<const Token> source, View<const std::uint8_t> mask) const {
    const std::uint8_t* const visible = padding(pass, mask);
    Stream<T> stream = encoder_.embed.at(pass, source, nullptr, visible);
    const bool is_shown = std::any_of(decoder_.blocks.begin(), decoder_.blocks.end(),
                                      [&](const auto& b) { return b.shows_memory(pass); });
    const std::optional<KeptRows> kept = is_shown ? std::nullopt : kept_rows(pass, stream);
    for (const auto& block : encoder_.blocks) {
      if (kept && !pass.looks_at(block.first_site() + 1, hook_memory_)) stream.kept = &*kept;
      stream = block(pass, stream);
    }
    return {pass.at(hook_memory_, encoder_.end(pass, stream.resid)), nullptr, visible};
  }

  // Logits at the wanted positions. Once nobody looks any more, padding is left out, and the last
  // block computes the wanted positions alone.
  Variable<T> decode(Pass<T>& pass, Stream<T> stream, const Stream<T>& memory) const {
    const std::vector<Token>& positions = pass.positions();
    const Index length = length_of(stream.resid);
    check_positions("positions", positions, length);
    const std::uint8_t* const visible = stream.visible;
    const std::optional<KeptRows> kept = kept_rows(pass, stream);
    bool narrowed = positions.empty();
    for (const auto& block : decoder_.blocks) {
      if (!pass.looks_at(block.first_site() + 1, last_site_)) {
        const bool narrows = !narrowed && &block == &decoder_.blocks.back();
        stream.kept = kept && !narrows ? &*kept : nullptr;
        if (narrows) stream.wanted = positions;
        narrowed = narrowed || narrows;
      }
      stream = block(pass, stream, memory);
    }
    Variable<T> x = stream.resid;
    if (!narrowed && !pass.looks_at(decoder_.blocks.back().last_site() + 1, last_site_)) {
      x = at_positions(x, positions);
      narrowed = true;
    }
    auto logits = dense(unembed_(pass, decoder_.end(pass, x)));
    if (!narrowed) logits = at_positions(logits, positions);
    return visible == nullptr ? logits : without_padding(pass, logits, visible, length);
  }

  // Logits with 0 at padding.
  static Variable<T> without_padding(Pass<T>& pass, Variable<T> logits, const std::uint8_t* visible,
                                     Index length) {
    const std::vector<Token>& positions = pass.positions();
    const Index wanted = logits.shape()[1], width = logits.shape()[2];
    auto* const hides = pass.tape().arena().template allocate<std::uint8_t>(
        static_cast<std::size_t>(logits.shape().numel()));
    for (Index r = 0; r < logits.shape()[0] * wanted; ++r) {
      const Index i = r % wanted;
      const Index p = positions.empty() ? i : Index{positions[static_cast<std::size_t>(i)]};
      const bool is_padding = visible[r / wanted * length + p] == 0;
      std::fill_n(hides + r * width, width, static_cast<std::uint8_t>(is_padding ? 1 : 0));
    }
    return record<Where>({hides}, logits, pass.tape().zeros(logits.shape()));
  }

  static std::optional<KeptRows> kept_rows(Pass<T>& pass, const Stream<T>& stream) {
    if (stream.visible == nullptr) return {};
    return KeptRows(pass.tape().arena(), batch_of(stream.resid), length_of(stream.resid),
                    stream.visible);
  }

  // The mask on the tape; null where nothing is hidden.
  static const std::uint8_t* padding(Pass<T>& pass, View<const std::uint8_t> mask) {
    if (mask.numel() == 0) return nullptr;
    auto* const visible =
        pass.tape().arena().template allocate<std::uint8_t>(static_cast<std::size_t>(mask.numel()));
    bool hides = false;
    for_each_element(mask, [&](Index i, const std::uint8_t& seen) {
      visible[i] = seen;
      hides = hides || seen == 0;
    });
    return hides ? visible : nullptr;
  }

  static void check_tokens(const char* what, const Embed<T>& embed, View<const Token> tokens) {
    try {
      embed.check_tokens(tokens);
    } catch (const ShapeError& error) {
      fail<ShapeError>("the ", what, ": ", error.what());
    }
  }

  EncoderDecoderConfig config_;
  Stack encoder_;
  SiteId hook_memory_;
  Stack decoder_;
  Unembed<T> unembed_;
  SiteId last_site_;
};

}  // namespace hooked
