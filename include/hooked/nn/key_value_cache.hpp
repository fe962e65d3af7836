// KeyValueCache: keys and values of the tokens that a model has read, so that those which follow
// need not read them again (contract, 7).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "hooked/autograd/record.hpp"
#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/tensor.hpp"

namespace hooked {

/// What the attentions of a network keep between runs: keys (turned already, where positions are
/// rotary) and values, [batch, token, head, d_head] each, in the order in which the attentions run.
/// A value: a copy goes on from the same prefix in another way.
template <Scalar T>
class KeyValueCache {
 public:
  /// Room for `n_ctx` tokens of `batch` sequences. Throws ShapeError unless both are at least 1.
  KeyValueCache(Index batch, Index n_ctx) : batch_(batch), n_ctx_(n_ctx) {
    if (batch < 1 || n_ctx < 1) {
      fail<ShapeError>("a cache of keys and values for ", batch, " sequences of ", n_ctx,
                       " tokens: there must be one of each");
    }
  }

  /// Sequences that it holds.
  Index batch() const { return batch_; }
  /// Tokens that were read so far.
  Index length() const { return length_; }
  /// The most tokens that it has room for.
  Index n_ctx() const { return n_ctx_; }

  /// Begins a run that reads `count` more tokens. Throws ShapeError where they do not fit.
  void begin_run(Index batch, Index count) {
    if (batch != batch_) {
      fail<ShapeError>("the cache of keys and values holds ", batch_, " sequences, the tokens are ",
                       batch);
    }
    if (length_ + count > n_ctx_) {
      fail<ShapeError>("after ", length_, " tokens ", count, " more do not fit n_ctx ", n_ctx_);
    }
    turn_ = 0;
  }
  /// One attention's keys and values [batch, new tokens, head, d_head]: writes them behind those
  /// that it has, and gives all of them, as constants of the tape.
  std::pair<Variable<T>, Variable<T>> extended(Variable<T> k, Variable<T> v) {
    k = dense(k), v = dense(v);
    if (turn_ == layers_.size()) {
      if (length_ > 0) {
        fail<Error>("the cache of keys and values is of ", layers_.size(),
                    " attentions, this model has more: make one for each model");
      }
      const Shape room{batch_, n_ctx_, k.shape()[2], k.shape()[3]};
      layers_.push_back({Tensor<T>(room), Tensor<T>(room)});
    }
    auto& [keys, values] = layers_[turn_++];
    const Index end = length_ + k.shape()[1];
    copy(k.value(), keys.slice(1, length_, end));
    copy(v.value(), values.slice(1, length_, end));
    Tape<T>& tape = k.tape();
    return {tape.constant(std::as_const(keys).slice(1, 0, end)),
            tape.constant(std::as_const(values).slice(1, 0, end))};
  }
  /// One attention's keys and values as they are, in a run that adds none: those of a source that
  /// is read once. Throws Error for one attention more than it has those of.
  std::pair<Variable<T>, Variable<T>> known(Tape<T>& tape) {
    if (turn_ == layers_.size()) {
      fail<Error>("the cache of keys and values is of ", layers_.size(),
                  " attentions, this model has more: make one for each model");
    }
    const auto& [keys, values] = layers_[turn_++];
    return {tape.constant(keys.slice(1, 0, length_)), tape.constant(values.slice(1, 0, length_))};
  }
  /// What the run read stays. (Without it the next run begins where this one did.)
  /// Throws Error where the run did not come to all attentions that the cache is of.
  void keep(Index count) {
    if (turn_ != layers_.size()) {
      fail<Error>("the cache of keys and values is of ", layers_.size(),
                  " attentions, this run had ", turn_, ": make one for each model");
    }
    length_ += count;
  }

 private:
  Index batch_, n_ctx_, length_ = 0;
  std::size_t turn_ = 0;  // which attention comes next
  std::vector<std::pair<Tensor<T>, Tensor<T>>> layers_;
};

}  // namespace hooked
