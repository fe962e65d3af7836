// train: the loop that makes models learn data.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "hooked/train/training.hpp"

namespace hooked {

namespace detail {

template <Scalar T, class... Callbacks>
TrainResult run(Training<T>& run, Callbacks&... callbacks) {
  const auto start = std::chrono::steady_clock::now();
  const TrainOptions& options = run.options();
  run.open();
  TrainResult result;
  bool going = true;
  while (going && run.state().step < run.steps()) {
    const BatchResult batch = run.gradient();
    // Only now is it known that the weights of the last step are good.
    const bool checkpoint_due =
        options.checkpoint_every > 0 && run.state().step % options.checkpoint_every == 0;
    if (checkpoint_due && !run.is_saved()) run.save(callbacks...);

    const StepInfo info = run.step(batch);
    going = run.tell(info, callbacks...);
    const bool is_last = !going || info.step == info.total_steps;
    const bool due = options.evaluate_every > 0 && info.step % options.evaluate_every == 0;
    if (run.evaluates() && (due || is_last)) {
      result.evaluation = run.evaluate();
      run.judge(*result.evaluation);
      going = run.tell(EvaluationInfo{info, *result.evaluation}, callbacks...) && going;
    }
  }
  run.check_weights();
  if (options.checkpoint_every > 0 && !run.is_saved()) run.save(callbacks...);
  if (options.keep_best) run.take_best();
  if (run.evaluates() && (options.keep_best || !result.evaluation)) {
    result.evaluation = run.evaluate();
  }
  run.save_models();
  result.steps = run.state().step;
  result.loss = run.state().loss;
  result.stopped_early = result.steps < run.steps();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.tell(result, callbacks...);
  return result;
}

/// `model` is what an objective of three arguments is handed.
template <Scalar T, class Model, class Data, class O, class... Callbacks>
TrainResult train(const Together<T>& models, const Model& model, const Data& data,
                  const O& objective, const TrainOptions& options, Callbacks&... callbacks) {
  const Ranks& ranks = options.ranks != nullptr ? *options.ranks : Ranks::alone();
  using Batches = decltype(batches_of(data, 0, Seed{}));
  using B = typename Batches::Type;
  return ranks.together([&] {
    std::unique_ptr<Job<T>> job;
    std::unique_ptr<Evaluated<T>> validation;
    std::unique_ptr<Training<T>> run;
    ranks.agree([&] {
      check_options(options, Batch<Data>);
      job = std::make_unique<JobOf<T, Model, Batches, O>>(
          model, batches_of(data, options.batch_size, options.seed), objective);
      if (options.validation) {
        validation = std::make_unique<EvaluatedOf<T, Model, B, O>>(
            model, options.validation.template get<B>(), objective, "train: the validation set");
      }
      run = std::make_unique<Training<T>>(models, *job, validation.get(), options, ranks);
    });
    return detail::run(*run, callbacks...);
  });
}

}  // namespace detail

/// Trains `model` on `data`, a finite set (any Batch) or draw(...), so that `objective` becomes
/// small (train/objective.hpp says what it may be). The same seed and lanes give the same bits, for
/// any number of threads and ranks and across kill and resume.
/// Throws ConfigError, ShapeError for options, data or an objective that do not fit; FormatError
/// when the directory cannot be written; NumericError, with the step and the first bad site or
/// parameter, when loss or gradient are not finite. The checkpoint that is there then is a good
/// one: a checkpoint is written once the next step has found loss and gradient finite (or at the
/// end).
///
/// With `options.ranks`, all ranks call this with the same model, data and options, and end with
/// the same weights and result. Each calls its callbacks, so that one which changes the model does
/// so on all; whether the run goes on is what those of rank 0 say. What fails on one rank throws on
/// all, Error where nothing else was wrong. Only rank 0 writes files, which all must see.
template <class Network, class Data, class O, TrainCallback... Callbacks>
requires(!std::same_as<std::remove_cvref_t<O>, TrainOptions>) TrainResult
    train(Model<Network>& model, const Data& data, const O& objective, const TrainOptions& options,
          Callbacks&&... callbacks) {
  const Together<typename Model<Network>::T> one({trained("model", model)});
  return detail::train(one, model, data, objective, options, callbacks...);
}

/// A token model on cross-entropy.
template <class Network, class Data, TrainCallback... Callbacks>
TrainResult train(Model<Network>& model, const Data& data, const TrainOptions& options,
                  Callbacks&&... callbacks) {
  return train(model, data, CrossEntropyLoss{}, options, callbacks...);
}

/// Several models, which the objective (of pass and batch) runs as it likes, some trained and some
/// frozen. The directory gets a folder for each, under its name.
template <Scalar T, class Data, class O, TrainCallback... Callbacks>
TrainResult train(const Together<T>& models, const Data& data, const O& objective,
                  const TrainOptions& options, Callbacks&&... callbacks) {
  return detail::train(models, models, data, objective, options, callbacks...);
}

}  // namespace hooked
