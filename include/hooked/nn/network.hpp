// Network: the modules of a transformer put together, from tokens to logits.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "hooked/nn/block.hpp"
#include "hooked/nn/embed.hpp"
#include "hooked/nn/padding.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/unembed.hpp"

namespace hooked {

/// Embedding, blocks, final norm and unembedding. It has no numbers: those are the pass's.
template <Scalar T>
class Network {
 public:
  /// `config` must be resolved. Lays out its parameters in `layout`.
  Network(const TransformerConfig& config, ParameterLayout& layout) : config_(config) {
    const Builder b{config_, layout, sites_};
    embed_.emplace(b);
    for (Index l = 0; l < config_.n_layers; ++l) blocks_.emplace_back(b.in(text("blocks.", l)), l);
    Normalization last = config_.normalization;
    if (config_.final_rms) {
      const bool weighted = last == Normalization::LN || last == Normalization::RMS;
      last = weighted ? Normalization::RMS : Normalization::RMSPre;
    }
    ln_final_.emplace(b.in("ln_final"), last, std::vector{Axis::batch, Axis::pos});
    unembed_.emplace(b.in("unembed"));
  }

  const TransformerConfig& config() const { return config_; }
  const SiteTable& sites() const { return sites_; }
  /// The sizes of each kind of axis in a run of [batch, pos] tokens.
  AxisSizes axis_sizes(Index batch, Index pos) const {
    return {batch,          pos,           config_.n_heads,     pos, pos, config_.d_model,
            config_.d_head, config_.d_mlp, config_.d_vocab_out, 1};
  }

  /// tokens [batch, pos] to logits [batch, pos, d_vocab_out] (at the pass's positions only, if it
  /// names any), or the stream [batch, pos, d_model] at stop_at_layer.
  Variable<T> forward(Pass<T>& pass, View<const Token> tokens, const RunOptions& options) const {
    check_tokens(tokens);
    const Padding padding(options.attention_mask, tokens.size(0), tokens.size(1));
    const auto resid = (*embed_)(pass, tokens, padding.positions());
    return forward_from(0, pass, resid, padding, options);
  }
  /// From the residual stream before block `start` [batch, pos, d_model].
  Variable<T> forward_from(Index start, Pass<T>& pass, Variable<T> resid, const Padding& padding,
                           const RunOptions& options) const {
    const Index stop = options.stop_at_layer ? layer_number(*options.stop_at_layer, "stop_at_layer")
                                             : config_.n_layers;
    const std::vector<Token>& positions = pass.positions();
    check_positions(positions, resid);
    const SiteId end = sites_.size() - 1;
    bool narrowed = positions.empty() || options.stop_at_layer;
    for (Index l = start; l < stop; ++l) {
      const auto& block = blocks_[static_cast<std::size_t>(l)];
      // Once nobody looks any more, the last block computes the wanted positions alone.
      const bool narrow_now =
          !narrowed && l + 1 == config_.n_layers && !pass.looks_at(block.first_site() + 1, end);
      resid = block(pass, resid, {.query_position = nullptr, .key_visible = padding.visible()},
                    narrow_now ? std::span<const Token>(positions) : std::span<const Token>());
      narrowed = narrowed || narrow_now;
    }
    if (options.stop_at_layer) {
      return dense(positions.empty() ? resid : at_positions(resid, positions));
    }
    const SiteId after_blocks = blocks_.empty() ? 0 : blocks_.back().last_site() + 1;
    if (!narrowed && !pass.looks_at(after_blocks, end)) {
      resid = at_positions(resid, positions);
      narrowed = true;
    }
    const auto logits = dense(this->logits(pass, resid));
    return narrowed ? logits : at_positions(logits, positions);
  }

  /// Final norm and unembedding of any rows.
  Variable<T> logits(Pass<T>& pass, Variable<T> resid) const {
    return (*unembed_)(pass, (*ln_final_)(pass, resid));
  }
  const TransformerBlock<T>& block(Index l) const { return blocks_[static_cast<std::size_t>(l)]; }

  /// A layer as Python counts: negative ones from the end. Throws ShapeError outside the model.
  Index layer_number(Index layer, const char* what) const {
    const Index n = config_.n_layers;
    if (layer < -n || layer > n) {
      fail<ShapeError>(what, " is ", layer, ", the model has ", n, " layers");
    }
    return layer < 0 ? layer + n : layer;
  }

  /// Throws ShapeError for tokens that are not [batch, pos], too long or outside the vocabulary.
  void check_tokens(View<const Token> tokens) const {
    if (tokens.rank() != 2 || tokens.numel() == 0) {
      fail<ShapeError>("tokens are ", tokens.shape(), ", they must be [batch, pos] and not empty");
    }
    if (tokens.size(1) > config_.n_ctx) {
      fail<ShapeError>("tokens are ", tokens.shape(), ": sequences of ", tokens.size(1),
                       " are longer than n_ctx ", config_.n_ctx);
    }
    for_each_element(tokens, [&](Index i, const Token& token) {
      if (token < 0 || token >= config_.d_vocab) {
        fail<ShapeError>("token ", token, " at [", i / tokens.size(1), ", ", i % tokens.size(1),
                         "] is outside the vocabulary 0..", config_.d_vocab - 1);
      }
    });
  }

  /// One past the last site that a run with these options passes.
  SiteId sites_end(const RunOptions& options) const {
    if (!options.stop_at_layer) return sites_.size();
    const Index stop = layer_number(*options.stop_at_layer, "stop_at_layer");
    if (stop < config_.n_layers) return block(stop).first_site();
    return blocks_.empty() ? sites_.size() : blocks_.back().last_site() + 1;
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
  static void check_positions(const std::vector<Token>& positions, Variable<T> resid) {
    const Index length = resid.rows() != nullptr ? resid.rows()->positions : resid.shape()[1];
    for (std::size_t i = 0; i < positions.size(); ++i) {
      if (positions[i] < 0 || positions[i] >= length ||
          (i > 0 && positions[i] <= positions[i - 1])) {
        fail<ShapeError>("positions must rise within 0..", length - 1, ", number ", i, " is ",
                         positions[i]);
      }
    }
  }

  TransformerConfig config_;
  SiteTable sites_;
  std::optional<Embed<T>> embed_;
  std::vector<TransformerBlock<T>> blocks_;
  std::optional<Norm<T>> ln_final_;
  std::optional<Unembed<T>> unembed_;
};

}  // namespace hooked
