// Transformer<T>: the model of the HookedTransformer contract, a value with verbs.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/hooks/edits.hpp"
#include "hooked/hooks/hook_list.hpp"
#include "hooked/nn/init.hpp"
#include "hooked/nn/loss.hpp"
#include "hooked/nn/network.hpp"
#include "hooked/nn/workspace.hpp"

namespace hooked {

template <Scalar T>
class Transformer {
 public:
  /// Validates the config, lays out and draws the parameters. Throws ConfigError.
  explicit Transformer(const TransformerConfig& config, Seed seed = {})
      : config_(config.resolved()), network_(config_, layout_), parameters_(std::move(layout_)) {
    initialize(parameters_, config_, seed);
    if (config_.freeze_biases) parameters_.freeze("*b_*");
  }

  const TransformerConfig& config() const { return config_; }
  const SiteTable& sites() const { return network_.sites(); }
  Parameters<T>& parameters() { return parameters_; }
  const Parameters<T>& parameters() const { return parameters_; }
  /// One parameter in the contract's shape, to read or to edit. Throws NameError.
  View<T> operator[](const std::string& name) { return parameters_[name]; }
  View<const T> operator[](const std::string& name) const { return parameters_[name]; }
  /// Numbers in all parameters: embeddings, biases and norms included.
  Index n_params_total() const { return parameters_.layout().numel(); }

  /// The same parameter of all blocks, stacked: stacked("attn.W_Q") is [layer, head, d_model,
  /// d_head].
  Tensor<T> stacked(const std::string& name) const {
    if (config_.n_layers == 0) fail<NameError>("stacked(\"", name, "\"): the model has no blocks");
    const auto of = [&](Index l) { return parameters_[text("blocks.", l, ".", name)]; };
    Tensor<T> all(join({config_.n_layers}, of(0).shape()));
    for (Index l = 0; l < config_.n_layers; ++l) copy(of(l), all.select(0, l));
    return all;
  }

  // Running.

  /// tokens [batch, pos] (or [pos]: a batch of 1) -> logits [batch, pos, d_vocab_out].
  /// Throws ShapeError for a token outside the vocabulary or a sequence longer than n_ctx.
  Tensor<T> operator()(View<const Token> tokens, const RunOptions& options = {}) const {
    return run_with_hooks(tokens, {}, options);
  }

  /// As a plain run, with hooks for this run alone. Throws what the hooks throw, NameError for a
  /// name that does not exist, Error for a hook that never fired.
  Tensor<T> run_with_hooks(View<const Token> tokens, std::vector<Hook<T>> hooks,
                           const RunOptions& options = {}) const {
    HookPlan<T> plan = this->plan(std::move(hooks));
    return run(as_batch(tokens), plan, options, nullptr);
  }

  /// Runs and keeps activations, and gradients if `gradient_of` is given.
  std::pair<Tensor<T>, ActivationCache<T>> run_with_cache(View<const Token> tokens,
                                                          CacheOptions<T> options = {}) const {
    tokens = as_batch(tokens);
    const bool gradients = static_cast<bool>(options.gradient_of);
    HookPlan<T> plan = this->plan(std::move(options.hooks));
    if (options.names.empty()) plan.keep_all(network_.sites_end(options.run), gradients);
    for (const SiteSelector& name : options.names) plan.keep(name, gradients);
    if (!options.logits && !gradients && !options.run.stop_at_layer) {
      options.run.stop_at_layer = network_.first_block_after(plan.last_looked_at());
    }
    ActivationCache<T> cache = plan.make_cache(network_.axis_sizes(tokens.size(0), tokens.size(1)));
    Tensor<T> logits = run(tokens, plan, options.run, &cache, options.gradient_of);
    return {options.logits ? std::move(logits) : Tensor<T>(), std::move(cache)};
  }

  /// Starts with the residual stream before block `start_at_layer` [batch, pos, d_model] and runs
  /// on from there (contract, 5.6). Returns logits, or the stream at stop_at_layer.
  Tensor<T> run_from_layer(Index start_at_layer, View<const T> residual,
                           std::vector<Hook<T>> hooks = {}, const RunOptions& options = {}) const {
    if (residual.rank() != 3 || residual.size(2) != config_.d_model) {
      fail<ShapeError>("run_from_layer: the residual stream is ", residual.shape(),
                       ", it must be [batch, pos, ", config_.d_model, "]");
    }
    const Index start = network_.layer_number(start_at_layer, "start_at_layer");
    HookPlan<T> plan = this->plan(std::move(hooks));
    Tensor<T> result;
    workspace_.run(parameters_, 1, 1, [&](Pass<T>& pass, Index) {
      pass.begin({.gradients = false, .positions = options.positions}, &plan);
      const Variable<T> resid = pass.tape().constant_copy(residual);
      const Padding padding(options.attention_mask, residual.size(0), residual.size(1));
      result = Tensor<T>(network_.forward_from(start, pass, resid, padding, options).value());
    });
    plan.check_all_fired();
    return result;
  }

  /// Mean next-token loss in nats (contract, 5.5). It reads all logits: throws ShapeError for
  /// options that ask for fewer.
  double loss(View<const Token> tokens, const RunOptions& options = {}) const {
    const Tensor<Token> labels = labels_of(tokens, options);
    return next_token_losses(tokens, options, [&](Variable<T> logits) {
      return static_cast<double>(cross_entropy(logits, labels.view()).value().item());
    });
  }
  /// Next-token loss of each position, [batch, pos - 1]; 0 where padding leaves it uncounted.
  Tensor<T> loss_per_token(View<const Token> tokens, const RunOptions& options = {}) const {
    const Tensor<Token> labels = labels_of(tokens, options);
    return next_token_losses(tokens, options, [&](Variable<T> logits) {
      const auto losses = record<CrossEntropy>({labels.data()}, logits);
      return Tensor<T>(losses.value().slice(1, 0, labels.size(1) - 1));
    });
  }

  // Hooks that stay.

  /// Adds a hook to every later run. Throws NameError when its name fits no site that fires.
  void add_hook(Hook<T> hook, AddHookOptions options = {}) {
    (void)hook.where.resolve(sites());
    hooks_.add(std::move(hook), options);
  }
  /// Removes the hooks that were added, permanent ones only if asked.
  void reset_hooks(bool including_permanent = false) { hooks_.reset(including_permanent); }
  /// Hooks for as long as the returned scope lives; scopes nest. The model must outlive it and stay
  /// where it is.
  [[nodiscard]] typename HookList<T>::Scope hooks(std::vector<Hook<T>> scoped) {
    typename HookList<T>::Scope scope(hooks_);
    for (Hook<T>& hook : scoped) add_hook(std::move(hook));
    return scope;
  }
  std::size_t n_hooks() const { return hooks_.size(); }

  // For training and analyses that hold on to the tape.

  /// The hooks of a run: those that were added and `more` after them.
  HookPlan<T> plan(std::vector<Hook<T>> more = {}) const {
    HookPlan<T> plan = hooks_.plan(sites());
    for (Hook<T>& hook : more) plan.add(std::move(hook));
    return plan;
  }

  /// The forward run on a pass that has begun: logits [batch, pos, d_vocab_out] (at the pass's
  /// positions only, if it names any), or the stream [batch, pos, d_model] at stop_at_layer.
  Variable<T> forward(Pass<T>& pass, View<const Token> tokens,
                      const RunOptions& options = {}) const {
    if (!options.positions.empty() && options.positions != pass.positions()) {
      fail<ShapeError>("forward: the wanted positions are those that the pass began with");
    }
    return network_.forward(pass, as_batch(tokens), options);
  }
  /// The sizes of each kind of axis in a run of [batch, pos] tokens.
  AxisSizes axis_sizes(Index batch, Index pos) const { return network_.axis_sizes(batch, pos); }
  const Network<T>& network() const { return network_; }
  /// Memory and threads that runs share.
  Workspace<T>& workspace() const { return workspace_; }

 private:
  static View<const Token> as_batch(View<const Token> tokens) {
    return tokens.rank() == 1 ? tokens.reshape({1, tokens.size(0)}) : tokens;
  }

  // Sequences do not see each other: a run is cut into parts of the batch, which fit the caches and
  // go to several threads. Hooks and gradients want the batch whole.
  Tensor<T> run(View<const Token> tokens, HookPlan<T>& plan, const RunOptions& options,
                ActivationCache<T>* cache,
                const std::function<Variable<T>(Variable<T>)>& gradient_of = {}) const {
    network_.check_tokens(tokens);
    const Index batch = tokens.size(0), length = tokens.size(1);
    const Index parts = plan.has_hooks() || gradient_of ? 1 : count_parts(batch, length, options);
    const Index positions =
        options.positions.empty() ? length : static_cast<Index>(options.positions.size());
    const Index width = options.stop_at_layer ? config_.d_model : config_.d_vocab_out;
    auto output = Tensor<T>::empty({batch, positions, width});
    std::vector<HookPlan<T>> copies(static_cast<std::size_t>(parts) - 1, plan);
    workspace_.run(parameters_, parts, options.threads, [&](Pass<T>& pass, Index i) {
      HookPlan<T>& here = i == 0 ? plan : copies[static_cast<std::size_t>(i) - 1];
      const Index first = i * batch / parts, last = (i + 1) * batch / parts;
      if (cache != nullptr) here.write_into(*cache, first, last);
      RunOptions own = options;
      if (parts > 1 && own.attention_mask.numel() > 0) {
        own.attention_mask =
            Tensor<std::uint8_t>(options.attention_mask.view().slice(0, first, last));
      }
      pass.begin({.gradients = static_cast<bool>(gradient_of), .positions = own.positions}, &here);
      const auto y = network_.forward(pass, tokens.slice(0, first, last), own);
      copy(y.value(), output.slice(0, first, last));
      if (!gradient_of) return;
      pass.backward(gradient_of(y));
      plan.keep_gradients(*cache);
    });
    plan.check_all_fired();
    if (cache != nullptr) plan.drop_unreached(*cache);
    return output;
  }

  Index count_parts(Index batch, Index length, const RunOptions& options) const {
    constexpr Index kWorthwhile = 20'000'000, kRows = 256;
    if (options.threads < 0) {
      fail<ConfigError>("threads is ", options.threads, ", it cannot be negative");
    }
    if (batch * length * n_params_total() < kWorthwhile) return 1;
    return std::clamp<Index>(batch * length / kRows, std::min<Index>(2, batch), batch);
  }

  template <class Read>
  auto next_token_losses(View<const Token> tokens, const RunOptions& options, Read read) const {
    HookPlan<T> plan = this->plan({});
    decltype(read(Variable<T>())) result{};
    workspace_.run(parameters_, 1, 1, [&](Pass<T>& pass, Index) {
      pass.begin({}, &plan);
      result = read(forward(pass, tokens, options));
    });
    return result;
  }

  Tensor<Token> labels_of(View<const Token> tokens, const RunOptions& options) const {
    if (options.stop_at_layer || !options.positions.empty()) {
      fail<ShapeError>("the next-token loss reads the logits of every position: ",
                       options.stop_at_layer ? "stop_at_layer" : "positions", " cannot be set");
    }
    tokens = as_batch(tokens);
    network_.check_tokens(tokens);
    const Padding padding(options.attention_mask, tokens.size(0), tokens.size(1));
    return next_token_labels(tokens, padding.visible());
  }

  TransformerConfig config_;
  ParameterLayout layout_;  // on its way from the network to the parameters
  Network<T> network_;
  Parameters<T> parameters_;
  HookList<T> hooks_;
  mutable Workspace<T> workspace_;
};

}  // namespace hooked
