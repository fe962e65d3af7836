// Training: a run in progress, which train() drives step by step.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "hooked/train/batch_order.hpp"
#include "hooked/train/checkpoint.hpp"
#include "hooked/train/checks.hpp"
#include "hooked/train/lanes.hpp"
#include "hooked/train/metrics.hpp"

namespace hooked::detail {

/// What belongs to a run, and its steps. All ranks call the same functions in the same order; the
/// constructor alone is each rank's own business. Only rank 0 writes files.
template <Scalar T>
class Training {
 public:
  /// Throws ConfigError, ShapeError for options or data that do not fit.
  Training(Transformer<T>& model, const Dataset& data, const TrainOptions& options,
           const Ranks& ranks)
      : model_(model),
        data_((check_options(model, data, options), data)),
        options_(options),
        ranks_(ranks),
        batches_(data.size(), options.batch_size, options.seed),
        batch_size_(static_cast<Index>(batches_(0).size())),
        pool_(ranks.threads(options.threads)),
        lanes_(model, options.positions,
               options.lanes > 0 ? options.lanes
                                 : Lanes<T>::default_count(batch_size_, data.labels.size(1)),
               ranks),
        optimizer_(options.optimizer, parameters(), options.groups),
        best_(options.keep_best ? parameters().slab() : Tensor<T>()),
        facts_(run_facts(model, data, options, optimizer_, batch_size_, lanes_.count())),
        checkpoint_(options.directory, facts_) {}

  /// Makes the directory ready and goes on from its checkpoint, if that is wanted. Throws
  /// FormatError, ConfigError where that cannot be, and when ranks are about to do different runs.
  void open() {
    if (!options_.directory.empty()) {
      const bool resumes = ranks_.agree([&] { return prepare_directory(); });
      ranks_.agree([&] {
        if (resumes) state_ = checkpoint_.load(parameters(), optimizer_, best_, steps());
      });
      ranks_.agree([&] {
        if (!ranks_.is_first()) return;
        save_json(options_.directory / "config.json", config_to_json(model_.config()));
        metrics_ = MetricsFile(options_.directory / "metrics.csv", state_.metrics_bytes);
      });
    }
    saved_step_ = state_.step;
    check_same_run(ranks_, facts_, options_, steps(), parameters());
    was_finite_ = first_not_finite(parameters(), parameters().slab()).empty();
  }

  const RunState& state() const { return state_; }
  Index steps() const {
    return options_.steps > 0 ? options_.steps : options_.epochs * batches_.steps_per_epoch();
  }
  MetricsFile& metrics() { return metrics_; }
  const std::filesystem::path& checkpoint_path() const { return checkpoint_.path(); }

  /// The gradient of the next step's batch. Throws NumericError, with the step and the first bad
  /// site or parameter, when loss or gradient are not finite.
  BatchResult gradient() {
    try {
      const BatchResult batch = lanes_.gradient(data_, batches_(state_.step), pool_);
      if (!std::isfinite(batch.gradient_norm)) {
        ranks_.agree(
            [&] { check_gradient(parameters(), lanes_.gradients(), batch.gradient_norm); });
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
            batches_.epoch(state_.step - 1),
            batch.loss,
            optimizer_.lr() * lr_factor,
            batch.gradient_norm};
  }

  Evaluation evaluate() {
    return hooked::evaluate(model_, *options_.validation, options_.positions, pool_, {}, ranks_);
  }
  /// Keeps the weights if their evaluation is the best so far.
  void judge(const Evaluation& evaluation) {
    if (!options_.keep_best || !(evaluation.loss < state_.best_loss)) return;
    state_.best_loss = evaluation.loss;
    best_ = parameters().slab();
  }

  bool is_saved() const { return state_.step == saved_step_; }
  void save() {
    ranks_.agree([&] {
      if (!ranks_.is_first()) return;
      state_.metrics_bytes = metrics_.bytes();
      checkpoint_.save(parameters(), optimizer_, best_, state_);
    });
    saved_step_ = state_.step;
  }

  /// Throws NumericError when training made a weight infinite or NaN, ConfigError when ranks have
  /// come apart.
  void check_weights() {
    check_same_weights(ranks_, parameters(), "after training");
    const std::string bad = first_not_finite(parameters(), parameters().slab());
    if (!was_finite_ || bad.empty()) return;
    ranks_.agree([&] {
      fail<NumericError>("training stopped after step ", state_.step, ": ", bad,
                         " has a NaN or infinity");
    });
  }
  void take_best() { parameters().slab() = best_; }
  void save_model() {
    if (options_.directory.empty()) return;
    ranks_.agree([&] {
      if (ranks_.is_first()) save_safetensors(model_, options_.directory / "model.safetensors");
    });
  }

 private:
  Parameters<T>& parameters() { return model_.parameters(); }

  // Whether there is a checkpoint to go on from: rank 0 decides.
  bool prepare_directory() {
    if (!ranks_.is_first()) return false;
    make_directory(options_.directory);
    remove_leftovers(options_.directory);
    if (options_.resume && checkpoint_.exists()) return true;
    checkpoint_.remove();  // of an older run: going on from it would not be going on with this one
    return false;
  }

  // Clips and steps, in chunks of a fixed size spread over the pool.
  void update(double norm, double lr_factor) {
    constexpr Index kChunk = 1 << 14;
    Tensor<T>& gradients = lanes_.gradients();
    const Index size = gradients.numel();
    const bool clips = options_.max_grad_norm > 0 && norm > options_.max_grad_norm;
    const auto factor = static_cast<T>(clips ? options_.max_grad_norm / norm : 1.0);
    pool_.run((size + kChunk - 1) / kChunk, [&](Index c) {
      const Index begin = c * kChunk, end = std::min(begin + kChunk, size);
      if (clips) {
        for (Index i = begin; i < end; ++i) gradients.data()[i] *= factor;
      }
      optimizer_.step(parameters().slab(), gradients, lr_factor, begin, end);
    });
    optimizer_.finish_step();
  }

  Transformer<T>& model_;
  const Dataset& data_;
  const TrainOptions& options_;
  const Ranks& ranks_;
  BatchOrder batches_;
  Index batch_size_;
  ThreadPool pool_;
  Lanes<T> lanes_;
  Optimizer<T> optimizer_;
  Tensor<T> best_;
  typename Checkpoint<T>::Facts facts_;
  Checkpoint<T> checkpoint_;
  MetricsFile metrics_{""};
  RunState state_;
  Index saved_step_ = 0;
  bool was_finite_ = true;
};

}  // namespace hooked::detail
