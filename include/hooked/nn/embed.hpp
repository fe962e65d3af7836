// Embedding: tokens and positions become the first residual stream (contract, 5.1).
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/padding.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/ops/add.hpp"
#include "hooked/ops/gather_rows.hpp"
#include "hooked/ops/where.hpp"

namespace hooked {

/// What an embedding is built from.
struct EmbedOptions {
  Index d_vocab = 0;
  Index d_model = 0;
  Index n_ctx = 0;                                                // the longest sequence
  PositionalEmbedding positions = PositionalEmbedding::standard;  ///< where tokens stand
  std::optional<ParameterId> shared = {};  ///< another embedding's W_E, in place of its own
};

/// resid[b, p] = W_E[token[b, p]] + W_pos[position[b, p]]. A position of Padding::kNone adds
/// nothing (contract, 5.1: hook_pos_embed is 0 at padded positions). Shortformer keeps W_pos'
/// rows beside the stream; sinusoidal ones are sin(p / 10000^(2 i / d_model)) at 2 i and the cosine
/// at 2 i + 1 (Vaswani et al., "Attention is all you need", 2017); the others are no business of
/// the embedding's. Parameters and hook points have the contract's names as seen from the network:
/// "embed.W_E", "hook_embed".
template <Scalar T>
class Embed {
 public:
  Embed(const Builder& b, const EmbedOptions& o)
      : n_ctx_(o.n_ctx), d_vocab_(o.d_vocab), kind_(o.positions) {
    detail::check_size(b, "d_vocab", o.d_vocab);
    detail::check_size(b, "d_model", o.d_model);
    detail::check_size(b, "n_ctx", o.n_ctx);
    const std::vector<SiteAxis> axes{Axis::batch, Axis::pos, {Axis::d_model, o.d_model}};
    W_E_ = o.shared ? *o.shared : b.in("embed").parameter("W_E", {d_vocab_, o.d_model});
    hook_tokens_ = b.optional_site("hook_tokens", {Axis::batch, Axis::pos});
    hook_embed_ = b.site("hook_embed", axes);
    switch (o.positions) {
      case PositionalEmbedding::standard:
      case PositionalEmbedding::shortformer:
        W_pos_ = b.in("pos_embed").parameter("W_pos", {n_ctx_, o.d_model});
        hook_pos_embed_ = b.site("hook_pos_embed", axes);
        return;
      case PositionalEmbedding::sinusoidal:
        waves_ = std::make_shared<const Tensor<T>>(sinusoids(n_ctx_, o.d_model));
        hook_pos_embed_ = b.site("hook_pos_embed", axes);
        return;
      case PositionalEmbedding::alibi:  // nothing reads it, but it is among the contract's names
        W_pos_ = b.in("pos_embed").parameter("W_pos", {n_ctx_, o.d_model});
        return;
      case PositionalEmbedding::rotary:
      case PositionalEmbedding::none:
        return;
    }
    fail<ConfigError>("there is no positional embedding number ", static_cast<int>(o.positions));
  }

  /// tokens [batch, pos] -> the stream [batch, pos, d_model]. `padding`, if given, must outlive it;
  /// otherwise token p of every sequence stands at position p. The rows are distinct
  /// (token, position) pairs, or tokens where positions are not embedded, unless somebody looks at
  /// the embeddings or too few repeat. Throws ShapeError for tokens that are not [batch, pos], too
  /// long or outside the vocabulary.
  Stream<T> operator()(Pass<T>& pass, View<const Token> tokens,
                       const Padding& padding = Padding()) const {
    return at(pass, tokens, padding.positions(), padding.visible());
  }
  /// The same of tokens that stand at `positions` [batch, pos] (null: token p at p), in a stream
  /// with these visible keys.
  Stream<T> at(Pass<T>& pass, View<const Token> tokens, const Token* positions,
               const std::uint8_t* visible) const {
    const Placed placed(pass.tape(), "embed");
    check_tokens(tokens);
    Tensor<Token> edited;
    if (pass.looks_at(hook_tokens_))
      tokens.rebind((edited = tokens_after_hooks(pass, tokens)).view());
    const bool looked_at =
        pass.looks_at(hook_embed_) || (embeds_positions() && pass.looks_at(*hook_pos_embed_));
    Rows rows = all_rows(pass, tokens, positions);
    const RowMap* map = looked_at || (embeds_positions() && positions != nullptr)
                            ? nullptr
                            : distinct_rows(pass, rows);

    Stream<T> stream(
        pass.at(hook_embed_, record<GatherRows>({rows.token, rows.leading}, pass[W_E_])), positions,
        visible);
    if (embeds_positions()) {
      stream.pos_embed = pass.at(*hook_pos_embed_, position_rows(pass, rows));
    }
    if (embeds_positions() && kind_ != PositionalEmbedding::shortformer) {
      stream.resid = record<Add>({}, stream.resid, stream.pos_embed);
      stream.pos_embed = {};
    }
    if (map != nullptr) {
      stream.resid.node().rows = map;
      if (stream.pos_embed) stream.pos_embed.node().rows = map;
    }
    return stream;
  }
  /// Shortformer: what blocks add to the inputs of queries and keys, [batch, pos, d_model], for
  /// tokens at `positions` [batch, pos] (null: token p at p); empty for all other kinds.
  Variable<T> pos_embed(Pass<T>& pass, Index batch, Index length, const Token* positions) const {
    if (kind_ != PositionalEmbedding::shortformer) return {};
    auto* const position =
        pass.tape().arena().template allocate<Token>(static_cast<std::size_t>(batch * length));
    for (Index i = 0; i < batch * length; ++i) {
      position[i] = positions != nullptr ? positions[i] : static_cast<Token>(i % length);
    }
    return position_rows(pass, {nullptr, position, {batch, length}});
  }
  /// The matrix W_E.
  ParameterId W_E() const { return W_E_; }

  /// Throws ShapeError for tokens that are not [batch, pos], too long or outside the vocabulary.
  void check_tokens(View<const Token> tokens) const {
    if (tokens.rank() != 2 || tokens.numel() == 0) {
      fail<ShapeError>("tokens are ", tokens.shape(), ", they must be [batch, pos] and not empty");
    }
    if (tokens.size(1) > n_ctx_) {
      fail<ShapeError>("tokens are ", tokens.shape(), ": sequences of ", tokens.size(1),
                       " are longer than n_ctx ", n_ctx_);
    }
    for_each_element(tokens, [&](Index i, const Token& token) {
      if (token < 0 || token >= d_vocab_) {
        fail<ShapeError>("token ", token, " at [", i / tokens.size(1), ", ", i % tokens.size(1),
                         "] is outside the vocabulary 0..", d_vocab_ - 1);
      }
    });
  }

 private:
  struct Rows {
    Token* token;
    Token* position;
    Shape leading;
  };

  // hook_tokens shows the tokens as numbers; what hooks leave there is read back.
  Tensor<Token> tokens_after_hooks(Pass<T>& pass, View<const Token> tokens) const {
    const auto shown = pass.at(hook_tokens_, pass.tape().constant_copy(cast<T>(tokens).view()));
    Tensor<Token> edited(tokens.shape());
    for_each_element(shown.value(), [&](Index i, const T& number) {
      if (number != std::trunc(number) || !(std::abs(number) < T(1 << 24))) {
        fail<ShapeError>("hook_tokens: a hook left ", number, ", which is no token");
      }
      edited.data()[i] = static_cast<Token>(number);
    });
    check_tokens(edited.view());
    return edited;
  }

  /// Whether there is something to add for each position.
  bool embeds_positions() const { return hook_pos_embed_.has_value(); }

  static Tensor<T> sinusoids(Index positions, Index width) {
    Tensor<T> waves({positions, width});
    for_each_element(waves.view(), [&](Index n, T& wave) {
      const Index position = n / width, i = n % width;
      const double frequency =
          std::pow(10000.0, -static_cast<double>(i / 2 * 2) / static_cast<double>(width));
      const double angle = static_cast<double>(position) * frequency;
      wave = static_cast<T>(i % 2 == 0 ? std::sin(angle) : std::cos(angle));
    });
    return waves;
  }

  static Rows all_rows(Pass<T>& pass, View<const Token> tokens, const Token* positions) {
    const auto count = static_cast<std::size_t>(tokens.numel());
    Arena& arena = pass.tape().arena();
    Rows rows{arena.allocate<Token>(count), arena.allocate<Token>(count), tokens.shape()};
    for_each_element(tokens, [&](Index i, const Token& token) {
      rows.token[i] = token;
      rows.position[i] =
          positions != nullptr ? positions[i] : static_cast<Token>(i % tokens.size(1));
    });
    return rows;
  }

  /// Keeps one row for each distinct (token, position), or token where positions are not embedded,
  /// and says which row stands where. Null, and nothing changed, when that saves less than a
  /// quarter of the rows.
  const RowMap* distinct_rows(Pass<T>& pass, Rows& rows) const {
    const auto count = static_cast<std::size_t>(rows.leading.numel());
    const auto pairs = static_cast<std::size_t>(d_vocab_ * (embeds_positions() ? n_ctx_ : 1));
    if (pairs > 4 * count) return nullptr;  // the table of pairs would cost more than it saves
    Arena& arena = pass.tape().arena();
    Token* number_of = arena.allocate<Token>(pairs);
    std::fill_n(number_of, pairs, Token{-1});
    Token* row = arena.allocate<Token>(count);
    Token distinct = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Token& number =
          number_of[(embeds_positions() ? rows.position[i] * d_vocab_ : 0) + rows.token[i]];
      if (number < 0) number = distinct++;
      row[i] = number;
    }
    if (4 * static_cast<std::size_t>(distinct) > 3 * count) return nullptr;
    Token next = 0;
    for (std::size_t i = 0; i < count; ++i) {  // row numbers rise where they first occur
      if (row[i] != next) continue;
      rows.token[next] = rows.token[i];
      rows.position[next++] = rows.position[i];
    }
    const RowMap map{rows.leading[0], rows.leading[1], row};
    rows.leading = {static_cast<Index>(distinct)};
    return arena.make<RowMap>(map);
  }

  Variable<T> position_rows(Pass<T>& pass, const Rows& rows) const {
    Tape<T>& tape = pass.tape();
    const auto count = static_cast<std::size_t>(rows.leading.numel());
    auto* padded = tape.arena().template allocate<std::uint8_t>(count);
    bool any = false;
    for (std::size_t i = 0; i < count; ++i) {
      padded[i] = rows.position[i] == Padding::kNone ? 1 : 0;
      any = any || padded[i] != 0;
      if (padded[i] != 0) rows.position[i] = 0;
    }
    auto embedded = record<GatherRows>({rows.position, rows.leading},
                                       W_pos_ ? pass[*W_pos_] : tape.constant(waves_->view()));
    if (!any) return embedded;
    const auto width = static_cast<std::size_t>(embedded.shape()[-1]);
    auto* mask = tape.arena().template allocate<std::uint8_t>(count * width);
    for (std::size_t i = 0; i < count * width; ++i) mask[i] = padded[i / width];
    return record<Where>({mask}, embedded, tape.zeros(embedded.shape()));
  }

  Index n_ctx_, d_vocab_;
  ParameterId W_E_{};
  PositionalEmbedding kind_;
  std::optional<ParameterId> W_pos_;
  std::shared_ptr<const Tensor<T>> waves_;  // sinusoidal: [n_ctx, d_model]
  SiteId hook_tokens_ = -1, hook_embed_ = -1;
  std::optional<SiteId> hook_pos_embed_;
};

}  // namespace hooked
