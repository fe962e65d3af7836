// Model<Network>: parameters, hooks and every verb around any network, written once.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/core/cuts.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/hooks/hook_list.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/init.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/workspace.hpp"

namespace hooked {

namespace detail {

/// What a network's function says of itself: its numbers, its input, and whether it takes options.
template <class F>
struct NetworkFunction;
template <class Network, Scalar T, class I>
struct NetworkFunction<Variable<T> (Network::*)(Pass<T>&, I) const> {
  using Number = T;
  using Input = std::remove_cvref_t<I>;
  static constexpr bool takes_options = false, takes_variable = false;
};
template <class Network, Scalar T>
struct NetworkFunction<Variable<T> (Network::*)(Pass<T>&, Variable<T>) const> {
  using Number = T;
  using Input = View<const T>;
  static constexpr bool takes_options = false, takes_variable = true;
};
template <class Network, Scalar T, class I>
struct NetworkFunction<Variable<T> (Network::*)(Pass<T>&, I, const RunOptions&) const> {
  using Number = T;
  using Input = std::remove_cvref_t<I>;
  static constexpr bool takes_options = true, takes_variable = false;
};

}  // namespace detail

/// A network is modules put together, with one function from its input to its output:
///
///   struct Probe {
///     hooked::Unembed<float> unembed;
///     explicit Probe(const hooked::Builder& b) : unembed(b.in("probe"), {.d_model = 64, ...}) {}
///     hooked::Variable<float> operator()(hooked::Pass<float>& pass,
///                                        hooked::View<const float> x) const;
///   };
///   hooked::Model<Probe> probe(hooked::Seed{0});
///
/// The input is a View whose first axis counts examples, or any other value. A function from
/// Variable to Variable is run on Views of numbers, and can be spliced into other runs (splice). A
/// function that takes RunOptions as well is told how far and where the run goes; else only
/// `threads` may be set.
/// A model is a value: copying it copies its numbers.
template <class Network>
class Model {
  using Function = detail::NetworkFunction<decltype(&Network::operator())>;

 public:
  using T = typename Function::Number;
  using Input = typename Function::Input;

  /// Builds the network (`Network(builder, arguments...)`) and draws its parameters.
  template <class... Arguments>
  explicit Model(Seed seed, const Arguments&... arguments) : Model(seed, Init{}, arguments...) {}
  template <class... Arguments>
  Model(Seed seed, const Init& init, const Arguments&... arguments)
      : network_(Builder{layout_, sites_}, arguments...), parameters_(std::move(layout_)) {
    initialize(parameters_, init, seed);
  }

  const Network& network() const { return network_; }
  const SiteTable& sites() const { return sites_; }
  Parameters<T>& parameters() { return parameters_; }
  const Parameters<T>& parameters() const { return parameters_; }
  /// One parameter in its own shape, to read or to edit. Throws NameError.
  View<T> operator[](const std::string& name) { return parameters_[name]; }
  View<const T> operator[](const std::string& name) const { return parameters_[name]; }
  /// Numbers in all parameters: embeddings, biases and norms included.
  Index n_params_total() const { return parameters_.layout().numel(); }

  // Running. A sequence of tokens [pos] is a batch of one.

  /// What the network makes of the input: of tokens [batch, pos], logits [batch, pos, d_vocab_out].
  /// Throws what the network throws, such as ShapeError for a token outside the vocabulary.
  Tensor<T> operator()(const Input& input, const RunOptions& options = {}) const {
    return run_with_hooks(input, {}, options);
  }

  /// As a plain run, with hooks for this run alone. Throws what the hooks throw, NameError for a
  /// name that does not exist, Error for a hook that never fired.
  Tensor<T> run_with_hooks(const Input& input, std::vector<Hook<T>> hooks,
                           const RunOptions& options = {}) const {
    HookPlan<T> plan = this->plan(std::move(hooks));
    return run(as_batch(input), plan, options, nullptr, {});
  }

  /// Runs and keeps activations, and gradients if `gradient_of` is given.
  CachedRun<T> run_with_cache(const Input& input, CacheOptions<T> options = {}) const {
    const bool gradients = static_cast<bool>(options.gradient_of);
    HookPlan<T> plan = this->plan(std::move(options.hooks));
    if (options.names.empty()) plan.keep_all(sites_end(options.run), gradients);
    for (const SiteSelector& name : options.names) plan.keep(name, gradients);
    if constexpr (requires { network_.first_block_after(0); }) {
      if (!options.logits && !gradients && !options.run.stop_at_layer) {
        options.run.stop_at_layer = network_.first_block_after(plan.last_looked_at());
      }
    }
    const Input batch = as_batch(input);
    CacheWriter<T> writer(sites_, examples_of(batch));
    Tensor<T> output = run(batch, plan, options.run, &writer, options.gradient_of);
    return {options.logits ? std::move(output) : Tensor<T>(), writer.finish()};
  }

  // Hooks that stay.

  /// Adds a hook to every later run. Throws NameError when its name fits no site.
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

  /// The forward run on a pass that has begun and binds this model's parameters; of a transformer
  /// at the pass's positions only, if it names any. Throws Error for any other pass.
  Variable<T> forward(Pass<T>& pass, const Input& input, const RunOptions& options = {}) const {
    const auto within = pass.within(parameters_);
    if (!options.positions.empty() && options.positions != pass.positions()) {
      fail<ShapeError>("forward: the wanted positions are those that the pass began with");
    }
    const Input batch = as_batch(input);
    if constexpr (Function::takes_options) {
      return network_(pass, batch, options);
    } else {
      if (options.stop_at_layer || options.attention_mask.numel() > 0 ||
          !pass.positions().empty()) {
        fail<ConfigError>(
            "this network's function takes no RunOptions, so stop_at_layer, attention_mask and "
            "positions would change nothing");
      }
      if constexpr (Function::takes_variable) {
        return network_(pass, pass.tape().constant(batch));
      } else {
        return network_(pass, batch);
      }
    }
  }
  /// The same of a variable on the pass's tape: gradients flow through.
  Variable<T> forward(Pass<T>& pass, Variable<T> input) const requires(Function::takes_variable) {
    const auto within = pass.within(parameters_);
    return network_(pass, input);
  }
  /// Memory and threads that runs share.
  Workspace<T>& workspace() const { return workspace_; }

 protected:
  static constexpr bool takes_view = requires(const Input& x) { x.slice(0, 0, 0), x.numel(); };

  static Input as_batch(const Input& input) {
    if constexpr (std::same_as<Input, View<const Token>>) {
      if (input.rank() == 1) return input.reshape({1, input.size(0)});
    }
    return input;
  }

 private:
  static Index examples_of(const Input& input) {
    if constexpr (takes_view) return input.rank() == 0 ? 1 : input.size(0);
    return 1;
  }
  SiteId sites_end(const RunOptions& options) const {
    if constexpr (requires { network_.sites_end(options); }) return network_.sites_end(options);
    return sites_.size();
  }

  // Examples do not see each other: a run is cut into parts of the batch, which fit the caches and
  // go to several threads. Hooks and gradients want the batch whole.
  Tensor<T> run(const Input& input, HookPlan<T>& plan, const RunOptions& options,
                CacheWriter<T>* cache, const Metric<T>& gradient_of) const {
    const Index batch = examples_of(input);
    const bool whole = plan.has_hooks() || gradient_of;
    const Cuts cuts = Cuts::into(batch, whole ? 1 : count_parts(input, options));
    BatchOfParts<T> output(batch);
    std::vector<HookPlan<T>> copies(static_cast<std::size_t>(cuts.parts()) - 1, plan);
    workspace_.run(parameters_, cuts.parts(), options.threads, [&](Pass<T>& pass, Index i) {
      HookPlan<T>& here = i == 0 ? plan : copies[static_cast<std::size_t>(i) - 1];
      if (cache != nullptr) here.write_to(*cache, cuts.begin(i));
      pass.begin({.gradients = static_cast<bool>(gradient_of), .positions = options.positions},
                 &here);
      const Variable<T> y = forward_part(pass, input, options, cuts, i);
      output.write(y.value(), cuts.begin(i));
      if (!gradient_of) return;
      pass.backward(gradient_of(y));
      plan.write_gradients();
    });
    plan.check_all_fired();
    return output.take();
  }
  Variable<T> forward_part(Pass<T>& pass, const Input& input, const RunOptions& options,
                           const Cuts& cuts, Index i) const {
    if constexpr (takes_view) {
      if (cuts.parts() > 1) {
        RunOptions own = options;
        if (own.attention_mask.numel() > 0) {
          own.attention_mask = Tensor<std::uint8_t>(
              options.attention_mask.view().slice(0, cuts.begin(i), cuts.end(i)));
        }
        return dense(forward(pass, input.slice(0, cuts.begin(i), cuts.end(i)), own));
      }
    }
    return dense(forward(pass, input, options));
  }

  Index count_parts(const Input& input, const RunOptions& options) const {
    if (options.threads < 0) {
      fail<ConfigError>("threads is ", options.threads, ", it cannot be negative");
    }
    if constexpr (takes_view) {
      constexpr Index kWorthwhile = 20'000'000, kRows = 256;
      if (input.rank() == 0 || input.numel() == 0) return 1;
      constexpr bool kTokens = std::same_as<Input, View<const Token>>;
      const Index batch = input.size(0), rows = input.numel() / (kTokens ? 1 : input.size(-1));
      if (rows * n_params_total() < kWorthwhile) return 1;
      return std::clamp<Index>(rows / kRows, std::min<Index>(2, batch), batch);
    }
    return 1;
  }

  ParameterLayout layout_;  // on its way from the network to the parameters
  SiteTable sites_;
  Network network_;
  Parameters<T> parameters_;
  HookList<T> hooks_;
  mutable Workspace<T> workspace_;
};

}  // namespace hooked
