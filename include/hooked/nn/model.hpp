// Model<Network>: parameters, hooks and every verb around any network, written once.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/autograd/rows.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/cuts.hpp"
#include "hooked/core/random.hpp"
#include "hooked/hooks/cache_writer.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/init.hpp"
#include "hooked/nn/model_base.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/run_options.hpp"

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
/// The input is a View whose first axis counts examples, or any other value; one that can be cut,
/// too, says so as SourceAndTarget does. A function from Variable to Variable is run on Views of
/// numbers, and can be spliced into other runs (splice). A function that takes RunOptions as well
/// is told how far and where the run goes; else only `threads` may be set. A model is a value:
/// copying it copies its numbers.
template <class Network>
class Model
    : public ModelBase<typename detail::NetworkFunction<decltype(&Network::operator())>::Number> {
  using Function = detail::NetworkFunction<decltype(&Network::operator())>;

 public:
  /// Type of its numbers.
  using T = typename Function::Number;
  /// What its network takes.
  using Input = typename Function::Input;

  /// Builds the network (`Network(builder, arguments...)`) and draws its parameters.
  template <class... Arguments>
  explicit Model(Seed seed, const Arguments&... arguments) : Model(seed, Init{}, arguments...) {}
  template <class... Arguments>
  Model(Seed seed, const Init& init, const Arguments&... arguments)
      : network_(Builder{this->layout_, this->sites_}, arguments...) {
    this->make_parameters(init, seed);
  }

  /// The modules themselves.
  const Network& network() const { return network_; }

  // Running. A sequence of tokens [pos] is a batch of one.

  /// What the network makes of the input: of tokens [batch, pos], logits [batch, pos, d_vocab_out].
  /// Throws what the network throws, such as ShapeError for a token outside the vocabulary.
  Tensor<T> operator()(const Input& input, const RunOptions& options = {}) const;

  /// As a plain run, with hooks for this run alone. Throws what the hooks throw, NameError for a
  /// name that does not exist, Error for a hook that never fired.
  Tensor<T> run_with_hooks(const Input& input, std::vector<Hook<T>> hooks,
                           const RunOptions& options = {}) const;

  /// Runs and keeps activations, and gradients if `gradient_of` is given.
  CachedRun<T> run_with_cache(const Input& input, CacheOptions<T> options = {}) const;

  /// The forward run on a pass that has begun and binds this model's parameters; of a transformer
  /// at the pass's positions only, if it names any. The hooks that the model has act, unless the
  /// pass has a plan for it. Throws Error for any other pass and for a hook that never fired.
  Variable<T> forward(Pass<T>& pass, const Input& input, const RunOptions& options = {}) const {
    return run_within(pass, [&] { return forward_here(pass, input, options); });
  }
  /// The same of a variable on the pass's tape: gradients flow through.
  template <std::same_as<Variable<T>> X>
  requires(Function::takes_variable) Variable<T> forward(Pass<T>& pass, X input)
  const {
    return run_within(pass, [&] { return network_(pass, input); });
  }
  /// Calls `forward`, which gives a Variable, as the network's own function is called by the above:
  /// for other functions of a network.
  template <class Forward>
  Variable<T> run_within(Pass<T>& pass, const Forward& forward) const;

 protected:
  static constexpr bool takes_view = requires(const Input& x) { x.slice(0, 0, 0), x.numel(); };

  static Input as_batch(const Input& input) {
    if constexpr (std::same_as<Input, View<const Token>>) {
      if (input.rank() == 1) return input.view_as({1, input.size(0)});
    }
    return input;
  }

 private:
  // The forward run where the pass works within this model.
  Variable<T> forward_here(Pass<T>& pass, const Input& input, const RunOptions& options) const;

  static constexpr bool is_cut_by_itself = requires(const Input& x) {
    x.examples(0, 0), x.examples(), x.rows();
  };
  static Index examples_of(const Input& input) {
    if constexpr (takes_view) return input.rank() == 0 ? 1 : input.size(0);
    if constexpr (is_cut_by_itself) return input.examples();
    return 1;
  }
  // The examples [first, last).
  static Input part_of(const Input& input, Index first, Index last) {
    if constexpr (takes_view) return input.slice(0, first, last);
    if constexpr (is_cut_by_itself) return input.examples(first, last);
    return input;
  }
  Tensor<T> run(const Input& input, HookPlan<T>& plan, const RunOptions& options,
                CacheWriter<T>* cache, const Metric<T>& gradient_of) const;

  Network network_;
};

template <class Network>
auto Model<Network>::operator()(const Input& input, const RunOptions& options) const -> Tensor<T> {
  return run_with_hooks(input, {}, options);
}

template <class Network>
auto Model<Network>::run_with_hooks(const Input& input, std::vector<Hook<T>> hooks,
                                    const RunOptions& options) const -> Tensor<T> {
  HookPlan<T> plan = this->plan(std::move(hooks));
  return run(as_batch(input), plan, options, nullptr, {});
}

template <class Network>
auto Model<Network>::run_with_cache(const Input& input, CacheOptions<T> options) const
    -> CachedRun<T> {
  const bool gradients = static_cast<bool>(options.gradient_of);
  HookPlan<T> plan = this->plan(std::move(options.hooks));
  SiteId end = this->sites().size();
  if constexpr (requires { network_.sites_end(options.run); })
    end = network_.sites_end(options.run);
  if (options.names.empty()) plan.keep_all(end, gradients);
  for (const SiteSelector& name : options.names) plan.keep(name, gradients);
  if constexpr (requires { network_.first_block_after(0); }) {
    if (!options.logits && !gradients && !options.run.stop_at_layer) {
      options.run.stop_at_layer = network_.first_block_after(plan.last_looked_at());
    }
  }
  const Input batch = as_batch(input);
  CacheWriter<T> writer(this->sites(), examples_of(batch));
  if constexpr (requires { network_.check(batch); }) {
    network_.check(batch);  // before memory is taken
    plan.reserve(writer, batch.size(0), batch.size(1));
  }
  Tensor<T> output = run(batch, plan, options.run, &writer, options.gradient_of);
  return {options.logits ? std::move(output) : Tensor<T>(), writer.finish()};
}

template <class Network>
template <class Forward>
auto Model<Network>::run_within(Pass<T>& pass, const Forward& forward) const -> Variable<T> {
  auto within = pass.within(this->parameters());
  if (this->n_hooks() == 0 || within.has_plan()) return forward();
  HookPlan<T> plan = this->plan();
  within.use(plan);
  const Variable<T> y = forward();
  plan.check_all_fired();
  return y;
}

template <class Network>
auto Model<Network>::forward_here(Pass<T>& pass, const Input& input,
                                  const RunOptions& options) const -> Variable<T> {
  if (!options.positions.empty() && options.positions != pass.positions()) {
    fail<ShapeError>("forward: the wanted positions are those that the pass began with");
  }
  const Input batch = as_batch(input);
  if constexpr (Function::takes_options) {
    return network_(pass, batch, options);
  } else {
    if (options.stop_at_layer || options.attention_mask.numel() > 0) {
      fail<ConfigError>(
          "this network's function takes no RunOptions, so stop_at_layer and attention_mask would "
          "change nothing");
    }
    Variable<T> y;
    if constexpr (Function::takes_variable) {
      y = network_(pass, pass.tape().constant(batch));
    } else {
      y = network_(pass, batch);
    }
    const auto wanted = static_cast<Index>(pass.positions().size());
    if (wanted > 0 && (y.shape().rank() + 2 - y.row_axes() < 3 || length_of(y) != wanted)) {
      fail<ConfigError>("the run wants ", wanted, " positions, but the network gives ", y.shape(),
                        ": it must take them, as at_positions(x, pass.positions()) does");
    }
    return y;
  }
}

// A run is cut into parts of the batch, which fit the caches and go to several threads. Hooks and
// gradients want the batch whole.
template <class Network>
auto Model<Network>::run(const Input& input, HookPlan<T>& plan, const RunOptions& options,
                         CacheWriter<T>* cache, const Metric<T>& gradient_of) const -> Tensor<T> {
  const Index batch = examples_of(input);
  Index parts = 1;
  if constexpr (takes_view) {
    constexpr bool kTokens = std::same_as<Input, View<const Token>>;
    const bool is_empty = input.rank() == 0 || input.numel() == 0;
    const Index rows = is_empty ? 0 : input.numel() / (kTokens ? 1 : input.size(-1));
    parts = this->count_parts(batch, rows, options);
  } else if constexpr (is_cut_by_itself) {
    parts = this->count_parts(batch, input.rows(), options);
  }
  const Cuts cuts = Cuts::into(batch, plan.has_hooks() || gradient_of ? 1 : parts);
  const auto forward_part = [&](Pass<T>& pass, Index i) -> Variable<T> {
    if constexpr (requires { Network::drops_blocks; }) pass.drop_blocks(!plan.has_hooks());
    if (cuts.parts() == 1) return forward(pass, input, options);
    RunOptions own = options;
    if (own.attention_mask.numel() > 0) {
      own.attention_mask =
          Tensor<std::uint8_t>(options.attention_mask.view().slice(0, cuts.begin(i), cuts.end(i)));
    }
    return forward(pass, part_of(input, cuts.begin(i), cuts.end(i)), own);
  };
  return ModelBase<T>::run(cuts, forward_part, plan, options, cache, gradient_of);
}

}  // namespace hooked
