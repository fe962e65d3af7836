// train: the loop that makes a model learn a data set.
#pragma once

#include <chrono>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "hooked/train/callbacks.hpp"
#include "hooked/train/checkpoint.hpp"
#include "hooked/train/lanes.hpp"
#include "hooked/train/metrics.hpp"
#include "hooked/train/progress.hpp"

namespace hooked {

/// Which examples each step sees: the whole set in order, or mini-batches of a fresh random order
/// every epoch (the last batch of an epoch may be smaller). A function of seed and step alone, so a
/// run can start anywhere.
class BatchOrder {
 public:
  BatchOrder(Index examples, Index batch_size, Seed seed)
      : batch_size_(batch_size == 0 ? examples : std::min(batch_size, examples)),
        seed_(seed),
        shuffled_(batch_size != 0),
        order_(static_cast<std::size_t>(examples)) {
    std::iota(order_.begin(), order_.end(), Index{0});
  }

  Index steps_per_epoch() const {
    return (static_cast<Index>(order_.size()) + batch_size_ - 1) / batch_size_;
  }
  Index epoch(Index step) const { return step / steps_per_epoch(); }

  /// The examples of step `step`; valid until the next call.
  std::span<const Index> operator()(Index step) {
    const Index epoch = this->epoch(step);
    if (shuffled_ && epoch != ordered_epoch_) {
      Random(seed_, text("epoch ", epoch)).permutation(order_);
      ordered_epoch_ = epoch;
    }
    const auto first = static_cast<std::size_t>(step % steps_per_epoch() * batch_size_);
    const auto count = std::min(static_cast<std::size_t>(batch_size_), order_.size() - first);
    return std::span<const Index>(order_).subspan(first, count);
  }

 private:
  Index batch_size_;
  Seed seed_;
  bool shuffled_;
  std::vector<Index> order_;
  Index ordered_epoch_ = -1;
};

namespace detail {

/// Throws ConfigError or ShapeError for options that do not fit each other or the data.
template <Scalar T>
void check_options(const Transformer<T>& model, const Dataset& data, const TrainOptions& o) {
  if ((o.steps > 0) == (o.epochs > 0)) {
    fail<ConfigError>("train: steps is ", o.steps, " and epochs is ", o.epochs,
                      ": give one of them, at least 1");
  }
  if (o.batch_size < 0) fail<ConfigError>("train: batch_size is ", o.batch_size);
  if (o.max_grad_norm < 0) fail<ConfigError>("train: max_grad_norm is ", o.max_grad_norm);
  if (o.keep_best && o.validation == nullptr) {
    fail<ConfigError>("train: keep_best needs a validation set to judge by");
  }
  if (o.evaluate_every > 0 && o.validation == nullptr) {
    fail<ConfigError>("train: evaluate_every needs a validation set");
  }
  if ((o.checkpoint_every > 0 || o.resume) && o.directory.empty()) {
    fail<ConfigError>("train: checkpoints need a directory");
  }
  const auto check_set = [&](const char* what, const Dataset& set) {
    if (set.size() == 0) fail<ShapeError>("train: the ", what, " set is empty");
    const Index wanted =
        o.positions.empty() ? set.tokens.size(1) : static_cast<Index>(o.positions.size());
    if (set.labels.shape() != Shape{set.size(), wanted}) {
      fail<ShapeError>("train: the ", what, " set has tokens ", set.tokens.shape(), " and labels ",
                       set.labels.shape(), "; with ", wanted, " positions read, labels must be ",
                       Shape{set.size(), wanted});
    }
    for_each_element(set.labels.view(), [&](Index i, const Token& label) {
      if (label < CrossEntropy::kIgnored || label >= model.config().d_vocab_out) {
        fail<ShapeError>("train: label ", label, " of example ", i / wanted, " in the ", what,
                         " set is outside the vocabulary 0..", model.config().d_vocab_out - 1);
      }
    });
  };
  check_set("training", data);
  if (o.validation != nullptr) check_set("validation", *o.validation);
}

/// Throws NumericError that names the first parameter with a NaN or infinity in its gradient.
template <Scalar T>
void check_gradient(const ParameterLayout& layout, const Tensor<T>& gradients, double norm) {
  if (std::isfinite(norm)) return;
  for (const std::string& name : layout.names()) {
    bool finite = true;
    for_each_element(layout.view(gradients.data(), layout.find(name)),
                     [&](Index, const T& g) { finite = finite && std::isfinite(g); });
    if (!finite) fail<NumericError>("the gradient of ", name, " has a NaN or infinity");
  }
  fail<NumericError>("the gradient's norm is ", norm);
}

/// Clips and steps, in chunks of a fixed size spread over the pool.
template <Scalar T>
void update(Optimizer<T>& optimizer, Parameters<T>& parameters, Tensor<T>& gradients, double norm,
            double lr_factor, double max_grad_norm, ThreadPool& pool) {
  constexpr Index kChunk = 1 << 14;
  const Index size = gradients.numel();
  const bool clips = max_grad_norm > 0 && norm > max_grad_norm;
  const auto factor = static_cast<T>(clips ? max_grad_norm / norm : 1.0);
  pool.run((size + kChunk - 1) / kChunk, [&](Index c) {
    const Index begin = c * kChunk, end = std::min(begin + kChunk, size);
    if (clips) {
      for (Index i = begin; i < end; ++i) gradients.data()[i] *= factor;
    }
    optimizer.step(parameters.slab(), gradients, lr_factor, begin, end);
  });
  optimizer.finish_step();
}

}  // namespace detail

/// Trains `model` on mean cross-entropy at the wanted positions. The same seed and lanes give the
/// same bits, for any number of threads and across kill and resume.
/// Throws ConfigError, ShapeError for options or data that do not fit; FormatError when the
/// directory cannot be written; NumericError, with the step and the first bad site or parameter,
/// when loss or gradient are not finite (the last checkpoint stays as it is).
template <Scalar T, TrainCallback... Callbacks>
TrainResult train(Transformer<T>& model, const Dataset& data, const TrainOptions& options,
                  Callbacks&&... callbacks) {
  detail::check_options(model, data, options);
  const auto start = std::chrono::steady_clock::now();
  BatchOrder batches(data.size(), options.batch_size, options.seed);
  const Index steps =
      options.steps > 0 ? options.steps : options.epochs * batches.steps_per_epoch();
  const Index batch_size = static_cast<Index>(batches(0).size());
  const int lane_count = options.lanes > 0 ? options.lanes : Lanes<T>::default_count(batch_size);

  ThreadPool pool(options.threads);
  Lanes<T> lanes(model, options.positions, lane_count);
  Parameters<T>& parameters = model.parameters();
  Optimizer<T> optimizer(options.optimizer, parameters, options.groups);
  Tensor<T> best = options.keep_best ? parameters.slab() : Tensor<T>();

  const Checkpoint<T> checkpoint(options.directory,
                                 {{"seed", std::to_string(options.seed.value)},
                                  {"lanes", std::to_string(lanes.count())},
                                  {"batch_size", std::to_string(batch_size)},
                                  {"examples", std::to_string(data.size())},
                                  {"steps", std::to_string(steps)},
                                  {"keep_best", options.keep_best ? "true" : "false"}});
  RunState state;
  const bool writes = !options.directory.empty();
  if (writes) {
    make_directory(options.directory);
    save_json(options.directory / "config.json", config_to_json(model.config()));
  }
  if (options.resume && checkpoint.exists()) {
    state = checkpoint.load(parameters, optimizer, best);
  }
  MetricsFile metrics(writes ? options.directory / "metrics.csv" : "", state.metrics_bytes);
  ProgressLine progress(options.progress);

  TrainResult result;
  bool going = true;
  while (going && state.step < steps) {
    const double lr_factor = options.schedule(state.step);
    BatchResult batch;
    try {
      batch = lanes.gradient(data, batches(state.step), pool);
      detail::check_gradient(parameters.layout(), lanes.gradients(), batch.gradient_norm);
    } catch (const NumericError& error) {
      fail<NumericError>("training stopped in step ", state.step, ": ", error.what());
    }
    detail::update(optimizer, parameters, lanes.gradients(), batch.gradient_norm, lr_factor,
                   options.max_grad_norm, pool);
    ++state.step;
    result.loss = batch.loss;

    const StepInfo info{state.step,
                        steps,
                        batches.epoch(state.step - 1),
                        batch.loss,
                        optimizer.lr() * lr_factor,
                        batch.gradient_norm};
    going = notify(info, progress, callbacks...);
    const bool is_last = !going || state.step == steps;
    const bool due = options.evaluate_every > 0 && state.step % options.evaluate_every == 0;
    if (options.validation != nullptr && (due || is_last)) {
      result.evaluation = evaluate(model, *options.validation, options.positions, pool);
      if (options.keep_best && result.evaluation->loss < state.best_loss) {
        state.best_loss = result.evaluation->loss;
        best = parameters.slab();
      }
      going = notify(EvaluationInfo{info, *result.evaluation}, progress, metrics, callbacks...) &&
              going;
    }
    if (options.checkpoint_every > 0 && state.step % options.checkpoint_every == 0) {
      state.metrics_bytes = metrics.bytes();
      checkpoint.save(parameters, optimizer, best, state);
      notify(checkpoint.path(), callbacks...);
    }
  }
  result.steps = state.step;
  result.stopped_early = state.step < steps;
  if (options.keep_best) parameters.slab() = best;
  if (writes) save_safetensors(model, options.directory / "model.safetensors");
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  notify(result, progress, callbacks...);
  return result;
}

}  // namespace hooked
