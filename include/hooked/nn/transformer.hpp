// Transformer<T>: the network of the HookedTransformer contract, and verbs of its own about tokens.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/cuts.hpp"
#include "hooked/core/random.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/init.hpp"
#include "hooked/nn/key_value_cache.hpp"
#include "hooked/nn/loss.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/model_base.hpp"
#include "hooked/nn/network.hpp"
#include "hooked/nn/padding.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/stream.hpp"
#include "hooked/ops/cross_entropy.hpp"
#include "hooked/ops/sum.hpp"

namespace hooked {

/// HookedTransformer's model: a Model of TransformerNetwork, with its loss and parts of its layers.
template <Scalar T>
class Transformer : public Model<TransformerNetwork<T>> {
  using Base = Model<TransformerNetwork<T>>;

 public:
  /// Validates the config, lays out and draws the parameters. Throws ConfigError.
  explicit Transformer(const TransformerConfig& config, Seed seed = {});
  /// A model whose norm weights are 1 and everything else 0, for those who write all weights
  /// themselves: a GPT-2 draws 124 million numbers otherwise. Throws ConfigError.
  static Transformer blank(const TransformerConfig& config);

  /// With every derived value filled in.
  const TransformerConfig& config() const { return this->network().config(); }

  /// What a run of tokens [batch, pos] brings along for the axes of sites.
  AxisSizes axis_sizes(Index batch, Index pos) const {
    return {{Axis::batch, batch}, {Axis::pos, pos}, {Axis::query, pos}, {Axis::key, pos}};
  }

  /// The same parameter of all blocks, stacked: stacked("attn.W_Q") is [layer, head, d_model,
  /// d_head].
  Tensor<T> stacked(const std::string& name) const;

  /// Starts with the residual stream before block `start_at_layer` [batch, pos, d_model] and runs
  /// on from there (contract, 5.6). Returns logits, or the stream at stop_at_layer.
  Tensor<T> run_from_layer(Index start_at_layer, View<const T> residual,
                           std::vector<Hook<T>> hooks = {}, const RunOptions& options = {}) const;

  /// Reads tokens [batch, pos] that follow those in `past`, and adds them to it: their logits, at
  /// options.positions of theirs alone if given. An attention_mask is about all tokens, [batch,
  /// past and pos]. Hooks see the new tokens as queries, and all as keys. Throws ShapeError for
  /// another batch than `past` has, and for more tokens than n_ctx; ConfigError for bidirectional
  /// models and for stop_at_layer; Error for the cache of another model.
  Tensor<T> run_with_past(View<const Token> tokens, KeyValueCache<T>& past,
                          std::vector<Hook<T>> hooks = {}, const RunOptions& options = {}) const;

  /// Mean next-token loss in nats (contract, 5.5). It reads all logits: throws ShapeError for
  /// options that ask for fewer.
  double loss(View<const Token> tokens, const RunOptions& options = {}) const;
  /// Next-token loss of each position, [batch, pos - 1]; 0 where padding leaves it uncounted.
  Tensor<T> loss_per_token(View<const Token> tokens, const RunOptions& options = {}) const;

 private:
  Transformer(Seed seed, const TransformerConfig& resolved, bool draws);

  /// The loss of each position of tokens [batch, pos], 0 where its label is ignored; and the
  /// labels.
  std::pair<Tensor<T>, Tensor<Token>> next_token_losses(View<const Token> tokens,
                                                        const RunOptions& options) const;
};

template <Scalar T>
Transformer<T>::Transformer(const TransformerConfig& config, Seed seed)
    : Transformer(seed, config.resolved(), true) {}

template <Scalar T>
Transformer<T> Transformer<T>::blank(const TransformerConfig& config) {
  return Transformer(Seed{}, config.resolved(), false);
}

template <Scalar T>
Transformer<T>::Transformer(Seed seed, const TransformerConfig& resolved, bool draws)
    : Base(seed, Init{resolved.init_mode, resolved.initializer_range, draws}, resolved) {
  if (resolved.freeze_biases) this->parameters().freeze("*b_*");
}

template <Scalar T>
Tensor<T> Transformer<T>::stacked(const std::string& name) const {
  const Index layers = config().n_layers;
  if (layers == 0) fail<NameError>("stacked(\"", name, "\"): the model has no blocks");
  const auto of = [&](Index l) { return (*this)[text("blocks.", l, ".", name)]; };
  Tensor<T> all(join({layers}, of(0).shape()));
  for (Index l = 0; l < layers; ++l) copy(of(l), all.select(0, l));
  return all;
}

template <Scalar T>
Tensor<T> Transformer<T>::run_from_layer(Index start_at_layer, View<const T> residual,
                                         std::vector<Hook<T>> hooks,
                                         const RunOptions& options) const {
  if (residual.rank() != 3 || residual.size(2) != config().d_model) {
    fail<ShapeError>("run_from_layer: the residual stream is ", residual.shape(),
                     ", it must be [batch, pos, ", config().d_model, "]");
  }
  const Index start = this->network().layer_number(start_at_layer, "start_at_layer");
  HookPlan<T> plan = this->plan(std::move(hooks));
  const auto from_start = [&](Pass<T>& pass, Index) {
    pass.drop_blocks(!plan.has_hooks());
    const auto within = pass.within(this->parameters());
    const Padding padding(options.attention_mask, residual.size(0), residual.size(1));
    const Stream<T> stream(pass.tape().constant_copy(residual), padding.positions(),
                           padding.visible());
    return this->network().from_layer(start, pass, stream, options);
  };
  const Cuts whole = Cuts::into(residual.size(0), 1);
  return ModelBase<T>::run(whole, from_start, plan, options, nullptr, {});
}

template <Scalar T>
Tensor<T> Transformer<T>::run_with_past(View<const Token> tokens, KeyValueCache<T>& past,
                                        std::vector<Hook<T>> hooks,
                                        const RunOptions& options) const {
  tokens = Base::as_batch(tokens);
  this->network().check(tokens);
  if (config().attention_dir != AttentionDirection::causal) {
    fail<ConfigError>(
        "run_with_past: this model's tokens see those after them, so that what was read "
        "changes with every new token: run all of them");
  }
  if (options.stop_at_layer) {
    fail<ConfigError>("run_with_past: stop_at_layer is ", *options.stop_at_layer,
                      ": blocks that do not run would not know these tokens later");
  }
  if (past.n_ctx() > config().n_ctx) {
    fail<ShapeError>("run_with_past: the cache has room for ", past.n_ctx(),
                     " tokens, the model's n_ctx is ", config().n_ctx);
  }
  HookPlan<T> plan = this->plan(std::move(hooks));
  const auto from_past = [&](Pass<T>& pass, Index) {
    pass.drop_blocks(!plan.has_hooks());
    const auto within = pass.within(this->parameters());
    const Padding padding(options.attention_mask, tokens.size(0), past.length() + tokens.size(1));
    return this->network().after(past, pass, tokens, padding, options);
  };
  Tensor<T> logits =
      ModelBase<T>::run(Cuts::into(tokens.size(0), 1), from_past, plan, options, nullptr, {});
  past.keep(tokens.size(1));
  return logits;
}

template <Scalar T>
double Transformer<T>::loss(View<const Token> tokens, const RunOptions& options) const {
  const auto [losses, labels] = next_token_losses(Base::as_batch(tokens), options);
  const auto is_counted = [](Token label) { return label != CrossEntropy::kIgnored; };
  const auto counted = std::count_if(labels.data(), labels.data() + labels.numel(), is_counted);
  if (counted == 0) fail<ShapeError>("cross_entropy: every label is ignored, there is no mean");
  Tape<T> tape;
  const Variable<T> all = tape.constant(losses);
  return static_cast<double>(
      record<hooked::Sum>({1.0 / static_cast<double>(counted)}, all).value().item());
}

template <Scalar T>
Tensor<T> Transformer<T>::loss_per_token(View<const Token> tokens,
                                         const RunOptions& options) const {
  const auto [losses, labels] = next_token_losses(Base::as_batch(tokens), options);
  return Tensor<T>(losses.slice(1, 0, labels.size(1) - 1));
}

template <Scalar T>
std::pair<Tensor<T>, Tensor<Token>> Transformer<T>::next_token_losses(
    View<const Token> tokens, const RunOptions& options) const {
  if (options.stop_at_layer || !options.positions.empty()) {
    fail<ShapeError>("the next-token loss reads the logits of every position: ",
                     options.stop_at_layer ? "stop_at_layer" : "positions", " cannot be set");
  }
  Tensor<T> losses;
  Tensor<Token> labels;
  HookPlan<T> plan = this->plan();
  this->workspace().run(this->parameters(), 1, 1, [&](Pass<T>& pass, Index) {
    pass.begin({}, &plan);
    pass.drop_blocks(!plan.has_hooks());
    const auto read = [&](Variable<T> logits, Index first) {
      if (labels.numel() == 0) {
        const Padding padding(options.attention_mask, tokens.size(0), tokens.size(1));
        labels = next_token_labels(tokens, padding.visible());
        losses.resize(tokens.shape());
      }
      const auto found = record<CrossEntropy>({labels.data() + first}, logits).value();
      std::copy_n(found.data(), found.numel(), losses.data() + first);
    };
    if (config().d_vocab <= config().d_vocab_out) {  // else an error says which row it is about
      pass.read_output([&](const typename Pass<T>::Rows& part) { read(part.rows, part.first); });
    }
    const Variable<T> logits = this->forward(pass, tokens, options);
    if (logits) read(logits, 0);
  });
  return {std::move(losses), std::move(labels)};
}

#ifdef HOOKED_COMPILED
extern template class Model<TransformerNetwork<float>>;
extern template class Model<TransformerNetwork<double>>;
extern template class Transformer<float>;
extern template class Transformer<double>;
#endif

}  // namespace hooked
