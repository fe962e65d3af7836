// TransformerBlock: attention and MLP around the residual stream (contract, sections 3 and 5).
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>

#include "hooked/nn/attention.hpp"
#include "hooked/nn/mlp.hpp"
#include "hooked/nn/norm.hpp"

namespace hooked {

/// x at `positions` alone: [batch, positions, ...]. Distinct rows stay distinct.
template <Scalar T>
Variable<T> at_positions(Variable<T> x, std::span<const Token> positions) {
  Arena& arena = x.tape().arena();
  const RowMap* rows = x.rows();
  const Index batch = rows != nullptr ? rows->batch : x.shape()[0];
  const Index length = rows != nullptr ? rows->positions : x.shape()[1];
  const auto wanted = static_cast<Index>(positions.size());
  const auto table = table_of(x);
  Token* index = arena.allocate<Token>(static_cast<std::size_t>(batch * wanted));
  for (Index i = 0; i < batch * wanted; ++i) {
    const Index row = i / wanted * length + positions[static_cast<std::size_t>(i % wanted)];
    index[i] = rows != nullptr ? rows->row[row] : static_cast<Token>(row);
  }
  if (rows == nullptr) return record<GatherRows>({index, {batch, wanted}}, table);

  // The rows that occur there, numbered as they first occur.
  const auto count = static_cast<std::size_t>(table.shape()[0]);
  Token* number_of = arena.allocate<Token>(count);
  Token* kept = arena.allocate<Token>(count);
  std::fill_n(number_of, count, Token{-1});
  Index distinct = 0;
  for (Index i = 0; i < batch * wanted; ++i) {
    Token& number = number_of[index[i]];
    if (number < 0) {
      number = static_cast<Token>(distinct);
      kept[distinct++] = index[i];
    }
    index[i] = number;
  }
  const auto y = record<GatherRows>({kept, {distinct}}, table);
  y.node().rows = arena.make<RowMap>(RowMap{batch, wanted, index});
  return y;
}

/// resid_mid = resid_pre + attn(ln1(resid_pre)); resid_post = resid_mid + mlp(ln2(resid_mid)).
/// Attention-only blocks have no second half; with parallel_attn_mlp both halves read resid_pre.
template <Scalar T>
class TransformerBlock {
 public:
  TransformerBlock(const Builder& b, Index layer)
      : hook_resid_pre_(b.site("hook_resid_pre", kStream)),
        split_(b.config.use_split_qkv_input),
        per_head_(b.config.use_split_qkv_input || b.config.use_attn_in),
        n_heads_(b.config.n_heads),
        parallel_(b.config.parallel_attn_mlp),
        copy_mlp_in_(b.config.use_hook_mlp_in) {
    const auto& c = b.config;
    const auto head_input = [&](const std::string& name, bool on, const std::string& option) {
      return b.optional_site(name, {Axis::batch, Axis::pos, Axis::head, Axis::d_model}, on, option);
    };
    hook_attn_in_ = head_input("hook_attn_in", c.use_attn_in, "use_attn_in");
    hook_q_input_ = head_input("hook_q_input", split_, "use_split_qkv_input");
    hook_k_input_ = head_input("hook_k_input", split_, "use_split_qkv_input");
    hook_v_input_ = head_input("hook_v_input", split_, "use_split_qkv_input");
    ln1_.emplace(b.in("ln1"), c.normalization,
                 per_head_ ? std::vector{Axis::batch, Axis::pos, Axis::head}
                           : std::vector{Axis::batch, Axis::pos});
    attention_.emplace(b.in("attn"), layer);
    hook_attn_out_ = b.site("hook_attn_out", kStream);
    if (c.has_mlp()) {
      if (!parallel_) hook_resid_mid_ = b.site("hook_resid_mid", kStream);
      hook_mlp_in_ = b.optional_site("hook_mlp_in", kStream, copy_mlp_in_, "use_hook_mlp_in");
      ln2_.emplace(b.in("ln2"), c.normalization, std::vector{Axis::batch, Axis::pos});
      mlp_.emplace(b.in("mlp"));
      hook_mlp_out_ = b.site("hook_mlp_out", kStream);
    }
    hook_resid_post_ = b.site("hook_resid_post", kStream);
  }

  SiteId first_site() const { return hook_resid_pre_; }
  SiteId last_site() const { return hook_resid_post_; }

  /// resid [batch, pos, d_model] -> the same. With `wanted` positions (not empty), everything but
  /// keys and values is computed there alone: [batch, wanted, d_model].
  Variable<T> operator()(Pass<T>& pass, Variable<T> resid, AttentionMask mask,
                         std::span<const Token> wanted) const {
    resid = pass.at(hook_resid_pre_, resid);
    Variable<T> query, key, value;
    if (per_head_) {
      query = key = value = head_input(pass, resid, split_ ? hook_q_input_ : hook_attn_in_);
      if (split_) {
        key = head_input(pass, resid, hook_k_input_);
        value = head_input(pass, resid, hook_v_input_);
      }
      query = (*ln1_)(pass, query);
      key = split_ ? (*ln1_)(pass, key) : query;
      value = split_ ? (*ln1_)(pass, value) : query;
    } else {
      query = key = value = (*ln1_)(pass, resid);
    }
    if (!wanted.empty()) {
      query = at_positions(query, wanted);
      resid = at_positions(resid, wanted);
      mask.query_position = wanted.data();
    }
    const auto attn_out = pass.at(hook_attn_out_, (*attention_)(pass, query, key, value, mask));
    if (!mlp_) return pass.at(hook_resid_post_, record<Add>({}, resid, attn_out));

    auto mid = record<Add>({}, resid, attn_out);
    if (!parallel_) mid = pass.at(hook_resid_mid_, mid);
    auto mlp_in = parallel_ ? resid : mid;
    // A copy, so that an edit or a gradient there concerns the MLP alone.
    if (copy_mlp_in_) mlp_in = pass.at(hook_mlp_in_, record<Scale>({1.0}, mlp_in));
    const auto mlp_out = pass.at(hook_mlp_out_, (*mlp_)(pass, (*ln2_)(pass, mlp_in)));
    return pass.at(hook_resid_post_, record<Add>({}, mid, mlp_out));
  }

 private:
  inline static const std::vector<Axis> kStream{Axis::batch, Axis::pos, Axis::d_model};

  // [batch, pos, d_model] -> [batch, pos, head, d_model], a copy for every head.
  Variable<T> head_input(Pass<T>& pass, Variable<T> resid, SiteId site) const {
    resid = dense(resid);
    Tape<T>& tape = pass.tape();
    const Index rows = resid.shape()[0] * resid.shape()[1];
    auto* index = tape.arena().template allocate<Token>(static_cast<std::size_t>(rows * n_heads_));
    for (Index i = 0; i < rows * n_heads_; ++i) index[i] = static_cast<Token>(i / n_heads_);
    const auto table = tape.reshape(resid, {rows, resid.shape()[2]});
    const Shape leading{resid.shape()[0], resid.shape()[1], n_heads_};
    return pass.at(site, record<GatherRows>({index, leading}, table));
  }

  SiteId hook_resid_pre_;
  bool split_, per_head_;
  Index n_heads_;
  bool parallel_, copy_mlp_in_;
  SiteId hook_attn_in_, hook_q_input_, hook_k_input_, hook_v_input_;
  std::optional<Norm<T>> ln1_, ln2_;
  std::optional<Attention<T>> attention_;
  std::optional<Mlp<T>> mlp_;
  SiteId hook_attn_out_ = -1, hook_resid_mid_ = -1, hook_mlp_in_ = -1, hook_mlp_out_ = -1,
         hook_resid_post_ = -1;
};

}  // namespace hooked
