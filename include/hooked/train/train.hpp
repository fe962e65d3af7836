// train: the loop that makes a model learn a data set.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
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
  /// `batch_size` 0: the whole set. Throws ShapeError for an empty set and a negative size.
  BatchOrder(Index examples, Index batch_size, Seed seed)
      : batch_size_(batch_size == 0 ? examples : std::min(batch_size, examples)),
        seed_(seed),
        shuffled_(batch_size != 0),
        order_(static_cast<std::size_t>(std::max<Index>(examples, 0))) {
    if (examples < 1 || batch_size < 0) {
      fail<ShapeError>("batches of ", batch_size, " out of ", examples, " examples");
    }
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
      std::array<char, 32> stream{"epoch "};  // not a string: a step takes nothing from the heap
      const auto end = std::to_chars(&stream[6], &stream[31], epoch).ptr;
      Random(seed_, {stream.data(), end}).permutation(order_);
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
  const std::pair<const char*, Index> counts[] = {{"steps", o.steps},
                                                  {"epochs", o.epochs},
                                                  {"batch_size", o.batch_size},
                                                  {"evaluate_every", o.evaluate_every},
                                                  {"checkpoint_every", o.checkpoint_every},
                                                  {"lanes", o.lanes},
                                                  {"threads", o.threads}};
  for (const auto& [name, count] : counts) {
    if (count < 0) fail<ConfigError>("train: ", name, " is ", count, ", it cannot be negative");
  }
  if ((o.steps > 0) == (o.epochs > 0)) {
    fail<ConfigError>("train: steps is ", o.steps, " and epochs is ", o.epochs,
                      ": give one of them, at least 1");
  }
  if (!(o.max_grad_norm >= 0)) {
    fail<ConfigError>("train: max_grad_norm is ", o.max_grad_norm, ", it cannot be negative");
  }
  if (o.keep_best && o.validation == nullptr) {
    fail<ConfigError>("train: keep_best needs a validation set to judge by");
  }
  if (o.evaluate_every > 0 && o.validation == nullptr) {
    fail<ConfigError>("train: evaluate_every needs a validation set");
  }
  if ((o.checkpoint_every > 0 || o.resume) && o.directory.empty()) {
    fail<ConfigError>("train: checkpoints need a directory");
  }
  check_dataset(model.config(), data, o.positions, "train: the training set");
  if (o.validation != nullptr) {
    check_dataset(model.config(), *o.validation, o.positions, "train: the validation set");
  }
}

/// Sixteen hexadecimal digits that change with the data (FNV-1a over tokens and labels).
inline std::string fingerprint(const Dataset& data) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const Tensor<Token>* numbers : {&data.tokens, &data.labels}) {
    for (Index i = 0; i < numbers->numel(); ++i) {
      hash = (hash ^ static_cast<std::uint32_t>(numbers->data()[i])) * 0x100000001b3;
    }
  }
  std::array<char, 17> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
  return digits.data();
}

/// What must agree for a run to go on from a checkpoint with the bits of an uninterrupted one.
template <Scalar T>
typename Checkpoint<T>::Facts run_facts(const Transformer<T>& model, const Dataset& data,
                                        const TrainOptions& o, const Optimizer<T>& optimizer,
                                        Index batch_size, int lanes) {
  std::string positions;
  for (const Token p : o.positions) positions += text(positions.empty() ? "" : ",", p);
  return {{"config", config_to_json(model.config()).dump()},
          {"numbers", text(dtype_of<T>())},
          {"optimizer", std::string(optimizer.name())},
          {"seed", std::to_string(o.seed.value)},
          {"lanes", std::to_string(lanes)},
          {"batch_size", std::to_string(batch_size)},
          {"positions", positions.empty() ? "all" : positions},
          {"examples", std::to_string(data.size())},
          {"fingerprint of the data", fingerprint(data)},
          {"keep_best", o.keep_best ? "true" : "false"}};
}

/// Removes what a run that was killed while it wrote a file left in its directory.
inline void remove_leftovers(const std::filesystem::path& directory) {
  for (const char* file : {"checkpoint.safetensors", "config.json", "model.safetensors"}) {
    std::error_code none;
    for (int i = 0; std::filesystem::remove(directory / text(file, ".tmp", i), none);) ++i;
  }
}

/// The first parameter, of those that are trained, with a NaN or infinity in `slab`; or "".
template <Scalar T>
std::string first_not_finite(const Parameters<T>& parameters, const Tensor<T>& slab) {
  const ParameterLayout& layout = parameters.layout();
  for (std::size_t i = 0; i < layout.size(); ++i) {
    const auto id = static_cast<ParameterId>(i);
    const auto numbers = layout.packed(slab.data(), id).array();
    if (!parameters.is_frozen(id) && !numbers.isFinite().all()) return layout[id].name;
  }
  return "";
}

/// Throws NumericError that names the first parameter with a NaN or infinity in its gradient.
template <Scalar T>
void check_gradient(const Parameters<T>& parameters, const Tensor<T>& gradients, double norm) {
  if (std::isfinite(norm)) return;
  const std::string name = first_not_finite(parameters, gradients);
  if (name.empty()) fail<NumericError>("the gradient's norm is ", norm);
  fail<NumericError>("the gradient of ", name, " has a NaN or infinity");
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
/// when loss or gradient are not finite. The checkpoint that is there then is a good one: a
/// checkpoint is written once the next step has found loss and gradient finite (or at the end).
template <Scalar T, TrainCallback... Callbacks>
TrainResult train(Transformer<T>& model, const Dataset& data, const TrainOptions& options,
                  Callbacks&&... callbacks) {
  detail::check_options(model, data, options);
  const auto start = std::chrono::steady_clock::now();
  BatchOrder batches(data.size(), options.batch_size, options.seed);
  const Index steps =
      options.steps > 0 ? options.steps : options.epochs * batches.steps_per_epoch();
  const auto batch_size = static_cast<Index>(batches(0).size());
  const int lane_count = options.lanes > 0 ? options.lanes : Lanes<T>::default_count(batch_size);

  ThreadPool pool(options.threads);
  Lanes<T> lanes(model, options.positions, lane_count);
  Parameters<T>& parameters = model.parameters();
  Optimizer<T> optimizer(options.optimizer, parameters, options.groups);
  Tensor<T> best = options.keep_best ? parameters.slab() : Tensor<T>();

  const Checkpoint<T> checkpoint(
      options.directory,
      detail::run_facts(model, data, options, optimizer, batch_size, lanes.count()));
  RunState state;
  const bool writes = !options.directory.empty();
  if (writes) {
    make_directory(options.directory);
    detail::remove_leftovers(options.directory);
    if (options.resume && checkpoint.exists()) {
      state = checkpoint.load(parameters, optimizer, best, steps);
    } else {
      checkpoint.remove();  // of an older run: going on from it would not be going on with this one
    }
    save_json(options.directory / "config.json", config_to_json(model.config()));
  }
  MetricsFile metrics(writes ? options.directory / "metrics.csv" : "", state.metrics_bytes);
  ProgressLine progress(options.progress);

  TrainResult result;
  Index saved_step = state.step;
  const auto save = [&] {
    state.metrics_bytes = metrics.bytes();
    checkpoint.save(parameters, optimizer, best, state);
    saved_step = state.step;
    notify(checkpoint.path(), callbacks...);
  };
  const bool was_finite = detail::first_not_finite(parameters, parameters.slab()).empty();
  bool going = true;
  while (going && state.step < steps) {
    const double lr_factor = options.schedule(state.step);
    BatchResult batch;
    try {
      batch = lanes.gradient(data, batches(state.step), pool);
      detail::check_gradient(parameters, lanes.gradients(), batch.gradient_norm);
    } catch (const NumericError& error) {
      fail<NumericError>("training stopped in step ", state.step + 1, ": ", error.what());
    }
    // Only now is it known that the weights of the last step are good.
    const bool checkpoint_due =
        options.checkpoint_every > 0 && state.step % options.checkpoint_every == 0;
    if (checkpoint_due && state.step != saved_step) save();

    detail::update(optimizer, parameters, lanes.gradients(), batch.gradient_norm, lr_factor,
                   options.max_grad_norm, pool);
    ++state.step;
    state.loss = batch.loss;

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
  }
  const std::string bad = detail::first_not_finite(parameters, parameters.slab());
  if (was_finite && !bad.empty()) {
    fail<NumericError>("training stopped after step ", state.step, ": ", bad,
                       " has a NaN or infinity");
  }
  if (options.checkpoint_every > 0 && state.step != saved_step) save();
  if (options.keep_best) parameters.slab() = best;
  if (options.validation != nullptr && (options.keep_best || !result.evaluation)) {
    result.evaluation = evaluate(model, *options.validation, options.positions, pool);
  }
  if (writes) save_safetensors(model, options.directory / "model.safetensors");
  result.steps = state.step;
  result.loss = state.loss;
  result.stopped_early = state.step < steps;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  notify(result, callbacks...);
  return result;
}

}  // namespace hooked
