// Pass: one forward run of a model and, if wanted, the way back. Modules are written against it.
#pragma once

#include <string>
#include <vector>

#include "hooked/hooks/plan.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

/// The tape of one run, the parameters bound to it and the hooks that act in it. Reused from step
/// to step, it keeps its memory. Not thread-safe: one Pass a thread, parameters shared.
template <Scalar T>
class Pass {
 public:
  /// What to compute: `gradients` records for backward; `positions` lists, in rising order, the
  /// positions whose logits are wanted (empty: all). `recycling`: of gradients at activations,
  /// those at sites that the plan keeps are all that backward leaves behind.
  struct Options {
    bool gradients = false;
    std::vector<Token> positions = {};
    bool recycling = false;
  };

  /// `parameters` must outlive the pass and may change between runs.
  explicit Pass(const Parameters<T>& parameters) : parameters_(&parameters) {}
  /// Other parameters for the runs to come.
  void use(const Parameters<T>& parameters) { parameters_ = &parameters; }

  /// Starts a run: forgets the last one and binds the parameters. `plan`, if any, must outlive it.
  /// With `adds`, backward adds to the parameters' gradients of the last run.
  void begin(const Options& options, HookPlan<T>* plan = nullptr, bool adds = false) {
    options_ = options;
    plan_ = plan;
    if (plan != nullptr) plan->begin_run();
    walked_back_ = false;
    tape_.reset();
    tape_.recording = options_.gradients;
    tape_.recycling = options_.recycling;
    const ParameterLayout& layout = parameters_->layout();
    bound_.clear();
    bound_.reserve(layout.size());
    if (options_.gradients && gradients_.numel() != layout.slab_size()) {
      gradients_ = Tensor<T>(Shape{layout.slab_size()});
    }
    for (std::size_t i = 0; i < layout.size(); ++i) {
      const auto id = static_cast<ParameterId>(i);
      const View<const T> value = layout.packed(parameters_->slab().data(), id);
      if (!options_.gradients || parameters_->is_frozen(id)) {
        bound_.push_back(tape_.constant(value));
        continue;
      }
      bound_.push_back(tape_.leaf(value, layout.packed(gradients_.data(), id)));
      bound_.back().node().touched = adds;
    }
  }

  Tape<T>& tape() { return tape_; }
  const std::vector<Token>& positions() const { return options_.positions; }

  /// A parameter as its matrix product wants it: W_Q is [d_model, head * d_head].
  Variable<T> operator[](ParameterId id) const { return bound_[static_cast<std::size_t>(id)]; }
  /// A parameter in the contract's shape: W_Q is [head, d_model, d_head].
  Variable<T> unpacked(ParameterId id) {
    const ParameterLayout& layout = parameters_->layout();
    const T* values = parameters_->slab().data();
    const View<T> gradient = options_.gradients ? layout.view(gradients_.data(), id) : View<T>();
    return tape_.alias((*this)[id], layout.view(values, id), gradient);
  }

  /// Every activation passes here under its name: hooks act, caches copy.
  Variable<T> at(SiteId site, Variable<T> x) { return looks_at(site) ? plan_->arrive(site, x) : x; }
  /// Whether anybody looks at a site (of a range, ends included). If not, work may be merged.
  bool looks_at(SiteId site) const { return plan_ != nullptr && plan_->looks_at(site); }
  bool looks_at(SiteId first, SiteId last) const {
    return plan_ != nullptr && plan_->looks_at(first, last);
  }

  /// Walks back from a scalar; afterwards `gradients()` holds d output / d parameters.
  /// Once a run: a second walk would add to what the first one left along the way. Throws Error.
  void backward(Variable<T> output) {
    if (!options_.gradients) {
      fail<Error>("backward: the run keeps no gradients; begin it with {.gradients = true}");
    }
    if (walked_back_) fail<Error>("backward: this run was walked back already; begin a new one");
    tape_.backward(output);
    clear_untouched();
    walked_back_ = true;
  }

  /// The gradients of the last backward, a slab of the parameters' layout; zero for frozen ones.
  const Tensor<T>& gradients() const { return gradients_; }
  /// One parameter's gradient, in the contract's shape. Throws NameError, or Error before backward.
  View<const T> gradient(const std::string& name) const {
    const ParameterLayout& layout = parameters_->layout();
    const ParameterId id = layout.find(name);
    if (!walked_back_) fail<Error>("there is no gradient of ", name, " before backward");
    return layout.view(gradients_.data(), id);
  }

 private:
  // A parameter that the output does not depend on still holds the gradient of the run before.
  void clear_untouched() {
    const ParameterLayout& layout = parameters_->layout();
    for (std::size_t i = 0; i < layout.size(); ++i) {
      const auto id = static_cast<ParameterId>(i);
      if (bound_[i].node().touched) continue;
      const View<T> gradient = layout.packed(gradients_.data(), id);
      std::fill_n(gradient.data(), gradient.numel(), T(0));
    }
  }

  const Parameters<T>* parameters_;
  Options options_;
  HookPlan<T>* plan_ = nullptr;
  bool walked_back_ = false;
  Tape<T> tape_;
  std::vector<Variable<T>> bound_;
  Tensor<T> gradients_;
};

}  // namespace hooked
