// Transformer<T>: the model of the HookedTransformer contract, a value with verbs.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/hooks/edits.hpp"
#include "hooked/hooks/hook_list.hpp"
#include "hooked/nn/block.hpp"
#include "hooked/nn/embed.hpp"
#include "hooked/nn/init.hpp"
#include "hooked/nn/loss.hpp"
#include "hooked/nn/padding.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/unembed.hpp"

namespace hooked {

template <Scalar T>
class Transformer {
 public:
  /// Validates the config, lays out and draws the parameters. Throws ConfigError.
  explicit Transformer(const TransformerConfig& config, Seed seed = {})
      : config_(config.resolved()), parameters_(build()) {
    initialize(parameters_, config_, seed);
    if (config_.freeze_biases) parameters_.freeze("*b_*");
  }

  const TransformerConfig& config() const { return config_; }
  const SiteTable& sites() const { return sites_; }
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
    Pass<T> pass(parameters_);
    pass.begin({.gradients = false, .positions = options.positions}, &plan);
    const Tensor<T> result(forward(pass, tokens, options).value());
    plan.check_all_fired();
    return result;
  }

  /// Runs and keeps activations, and gradients if `gradient_of` is given.
  std::pair<Tensor<T>, ActivationCache<T>> run_with_cache(View<const Token> tokens,
                                                          CacheOptions<T> options = {}) const {
    const bool gradients = static_cast<bool>(options.gradient_of);
    HookPlan<T> plan = this->plan(std::move(options.hooks));
    if (options.names.empty()) options.names.push_back(sites_reached(options.run));
    for (const SiteSelector& name : options.names) plan.keep(name, gradients);
    if (!options.logits && !gradients) end_early(plan, options.run);

    Pass<T> pass(parameters_);
    pass.begin({.gradients = gradients, .positions = options.run.positions}, &plan);
    const Variable<T> output = forward(pass, tokens, options.run);
    if (gradients) pass.backward(options.gradient_of(output));
    plan.check_all_fired();
    Tensor<T> logits = options.logits ? Tensor<T>(output.value()) : Tensor<T>();
    return {std::move(logits), plan.take_cache(gradients)};
  }

  /// Starts with the residual stream before block `start_at_layer` [batch, pos, d_model] and runs
  /// on from there (contract, 5.6). Returns logits, or the stream at stop_at_layer.
  Tensor<T> run_from_layer(Index start_at_layer, View<const T> residual,
                           std::vector<Hook<T>> hooks = {}, const RunOptions& options = {}) const {
    HookPlan<T> plan = this->plan(std::move(hooks));
    Pass<T> pass(parameters_);
    pass.begin({.gradients = false, .positions = options.positions}, &plan);
    if (residual.rank() != 3 || residual.size(2) != config_.d_model) {
      fail<ShapeError>("run_from_layer: the residual stream is ", residual.shape(),
                       ", it must be [batch, pos, ", config_.d_model, "]");
    }
    const Variable<T> resid = pass.tape().constant_copy(residual);
    const Padding padding(options.attention_mask, residual.size(0), residual.size(1));
    const Tensor<T> result(
        blocks_from(layer_number(start_at_layer, "start_at_layer"), pass, resid, padding, options)
            .value());
    plan.check_all_fired();
    return result;
  }

  /// Mean next-token loss in nats (contract, 5.5). It reads all logits: throws ShapeError for
  /// options that ask for fewer.
  double loss(View<const Token> tokens, const RunOptions& options = {}) const {
    const Tensor<Token> labels = labels_of(tokens, options);
    Pass<T> pass(parameters_);
    HookPlan<T> plan = this->plan({});
    pass.begin({}, &plan);
    const auto logits = forward(pass, tokens, options);
    return static_cast<double>(cross_entropy(logits, labels.view()).value().item());
  }
  /// Next-token loss of each position, [batch, pos - 1]; 0 where padding leaves it uncounted.
  Tensor<T> loss_per_token(View<const Token> tokens, const RunOptions& options = {}) const {
    const Tensor<Token> labels = labels_of(tokens, options);
    Pass<T> pass(parameters_);
    HookPlan<T> plan = this->plan({});
    pass.begin({}, &plan);
    const auto logits = forward(pass, tokens, options);
    const auto losses = record<CrossEntropy>({labels.data()}, logits);
    return Tensor<T>(losses.value().slice(1, 0, labels.size(1) - 1));
  }

  // Hooks that stay.

  /// Adds a hook to every later run. Throws NameError when its name fits no site that fires.
  void add_hook(Hook<T> hook, AddHookOptions options = {}) {
    (void)hook.where.resolve(sites_);
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
    HookPlan<T> plan = hooks_.plan(sites_);
    for (Hook<T>& hook : more) plan.add(std::move(hook));
    return plan;
  }

  /// The forward run on a pass that has begun: logits [batch, pos, d_vocab_out] (at the pass's
  /// positions only, if it names any), or the stream [batch, pos, d_model] at stop_at_layer.
  Variable<T> forward(Pass<T>& pass, View<const Token> tokens,
                      const RunOptions& options = {}) const {
    if (tokens.rank() == 1) tokens = tokens.reshape({1, tokens.size(0)});
    check_tokens(tokens);
    if (!options.positions.empty() && options.positions != pass.positions()) {
      fail<ShapeError>("forward: the wanted positions are those that the pass began with");
    }
    const Padding padding(options.attention_mask, tokens.size(0), tokens.size(1));
    const auto resid = (*embed_)(pass, tokens, padding.positions());
    return blocks_from(0, pass, resid, padding, options);
  }

  /// The sizes of each kind of axis in a run of [batch, pos] tokens.
  AxisSizes axis_sizes(Index batch, Index pos) const {
    return {batch,          pos,           config_.n_heads,     pos, pos, config_.d_model,
            config_.d_head, config_.d_mlp, config_.d_vocab_out, 1};
  }

 private:
  ParameterLayout build() {
    ParameterLayout layout;
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
    return layout;
  }

  Variable<T> blocks_from(Index start, Pass<T>& pass, Variable<T> resid, const Padding& padding,
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
    const auto logits = dense((*unembed_)(pass, (*ln_final_)(pass, resid)));
    return narrowed ? logits : at_positions(logits, positions);
  }

  Index layer_number(Index layer, const char* what) const {
    const Index n = config_.n_layers;
    if (layer < -n || layer > n) {
      fail<ShapeError>(what, " is ", layer, ", the model has ", n, " layers");
    }
    return layer < 0 ? layer + n : layer;
  }

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

  Tensor<Token> labels_of(View<const Token> tokens, const RunOptions& options) const {
    if (options.stop_at_layer || !options.positions.empty()) {
      fail<ShapeError>("the next-token loss reads the logits of every position: ",
                       options.stop_at_layer ? "stop_at_layer" : "positions", " cannot be set");
    }
    if (tokens.rank() == 1) tokens = tokens.reshape({1, tokens.size(0)});
    check_tokens(tokens);
    const Padding padding(options.attention_mask, tokens.size(0), tokens.size(1));
    return next_token_labels(tokens, padding.visible());
  }

  // Every site that a run with these options passes.
  SiteSelector sites_reached(const RunOptions& options) const {
    SiteId end = sites_.size();
    if (options.stop_at_layer) {
      const Index stop = layer_number(*options.stop_at_layer, "stop_at_layer");
      if (stop < config_.n_layers)
        end = blocks_[static_cast<std::size_t>(stop)].first_site();
      else if (!blocks_.empty())
        end = blocks_.back().last_site() + 1;
    }
    return [names = sites_.names(), end](std::string_view name) {
      const auto last = names.begin() + end;
      return std::find(names.begin(), last, name) != last;
    };
  }

  // Nobody wants the logits: stop before the first block that nothing is wanted from.
  void end_early(const HookPlan<T>& plan, RunOptions& options) const {
    if (options.stop_at_layer) return;
    const SiteId last = plan.last_looked_at();
    for (Index l = 0; l < config_.n_layers; ++l) {
      if (blocks_[static_cast<std::size_t>(l)].first_site() > last) {
        options.stop_at_layer = l;
        return;
      }
    }
    if (!blocks_.empty() && blocks_.back().last_site() >= last) {
      options.stop_at_layer = config_.n_layers;
    }
  }

  TransformerConfig config_;
  SiteTable sites_;
  std::optional<Embed<T>> embed_;
  std::vector<TransformerBlock<T>> blocks_;
  std::optional<Norm<T>> ln_final_;
  std::optional<Unembed<T>> unembed_;
  Parameters<T> parameters_;
  HookList<T> hooks_;
};

}  // namespace hooked
