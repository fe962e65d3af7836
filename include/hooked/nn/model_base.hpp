// ModelBase: what a model is whatever its network: parameters, sites, hooks, memory for runs.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hooked/autograd/variable.hpp"
#include "hooked/core/cuts.hpp"
#include "hooked/core/random.hpp"
#include "hooked/hooks/cache_writer.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/hook_list.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/builder.hpp"
#include "hooked/nn/init.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/workspace.hpp"

namespace hooked {

/// The part of Model<Network> that does not know the network.
template <Scalar T>
class ModelBase {
 public:
  /// All hook points, in firing order.
  const SiteTable& sites() const { return sites_; }
  /// All parameters, to read, edit or freeze.
  Parameters<T>& parameters() { return parameters_; }
  const Parameters<T>& parameters() const { return parameters_; }
  /// One parameter in its own shape, to read or to edit. Throws NameError.
  View<T> operator[](const std::string& name) { return parameters_[name]; }
  View<const T> operator[](const std::string& name) const { return parameters_[name]; }
  /// Numbers in all parameters: embeddings, biases and norms included.
  Index n_params_total() const { return parameters_.layout().numel(); }

  // Hooks that stay.

  /// Adds a hook to every later run. Throws NameError when its name fits no site.
  void add_hook(Hook<T> hook, AddHookOptions options = {});
  /// Removes the hooks that were added, permanent ones only if asked.
  void reset_hooks(bool including_permanent = false) { hooks_.reset(including_permanent); }
  /// Hooks for as long as the returned scope lives; scopes nest. The model must outlive it and stay
  /// where it is.
  [[nodiscard]] typename HookList<T>::Scope hooks(std::vector<Hook<T>> scoped);
  /// Hooks that stay, scoped ones included.
  std::size_t n_hooks() const { return hooks_.size(); }

  // For training and analyses that hold on to the tape.

  /// The hooks of a run: those that were added and `more` after them.
  HookPlan<T> plan(std::vector<Hook<T>> more = {}) const;
  /// Memory and threads that runs share.
  Workspace<T>& workspace() const { return workspace_; }

 protected:
  /// Gives the network's output for part `i` of a batch.
  using Forward = std::function<Variable<T>(Pass<T>&, Index i)>;

  ModelBase() = default;
  /// Lays out and draws what the network has registered.
  void make_parameters(const Init& init, Seed seed);

  /// Runs the parts of a batch, on several threads if there are several: examples do not see each
  /// other. The cache, if any, and the output are those of the whole batch.
  Tensor<T> run(const Cuts& cuts, const Forward& forward, HookPlan<T>& plan,
                const RunOptions& options, CacheWriter<T>* cache,
                const Metric<T>& gradient_of) const;
  /// In how many parts `rows` rows of `batch` examples are worth it.
  Index count_parts(Index batch, Index rows, const RunOptions& options) const;

  ParameterLayout layout_;  // on its way from the network to the parameters
  SiteTable sites_;
  Parameters<T> parameters_{ParameterLayout()};
  HookList<T> hooks_;
  mutable Workspace<T> workspace_;
};

template <Scalar T>
void ModelBase<T>::add_hook(Hook<T> hook, AddHookOptions options) {
  (void)hook.where.resolve(sites_);
  hooks_.add(std::move(hook), options);
}

template <Scalar T>
typename HookList<T>::Scope ModelBase<T>::hooks(std::vector<Hook<T>> scoped) {
  typename HookList<T>::Scope scope(hooks_);
  for (Hook<T>& hook : scoped) add_hook(std::move(hook));
  return scope;
}

template <Scalar T>
HookPlan<T> ModelBase<T>::plan(std::vector<Hook<T>> more) const {
  HookPlan<T> plan = hooks_.plan(sites_);
  for (Hook<T>& hook : more) plan.add(std::move(hook));
  return plan;
}

template <Scalar T>
void ModelBase<T>::make_parameters(const Init& init, Seed seed) {
  parameters_ = Parameters<T>(std::move(layout_));
  initialize(parameters_, init, seed);
}

template <Scalar T>
Tensor<T> ModelBase<T>::run(const Cuts& cuts, const Forward& forward, HookPlan<T>& plan,
                            const RunOptions& options, CacheWriter<T>* cache,
                            const Metric<T>& gradient_of) const {
  BatchOfParts<T> output(cuts.count());
  std::vector<HookPlan<T>> copies(static_cast<std::size_t>(cuts.parts()) - 1, plan);
  workspace_.run(parameters_, cuts.parts(), options.threads, [&](Pass<T>& pass, Index i) {
    HookPlan<T>& here = i == 0 ? plan : copies[static_cast<std::size_t>(i) - 1];
    if (cache != nullptr) here.write_to(*cache, cuts.begin(i));
    pass.begin({.gradients = static_cast<bool>(gradient_of), .positions = options.positions},
               &here);
    pass.read_output([&](const typename Pass<T>::Rows& part) {
      output.write_rows(part.shape, part.rows.value(), cuts.begin(i), part.first);
    });
    Variable<T> y = forward(pass, i);
    if (!y) return;  // its rows were handed over
    y = dense(y);
    output.write(y.value(), cuts.begin(i));
    if (!gradient_of) return;
    pass.backward(gradient_of(y));
    plan.write_gradients();
  });
  plan.check_all_fired();
  return output.take();
}

template <Scalar T>
Index ModelBase<T>::count_parts(Index batch, Index rows, const RunOptions& options) const {
  if (options.threads < 0) {
    fail<ConfigError>("threads is ", options.threads, ", it cannot be negative");
  }
  constexpr Index kWorthwhile = 20'000'000, kRows = 256;
  if (rows * n_params_total() < kWorthwhile) return 1;
  return std::clamp<Index>(rows / kRows, std::min<Index>(2, batch), batch);
}

#ifdef HOOKED_COMPILED
extern template class ModelBase<float>;
extern template class ModelBase<double>;
#endif

}  // namespace hooked
