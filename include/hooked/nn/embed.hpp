// Embedding: tokens and positions become the first residual stream (contract, 5.1).
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/arena.hpp"
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
  PositionalEmbedding positions = PositionalEmbedding::standard;  ///< learned, or none
};

/// resid[b, p] = W_E[token[b, p]] + W_pos[position[b, p]]. A position of Padding::kNone adds
/// nothing (contract, 5.1: hook_pos_embed is 0 at padded positions). Parameters and hook points
/// have the contract's names as seen from the network: "embed.W_E", "hook_embed".
template <Scalar T>
class Embed {
 public:
  Embed(const Builder& b, const EmbedOptions& o) : n_ctx_(o.n_ctx), d_vocab_(o.d_vocab) {
    detail::check_size(b, "d_vocab", o.d_vocab);
    detail::check_size(b, "d_model", o.d_model);
    detail::check_size(b, "n_ctx", o.n_ctx);
    const std::vector<SiteAxis> axes{Axis::batch, Axis::pos, {Axis::d_model, o.d_model}};
    W_E_ = b.in("embed").parameter("W_E", {d_vocab_, o.d_model});
    hook_embed_ = b.site("hook_embed", axes);
    switch (o.positions) {
      case PositionalEmbedding::standard:
        W_pos_ = b.in("pos_embed").parameter("W_pos", {n_ctx_, o.d_model});
        hook_pos_embed_ = b.site("hook_pos_embed", axes);
        return;
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
    const Placed placed(pass.tape(), "embed");
    check_tokens(tokens);
    const bool looked_at =
        pass.looks_at(hook_embed_) || (W_pos_ && pass.looks_at(*hook_pos_embed_));
    const Token* const positions = padding.positions();
    Rows rows = all_rows(pass, tokens, positions);
    const RowMap* map =
        looked_at || (W_pos_ && positions != nullptr) ? nullptr : distinct_rows(pass, rows);

    auto resid = pass.at(hook_embed_, record<GatherRows>({rows.token, rows.leading}, pass[W_E_]));
    if (W_pos_) {
      const auto embedded = pass.at(*hook_pos_embed_, position_rows(pass, rows));
      resid = record<Add>({}, resid, embedded);
    }
    if (map != nullptr) resid.node().rows = map;
    return {resid, positions, padding.visible()};
  }

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
    const auto pairs = static_cast<std::size_t>(d_vocab_ * (W_pos_ ? n_ctx_ : 1));
    if (pairs > 4 * count) return nullptr;  // the table of pairs would cost more than it saves
    Arena& arena = pass.tape().arena();
    Token* number_of = arena.allocate<Token>(pairs);
    std::fill_n(number_of, pairs, Token{-1});
    Token* row = arena.allocate<Token>(count);
    Token distinct = 0;
    for (std::size_t i = 0; i < count; ++i) {
      Token& number = number_of[(W_pos_ ? rows.position[i] * d_vocab_ : 0) + rows.token[i]];
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
    auto embedded = record<GatherRows>({rows.position, rows.leading}, pass[*W_pos_]);
    if (!any) return embedded;
    const auto width = static_cast<std::size_t>(embedded.shape()[-1]);
    auto* mask = tape.arena().template allocate<std::uint8_t>(count * width);
    for (std::size_t i = 0; i < count * width; ++i) mask[i] = padded[i / width];
    const auto nothing = tape.constant_copy(Tensor<T>(embedded.shape()).view());
    return record<Where>({mask}, embedded, nothing);
  }

  Index n_ctx_, d_vocab_;
  ParameterId W_E_{};
  std::optional<ParameterId> W_pos_;
  SiteId hook_embed_ = -1;
  std::optional<SiteId> hook_pos_embed_;
};

}  // namespace hooked
