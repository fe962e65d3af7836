// TransformerNetwork: the modules of a transformer put together, from tokens to logits.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/block.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/embed.hpp"
#include "hooked/nn/key_value_cache.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/norm.hpp"
#include "hooked/nn/padding.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/rotation.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/nn/unembed.hpp"

namespace hooked {

/// What block `layer` of a resolved config is made of.
inline BlockOptions block_options(const TransformerConfig& c, Index layer) {
  const bool rotates = c.positional_embedding == PositionalEmbedding::rotary;
  return {.d_model = c.d_model,
          .n_heads = c.n_heads,
          .d_head = c.d_head,
          .d_mlp = c.has_mlp() ? c.d_mlp : 0,
          .act_fn = c.act_fn,
          .gated_mlp = c.gated_mlp,
          .normalization = c.normalization,
          .eps = c.eps,
          .causal = c.attention_dir == AttentionDirection::causal,
          .attention_divisor = c.attention_divisor(layer),
          .parallel = c.parallel_attn_mlp,
          .n_key_value_heads = c.n_key_value_heads,
          .ungroup_grouped_query_attention = c.ungroup_grouped_query_attention,
          .window = c.is_local(layer) ? c.window_size : 0,
          .attention_soft_cap = std::max(0.0, c.attn_scores_soft_cap),
          .alibi = c.positional_embedding == PositionalEmbedding::alibi,
          .rotary =
              rotates ? RotaryOptions{c.rotary_dim, c.rotary_base, c.rotary_adjacent_pairs, c.n_ctx}
                      : RotaryOptions{}};
}

/// Embedding, blocks, final norm and unembedding. It has no numbers: those are the pass's.
template <Scalar T>
class TransformerNetwork {
 public:
  /// `config` must be resolved.
  TransformerNetwork(const Builder& b, const TransformerConfig& config)
      : config_(config),
        embed_(b, {config.d_vocab, config.d_model, config.n_ctx, config.positional_embedding}),
        blocks_(blocks_of(b, config)),
        ln_final_(b.in("ln_final"), {config.d_model, last_norm(config), config.eps}),
        unembed_(b.in("unembed"),
                 {config.d_model, config.d_vocab_out,
                  config.tied_embeddings ? std::optional(embed_.W_E()) : std::nullopt,
                  std::max(0.0, config.output_logits_soft_cap)}),
        end_(b.sites.size()) {}

  /// Nobody looks back at a block that is done, unless hooks do.
  static constexpr bool drops_blocks = true;

  /// With every derived value filled in.
  const TransformerConfig& config() const { return config_; }

  /// tokens [batch, pos] to logits [batch, pos, d_vocab_out] (at the pass's positions only, if it
  /// names any), or the stream [batch, pos, d_model] at stop_at_layer.
  Variable<T> operator()(Pass<T>& pass, View<const Token> tokens, const RunOptions& options) const {
    if (tokens.rank() != 2) return embed_(pass, tokens).resid;  // which says what is wrong
    const Padding padding(options.attention_mask, tokens.size(0), tokens.size(1));
    return from_layer(0, pass, embed_(pass, tokens, padding), options);
  }
  /// The same of tokens [batch, pos] that follow those in `past`, which is given their keys and
  /// values. `padding` is about all of them, those in `past` included.
  Variable<T> after(KeyValueCache<T>& past, Pass<T>& pass, View<const Token> tokens,
                    const Padding& padding, const RunOptions& options) const {
    past.begin_run(tokens.size(0), tokens.size(1));
    auto* const position =
        pass.tape().arena().template allocate<Token>(static_cast<std::size_t>(tokens.numel()));
    const Index here = tokens.size(1), first = past.length(), all = first + here;
    for (Index i = 0; i < tokens.numel(); ++i) {
      const Index p = first + i % here;
      position[i] = padding.positions() == nullptr ? static_cast<Token>(p)
                                                   : padding.positions()[i / here * all + p];
    }
    Stream<T> stream = embed_.at(pass, tokens, position, padding.visible());
    stream.past = &past;
    return from_layer(0, pass, stream, options);
  }
  /// Throws ShapeError for tokens that are not [batch, pos], too long or outside the vocabulary.
  void check(View<const Token> tokens) const { embed_.check_tokens(tokens); }
  /// From the stream before block `start` on.
  Variable<T> from_layer(Index start, Pass<T>& pass, Stream<T> stream,
                         const RunOptions& options) const {
    const Index stop = options.stop_at_layer ? layer_number(*options.stop_at_layer, "stop_at_layer")
                                             : config_.n_layers;
    const std::vector<Token>& positions = pass.positions();
    check_positions("positions", positions, length_of(stream.resid));
    stream = with_positions(pass, stream);
    bool narrowed = positions.empty() || options.stop_at_layer;
    const Dropped dropped(pass, stream.resid, stop - start);
    for (Index l = start; l < stop; ++l) {
      // Once nobody looks any more, the last block computes the wanted positions alone.
      if (!narrowed && l + 1 == config_.n_layers &&
          !pass.looks_at(block(l).first_site() + 1, end_ - 1)) {
        stream.wanted = positions;
        narrowed = true;
      }
      stream = block(l)(pass, stream);
      stream.resid = dropped.all_but(stream.resid);
    }
    Variable<T> resid = stream.resid;
    if (options.stop_at_layer) {
      return dense(positions.empty() ? resid : at_positions(resid, positions));
    }
    const SiteId after_blocks = blocks_.empty() ? 0 : blocks_.back().last_site() + 1;
    if (!narrowed && !pass.looks_at(after_blocks, end_ - 1)) {
      resid = at_positions(resid, positions);
      narrowed = true;
    }
    if (narrowed && hands_over(pass, resid, after_blocks)) return hand_over(pass, resid);
    const auto logits = dense(this->logits(pass, resid));
    return narrowed ? logits : at_positions(logits, positions);
  }

  /// A stream before some block, with what blocks add to it for the positions of its tokens.
  Stream<T> with_positions(Pass<T>& pass, Stream<T> stream) const {
    if (!stream.pos_embed) {
      stream.pos_embed =
          embed_.pos_embed(pass, batch_of(stream.resid), length_of(stream.resid), stream.position);
    }
    return stream;
  }

  /// Final norm and unembedding of any rows.
  Variable<T> logits(Pass<T>& pass, Variable<T> resid) const {
    return unembed_(pass, ln_final_(pass, resid));
  }
  /// Block l, from 0.
  const TransformerBlock<T>& block(Index l) const { return blocks_[static_cast<std::size_t>(l)]; }

  /// A layer as Python counts: negative ones from the end. Throws ShapeError outside the model.
  Index layer_number(Index layer, const char* what) const {
    const Index n = config_.n_layers;
    if (layer < -n || layer > n) {
      fail<ShapeError>(what, " is ", layer, ", the model has ", n, " layers");
    }
    return layer < 0 ? layer + n : layer;
  }

  /// About as many numbers as a forward run keeps for backward, of one example with this many
  /// positions and logits wanted at so many.
  Index numbers_per_example(Index length, Index wanted) const {
    const TransformerConfig& c = config_;
    const Index block = 8 * c.d_model + 4 * c.n_heads * c.d_head + c.n_heads * length +
                        (c.has_mlp() ? (c.gated_mlp ? 4 : 2) * c.d_mlp : 0);
    return block * (length * (c.n_layers - 1) + wanted) + 2 * c.d_vocab_out * wanted;
  }

  /// One past the last site that a run with these options passes.
  SiteId sites_end(const RunOptions& options) const {
    if (!options.stop_at_layer) return end_;
    const Index stop = layer_number(*options.stop_at_layer, "stop_at_layer");
    if (stop < config_.n_layers) return block(stop).first_site();
    return blocks_.empty() ? end_ : blocks_.back().last_site() + 1;
  }
  /// The first block from which on nothing up to `last` stands: where a run may stop that needs no
  /// more; n_layers: after the blocks; none: it needs what comes after them.
  std::optional<Index> first_block_after(SiteId last) const {
    for (Index l = 0; l < config_.n_layers; ++l) {
      if (block(l).first_site() > last) return l;
    }
    if (!blocks_.empty() && blocks_.back().last_site() >= last) return config_.n_layers;
    return {};
  }

 private:
  /// What blocks computed, in a run whose pass says that it may be dropped: a long sequence then
  /// takes the memory of one block, not of all.
  class Dropped {
   public:
    Dropped(Pass<T>& pass, Variable<T> resid, Index blocks) : pass_(&pass), rows_(resid.rows()) {
      // Of a short run all fits the caches, and memory that is given back must be taken again.
      constexpr Index kWorthwhile = Index{1} << 20;
      const Index numbers = batch_of(resid) * length_of(resid) * resid.shape()[-1];
      if (!pass.drops_blocks() || numbers * blocks < kWorthwhile) return;
      Arena& arena = pass.tape().arena();
      room_ = arena.template allocate<T>(static_cast<std::size_t>(numbers));
      mark_ = arena.mark();
    }
    /// The same stream, for which alone there is room; whose rows a block has chosen, stays.
    Variable<T> all_but(Variable<T> resid) const {
      const RowMap* const rows = resid.rows();
      if (room_ == nullptr || (rows != nullptr && rows != rows_)) return resid;
      const View<T> own(room_, resid.shape());
      copy(resid.value(), own);
      pass_->tape().arena().rewind(mark_);
      return pass_->tape().make(own, rows);
    }

   private:
    Pass<T>* pass_;
    const RowMap* rows_;  // of the stream before the blocks
    T* room_ = nullptr;
    Arena::Mark mark_{};
  };

  static constexpr Index kPiece = Index{1} << 23;  // logits that are on the tape at a time

  /// Whether logits of this stream are more than a piece, and somebody reads them in pieces.
  bool hands_over(const Pass<T>& pass, Variable<T> resid, SiteId after_blocks) const {
    return pass.drops_blocks() && pass.output_reader() && resid.rows() == nullptr &&
           resid.value().numel() / config_.d_model > kPiece / config_.d_vocab_out &&
           !pass.looks_at(after_blocks, end_ - 1);
  }
  /// Logits of resid [batch, pos, d_model] to the pass's reader, and none for the caller.
  Variable<T> hand_over(Pass<T>& pass, Variable<T> resid) const {
    Tape<T>& tape = pass.tape();
    Shape shape = resid.shape();
    shape[-1] = config_.d_vocab_out;
    const Index rows = resid.value().numel() / config_.d_model;
    const Index most = std::max<Index>(1, kPiece / config_.d_vocab_out);
    const View<const T> all = resid.value().view_as({1, rows, config_.d_model});
    const Arena::Mark mark = tape.arena().mark();
    for (Index first = 0; first < rows; first += most) {
      const Index last = std::min(rows, first + most);
      const Variable<T> piece = logits(pass, tape.constant(all.slice(1, first, last)));
      pass.output_reader()(
          {shape, first, tape.reshape(piece, {last - first, config_.d_vocab_out})});
      tape.arena().rewind(mark);
    }
    return {};
  }

  static std::vector<TransformerBlock<T>> blocks_of(const Builder& b, const TransformerConfig& c) {
    std::vector<TransformerBlock<T>> blocks;
    for (Index l = 0; l < c.n_layers; ++l) {
      blocks.emplace_back(b.in(text("blocks.", l)), block_options(c, l));
    }
    return blocks;
  }
  static Normalization last_norm(const TransformerConfig& c) {
    if (!c.final_rms) return c.normalization;
    const bool weighted =
        c.normalization == Normalization::LN || c.normalization == Normalization::RMS;
    return weighted ? Normalization::RMS : Normalization::RMSPre;
  }

  TransformerConfig config_;
  Embed<T> embed_;
  std::vector<TransformerBlock<T>> blocks_;
  Norm<T> ln_final_;
  Unembed<T> unembed_;
  SiteId end_;  // one past the last site
};

}  // namespace hooked
