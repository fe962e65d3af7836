// Pass: one forward run of a model and, if wanted, the way back. Modules are written against it.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/autograd/tape.hpp"
#include "hooked/autograd/variable.hpp"
#include "hooked/core/packets.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/hooks/site.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

/// The tape of one run, the parameters bound to it and the hooks that act in it. Reused from step
/// to step, it keeps its memory. Not thread-safe: one Pass a thread, parameters shared.
///
/// A pass may bind the parameters of several models, each trained or frozen; `Model::forward` works
/// with its own. Hooks of a run come from its plan; without one, `Model::forward` lets those act
/// that the model has.
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
  explicit Pass(const Parameters<T>& parameters) { use(parameters); }
  /// The same for a model's parameters.
  template <HasParameters<T> Model>
  explicit Pass(const Model& model) : Pass(model.parameters()) {}
  /// A pass that writes on the tape of another run, which it must not outlive, and has begun: its
  /// parameters are constants there. For what is spliced into that run.
  Pass(const Parameters<T>& parameters, Tape<T>& tape) : tape_(&tape) {
    use(parameters, true);
    has_begun_ = true;
    begin(sets_[0], false);
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  /// Other parameters for the runs to come, in place of all that were bound.
  void use(const Parameters<T>& parameters, bool frozen = false) {
    sets_.clear();
    bind(parameters, nullptr, frozen);
  }
  /// The parameters of one more model, and what acts on it in all runs to come in place of the
  /// hooks that it has (null: these); both must outlive the pass. The parameters are constants
  /// where they are `frozen`.
  void bind(const Parameters<T>& parameters, HookPlan<T>* plan, bool frozen) {
    sets_.push_back({&parameters, plan, frozen, {}, 0});
    has_begun_ = false;
  }

  /// Starts a run: forgets the last one and binds the parameters. `plan`, if any, is what acts on
  /// the first model, in place of the hooks that it has, and must outlive the run. With `adds`,
  /// backward adds to the parameters' gradients of the last run.
  void begin(const Options& options, HookPlan<T>* plan = nullptr, bool adds = false) {
    sets_[0].plan = plan;
    options_ = options;
    walked_back_ = drops_blocks_ = false;
    read_output_ = {};
    has_begun_ = true;
    now_ = 0;
    tape_->reset();
    tape_->recording = options_.gradients;
    tape_->recycling = options_.recycling;
    Index size = 0;
    for (Set& set : sets_) {
      set.offset = size;
      if (options_.gradients && !set.frozen) size += set.parameters->layout().slab_size();
    }
    if (options_.gradients && gradients_.numel() != size) gradients_ = Tensor<T>(Shape{size});
    for (Set& set : sets_) begin(set, adds);
  }

  /// From now to the end of the run, blocks that are done may drop their values: nobody else has a
  /// variable of theirs. Of a run with gradients nothing is dropped.
  void drop_blocks(bool drops) { drops_blocks_ = drops && !options_.gradients; }
  /// Whether they do.
  bool drops_blocks() const { return drops_blocks_; }

  /// Some rows of an output that is too large to stand on the tape as a whole.
  struct Rows {
    const Shape& shape;  ///< of the whole output
    Index first;         ///< its rows, along its last axis, from this one on
    Variable<T> rows;    ///< [rows, width], gone after the call
  };
  /// From now to the end of the run, a network that drops its blocks may hand its output to `read`,
  /// rows after rows, and return none.
  void read_output(std::function<void(const Rows&)> read) { read_output_ = std::move(read); }
  /// What reads it; empty: nothing does.
  const std::function<void(const Rows&)>& output_reader() const { return read_output_; }

  /// The tape that the run is recorded on.
  Tape<T>& tape() { return *tape_; }
  /// The wanted positions, rising; empty: all.
  const std::vector<Token>& positions() const { return options_.positions; }

  /// While one lives, the pass works with the parameters and hooks of one model.
  class Within {
   public:
    Within(Pass& pass, std::size_t set) : pass_(&pass), before_(pass.now_), set_(set) {
      pass.now_ = set;
    }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;
    ~Within() {
      pass_->now_ = before_;
      if (has_own_plan_) pass_->sets_[set_].plan = nullptr;
    }

    /// Whether hooks were given for this model when the run began.
    bool has_plan() const { return pass_->sets_[set_].plan != nullptr; }
    /// While this lives, `plan` acts, which must outlive it.
    void use(HookPlan<T>& plan) {
      plan.begin_run();
      pass_->sets_[set_].plan = &plan;
      has_own_plan_ = true;
    }

   private:
    Pass* pass_;
    std::size_t before_, set_;
    bool has_own_plan_ = false;
  };
  /// Throws Error unless the pass has begun and binds these parameters.
  [[nodiscard]] Within within(const Parameters<T>& parameters) {
    if (!has_begun_) fail<Error>("the pass has not begun: call pass.begin() before the model runs");
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      if (sets_[i].parameters == &parameters) return Within(*this, i);
    }
    fail<Error>(
        "the pass is over other parameters than this model's: make it of model.parameters(), or "
        "bind them too");
  }

  /// A parameter as its matrix product wants it: W_Q is [d_model, head * d_head].
  Variable<T> operator[](ParameterId id) const {
    const auto i = static_cast<std::size_t>(id);
    if (!has_begun_ || i >= now().bound.size()) {
      fail<Error>("the pass binds no parameter number ", i, ": begin it, over the model's own");
    }
    return now().bound[i];
  }
  /// A parameter in the contract's shape: W_Q is [head, d_model, d_head].
  Variable<T> unpacked(ParameterId id) {
    const Set& set = now();
    const ParameterLayout& layout = set.parameters->layout();
    const T* values = set.parameters->slab().data();
    const bool has_gradient = options_.gradients && !set.frozen;
    const View<T> gradient =
        has_gradient ? layout.view(gradients_.data() + set.offset, id) : View<T>();
    return tape_->alias((*this)[id], layout.view(values, id), gradient);
  }

  /// Every activation passes here under its name: hooks act, caches copy.
  Variable<T> at(SiteId site, Variable<T> x) {
    return looks_at(site) ? now().plan->arrive(site, x) : x;
  }
  /// Whether anybody looks at a site (of a range, ends included). If not, work may be merged.
  bool looks_at(SiteId site) const { return now().plan != nullptr && now().plan->looks_at(site); }
  bool looks_at(SiteId first, SiteId last) const {
    return now().plan != nullptr && now().plan->looks_at(first, last);
  }
  /// The activation that this run kept at a site, by full name, as it was after all hooks; the last
  /// one where the site fired more than once. Throws NameError for a site that is not kept, Error
  /// before it has fired.
  Variable<T> activation(std::string_view name) const {
    for (const Set& set : sets_) {
      if (set.plan != nullptr && set.plan->keeps(name)) return set.plan->kept(name);
    }
    fail<NameError>("\"", name,
                    "\" is not among the activations that this run keeps: name it in "
                    "TrainOptions::activations, or HookPlan::keep");
  }

  /// Walks back from a scalar, whose own gradient is `cotangent`; afterwards `gradients()` holds
  /// cotangent * d output / d parameters. Once a run: a second walk would add to what the first one
  /// left along the way. Throws Error.
  void backward(Variable<T> output, double cotangent = 1.0) {
    if (!options_.gradients) {
      fail<Error>("backward: the run keeps no gradients; begin it with {.gradients = true}");
    }
    if (walked_back_) fail<Error>("backward: this run was walked back already; begin a new one");
    if (output.value().numel() != 1) {
      fail<ShapeError>("backward wants a scalar, the output is ", output.shape());
    }
    const auto slope = static_cast<T>(cotangent);
    tape_->backward(output, View<const T>(&slope, output.shape()));
    clear_untouched();
    walked_back_ = true;
  }

  /// The gradients of the last backward: the slabs of all sets that are not frozen, one after the
  /// other; zero for frozen parameters.
  const Tensor<T>& gradients() const { return gradients_; }
  /// The slab of one model's gradients, all zero where its layout has a gap. Throws Error before
  /// backward and for parameters that the pass does not train.
  View<const T> gradients(const Parameters<T>& parameters) const {
    if (!walked_back_) fail<Error>("the pass has no gradients: call backward first");
    for (const Set& set : sets_) {
      if (set.parameters != &parameters) continue;
      if (set.frozen) fail<Error>("the pass has no gradients of a model that it binds as frozen");
      return View<const T>(gradients_.data() + set.offset, {parameters.layout().slab_size()});
    }
    fail<Error>("the pass is over other parameters than this model's: it has no gradients of them");
  }
  /// Scales all gradients of the last backward so that their norm together is at most `max_norm`,
  /// and returns the norm before that, as torch.nn.utils.clip_grad_norm_. Throws Error before
  /// backward, NumericError when the norm is not finite.
  double clip_gradient_norm(double max_norm) {
    if (!walked_back_) fail<Error>("the pass has no gradients to clip: call backward first");
    if (!(max_norm > 0)) fail<ConfigError>("max_norm is ", max_norm, ", it must be above 0");
    const auto square = [](const Packet<T>& g) { return Eigen::internal::pmul(g, g); };
    const double norm = std::sqrt(sum_in_double<T>(gradients_.numel(), square, gradients_.data()));
    if (!std::isfinite(norm)) fail<NumericError>("the gradient's norm is ", norm);
    if (norm > max_norm) gradients_.array() *= static_cast<T>(max_norm / norm);
    return norm;
  }
  /// The gradient of one parameter of the first set, in the contract's shape. Throws NameError, or
  /// Error before backward.
  View<const T> gradient(const std::string& name) const {
    const ParameterLayout& layout = sets_.at(0).parameters->layout();
    const ParameterId id = layout.find(name);
    if (!walked_back_) fail<Error>("there is no gradient of ", name, " before backward");
    return layout.view(gradients_.data(), id);
  }

 private:
  /// The parameters and hooks of one model.
  struct Set {
    const Parameters<T>* parameters;
    HookPlan<T>* plan;
    bool frozen;
    std::vector<Variable<T>> bound;
    Index offset;  // of its gradients
  };

  const Set& now() const { return sets_[now_]; }

  void begin(Set& set, bool adds) {
    if (set.plan != nullptr) set.plan->begin_run();
    const ParameterLayout& layout = set.parameters->layout();
    set.bound.clear();
    set.bound.reserve(layout.size());
    for (std::size_t i = 0; i < layout.size(); ++i) {
      const auto id = static_cast<ParameterId>(i);
      const View<const T> value = layout.packed(set.parameters->slab().data(), id);
      if (!options_.gradients || set.frozen || set.parameters->is_frozen(id)) {
        set.bound.push_back(tape_->constant(value));
        continue;
      }
      set.bound.push_back(tape_->leaf(value, layout.packed(gradients_.data() + set.offset, id)));
      set.bound.back().node().touched = adds;
    }
  }

  // A parameter that the output does not depend on still holds the gradient of the run before.
  void clear_untouched() {
    for (const Set& set : sets_) {
      if (set.frozen) continue;
      const ParameterLayout& layout = set.parameters->layout();
      for (std::size_t i = 0; i < layout.size(); ++i) {
        const auto id = static_cast<ParameterId>(i);
        if (set.bound[i].node().touched) continue;
        const View<T> gradient = layout.packed(gradients_.data() + set.offset, id);
        std::fill_n(gradient.data(), gradient.numel(), T(0));
      }
    }
  }

  std::vector<Set> sets_;
  std::size_t now_ = 0;
  Options options_;
  bool has_begun_ = false, walked_back_ = false, drops_blocks_ = false;
  std::function<void(const Rows&)> read_output_;
  Tape<T> own_tape_;
  Tape<T>* tape_ = &own_tape_;
  Tensor<T> gradients_;
};

template <class Model>
Pass(const Model&) -> Pass<ScalarOf<Model>>;

}  // namespace hooked
