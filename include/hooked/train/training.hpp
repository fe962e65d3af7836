// Training: a run in progress, which train() drives step by step.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>
#include <vector>

#include "hooked/core/cuts.hpp"
#include "hooked/core/thread_pool.hpp"
#include "hooked/io/model_files.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/train/callbacks.hpp"
#include "hooked/train/checkpoint.hpp"
#include "hooked/train/checks.hpp"
#include "hooked/train/evaluating.hpp"
#include "hooked/train/evaluation.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/lanes.hpp"
#include "hooked/train/metrics.hpp"
#include "hooked/train/optimizer.hpp"
#include "hooked/train/options.hpp"
#include "hooked/train/progress.hpp"
#include "hooked/train/ranks.hpp"
#include "hooked/train/trained_model.hpp"

namespace hooked::detail {

/// What belongs to a run, and its steps. All ranks call the same functions in the same order; the
/// constructor alone is each rank's own business. Only rank 0 writes files.
template <Scalar T>
class Training {
 public:
  /// `validation` may be null. Throws ConfigError, ShapeError for options that do not fit.
  Training(const Together<T>& models, Job<T>& job, const Evaluated<T>* validation,
           const TrainOptions& options, const Ranks& ranks, Audience& audience)
      : models_(models),
        job_(job),
        validation_(validation),
        options_(options),
        ranks_(ranks),
        pool_(ranks.threads(options.threads)),
        learners_(learners_of(models, options)),
        lanes_(models, job, options.activations,
               options.lanes > 0
                   ? options.lanes
                   : Lanes<T>::default_count(job.largest_batch(), job.rows_per_example()),
               ranks),
        facts_(run_facts(models, job, options, learners_[0].optimizer, steps(), lanes_.count())),
        checkpoint_(options.directory, facts_),
        progress_(options.progress && ranks.is_first()),
        audience_(audience) {}

  /// Makes the directory ready and goes on from its checkpoint, if that is wanted. Throws
  /// FormatError, ConfigError where that cannot be, and when ranks are about to do different runs.
  void open() {
    if (!options_.directory.empty()) {
      const bool resumes = ranks_.agree([&] { return prepare_directory(); });
      ranks_.agree([&] {
        if (resumes) state_ = checkpoint_.load(learners_, steps());
      });
      ranks_.agree([&] {
        if (!ranks_.is_first()) return;
        for (const TrainedModel<T>& model : models_)
          if (model.config() != nullptr) save_config(*model.config(), directory_of(model));
        metrics_ = MetricsFile(options_.directory / "metrics.csv", state_.metrics_bytes);
      });
    }
    saved_step_ = state_.step;
    check_same_run(ranks_, facts_, options_, steps(), models_, validation_);
    was_finite_ = bad_weight().empty();
  }

  const TrainOptions& options() const { return options_; }
  const RunState& state() const { return state_; }
  Index steps() const {
    return options_.steps > 0 ? options_.steps : options_.epochs * job_.steps_per_epoch();
  }

  /// The gradient of the next step's batch. Throws NumericError, with the step and the first bad
  /// site or parameter, when loss or gradient are not finite.
  BatchResult gradient() {
    try {
      const BatchResult batch = lanes_.gradient(state_.step, pool_);
      if (!std::isfinite(batch.gradient_norm)) {
        ranks_.agree([&] { report_bad_gradient(batch.gradient_norm); });
      }
      return batch;
    } catch (const NumericError& error) {
      fail<NumericError>("training stopped in step ", state_.step + 1, ": ", error.what());
    }
  }

  /// Steps along the gradient of `batch`.
  StepInfo step(const BatchResult& batch) {
    const double lr_factor = options_.schedule(state_.step);
    update(batch.gradient_norm, lr_factor);
    ++state_.step;
    state_.loss = batch.loss;
    return {state_.step,
            steps(),
            job_.epoch(state_.step - 1),
            batch.loss,
            learners_[0].optimizer.lr() * lr_factor,
            batch.gradient_norm};
  }

  bool evaluates() const { return validation_ != nullptr; }
  Evaluation evaluate() {
    return detail::evaluate(models_, *validation_, pool_, options_.activations, {}, ranks_);
  }
  /// Keeps the weights if their evaluation is the best so far.
  void judge(const Evaluation& evaluation) {
    if (!options_.keep_best || !(evaluation.loss < state_.best_loss)) return;
    state_.best_loss = evaluation.loss;
    for (Learner<T>& learner : learners_) learner.best = learner.parameters->slab();
  }
  void take_best() {
    for (Learner<T>& learner : learners_) learner.parameters->slab() = learner.best;
  }

  /// Tells everybody who cares; false when one of them wants the run to stop.
  bool tell(const StepInfo& info) {
    return ranks_.agree([&] {
      progress_.on_step(info);
      return audience_.tell(info);
    });
  }
  bool tell(const EvaluationInfo& info) {
    return ranks_.agree([&] {
      progress_.on_evaluation(info);
      metrics_.on_evaluation(info);
      return audience_.tell(info);
    });
  }
  void tell(const TrainResult& result) {
    ranks_.agree([&] { audience_.tell(result); });
  }

  bool is_saved() const { return state_.step == saved_step_; }
  void save() {
    ranks_.agree([&] {
      if (!ranks_.is_first()) return;
      state_.metrics_bytes = metrics_.bytes();
      checkpoint_.save(learners_, state_);
    });
    saved_step_ = state_.step;
    ranks_.agree([&] { audience_.tell(checkpoint_.path()); });
  }

  /// Throws NumericError when training made a weight infinite or NaN, ConfigError when ranks have
  /// come apart.
  void check_weights() {
    check_same_weights(ranks_, models_, "after training");
    const std::string bad = bad_weight();
    if (!was_finite_ || bad.empty()) return;
    ranks_.agree([&] {
      fail<NumericError>("training stopped after step ", state_.step, ": ", bad,
                         " has a NaN or infinity");
    });
  }
  void save_models() {
    if (options_.directory.empty()) return;
    ranks_.agree([&] {
      if (!ranks_.is_first()) return;
      for (const TrainedModel<T>& model : models_) {
        if (!model.is_frozen())
          save_weights(model.parameters(), model.config(),
                       directory_of(model) / "model.safetensors");
      }
    });
  }

 private:
  // In the order of the models, so that gradients lie one after the other.
  static std::vector<Learner<T>> learners_of(const Together<T>& models, const TrainOptions& o) {
    std::vector<Learner<T>> learners;
    for (const TrainedModel<T>& model : models) {
      if (model.is_frozen()) continue;
      Parameters<T>& parameters = model.to_train();
      // A group may be about another model; one that is about none is an error of the first.
      std::vector<ParameterGroup> groups = o.groups;
      std::erase_if(groups, [&](const ParameterGroup& group) {
        return !parameters.has(group.names) &&
               (!learners.empty() || std::any_of(models.begin(), models.end(), [&](const auto& m) {
                 return !m.is_frozen() && m.parameters().has(group.names);
               }));
      });
      learners.push_back({models.size() == 1 ? "" : model.name() + ".", &parameters,
                          Optimizer<T>(o.optimizer, parameters, groups),
                          o.keep_best ? parameters.slab() : Tensor<T>()});
    }
    if (learners.empty()) fail<ConfigError>("train: every model is frozen, there is nothing to do");
    return learners;
  }

  std::filesystem::path directory_of(const TrainedModel<T>& model) const {
    const auto directory = models_.directory(options_.directory, model);
    make_directory(directory);
    return directory;
  }

  // Whether there is a checkpoint to go on from: rank 0 decides.
  bool prepare_directory() {
    if (!ranks_.is_first()) return false;
    make_directory(options_.directory);
    for (const TrainedModel<T>& model : models_) remove_leftovers(directory_of(model));
    remove_leftovers(options_.directory);
    if (options_.resume && checkpoint_.exists()) return true;
    checkpoint_.remove();  // of an older run: going on from it would not be going on with this one
    return false;
  }

  std::string bad_weight() const {
    for (const Learner<T>& learner : learners_) {
      const std::string bad =
          first_not_finite(*learner.parameters, learner.parameters->slab().data());
      if (!bad.empty()) return learner.prefix + bad;
    }
    return "";
  }
  [[noreturn]] void report_bad_gradient(double norm) {
    const T* gradients = lanes_.gradients().data();
    for (const Learner<T>& learner : learners_) {
      const std::string bad = first_not_finite(*learner.parameters, gradients);
      if (!bad.empty()) {
        fail<NumericError>("the gradient of ", learner.prefix, bad, " has a NaN or infinity");
      }
      gradients += learner.parameters->layout().slab_size();
    }
    fail<NumericError>("the gradient's norm is ", norm);
  }

  // Clips and steps, in chunks of a fixed size spread over the pool.
  void update(double norm, double lr_factor) {
    const bool clips = options_.max_grad_norm > 0 && norm > options_.max_grad_norm;
    const auto factor = static_cast<T>(clips ? options_.max_grad_norm / norm : 1.0);
    T* gradients = lanes_.gradients().data();
    for (Learner<T>& learner : learners_) {
      const Index size = learner.parameters->layout().slab_size();
      const Cuts chunks = Cuts::of(size, 1 << 14);
      pool_.run(chunks.parts(), [&](Index c) {
        const Index begin = chunks.begin(c), end = chunks.end(c);
        if (clips) {
          for (Index i = begin; i < end; ++i) gradients[i] *= factor;
        }
        learner.optimizer.step(*learner.parameters, View<const T>(gradients, {size}), lr_factor,
                               begin, end);
      });
      learner.optimizer.finish_step();
      gradients += size;
    }
  }

  const Together<T>& models_;
  Job<T>& job_;
  const Evaluated<T>* validation_;
  const TrainOptions& options_;
  const Ranks& ranks_;
  ThreadPool pool_;
  std::vector<Learner<T>> learners_;
  Lanes<T> lanes_;
  typename Checkpoint<T>::Facts facts_;
  Checkpoint<T> checkpoint_;
  ProgressLine progress_;
  Audience& audience_;
  MetricsFile metrics_{""};
  RunState state_;
  Index saved_step_ = 0;
  bool was_finite_ = true;
};

}  // namespace hooked::detail
