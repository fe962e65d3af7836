// train: the loop that makes a model learn a data set.
#pragma once

#include <chrono>
#include <memory>

#include "hooked/train/callbacks.hpp"
#include "hooked/train/progress.hpp"
#include "hooked/train/ranks.hpp"
#include "hooked/train/training.hpp"

namespace hooked {

namespace detail {

template <Scalar T, TrainCallback... Callbacks>
TrainResult train(Transformer<T>& model, const Dataset& data, const TrainOptions& options,
                  const Ranks& ranks, Callbacks&... callbacks) {
  const auto start = std::chrono::steady_clock::now();
  std::unique_ptr<Training<T>> run;
  ranks.agree([&] { run = std::make_unique<Training<T>>(model, data, options, ranks); });
  run->open();
  ProgressLine progress(options.progress && ranks.is_first());
  const auto save = [&] {
    run->save();
    ranks.agree([&] { notify(run->checkpoint_path(), callbacks...); });
  };

  TrainResult result;
  bool going = true;
  while (going && run->state().step < run->steps()) {
    const BatchResult batch = run->gradient();
    // Only now is it known that the weights of the last step are good.
    const bool checkpoint_due =
        options.checkpoint_every > 0 && run->state().step % options.checkpoint_every == 0;
    if (checkpoint_due && !run->is_saved()) save();

    const StepInfo info = run->step(batch);
    going = ranks.agree([&] { return notify(info, progress, callbacks...); });
    const bool is_last = !going || info.step == info.total_steps;
    const bool due = options.evaluate_every > 0 && info.step % options.evaluate_every == 0;
    if (options.validation != nullptr && (due || is_last)) {
      result.evaluation = run->evaluate();
      run->judge(*result.evaluation);
      const EvaluationInfo evaluated{info, *result.evaluation};
      going = ranks.agree([&] {
        return notify(evaluated, progress, run->metrics(), callbacks...);
      }) && going;
    }
  }
  run->check_weights();
  if (options.checkpoint_every > 0 && !run->is_saved()) save();
  if (options.keep_best) run->take_best();
  if (options.validation != nullptr && (options.keep_best || !result.evaluation)) {
    result.evaluation = run->evaluate();
  }
  run->save_model();
  result.steps = run->state().step;
  result.loss = run->state().loss;
  result.stopped_early = result.steps < run->steps();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ranks.agree([&] { notify(result, callbacks...); });
  return result;
}

}  // namespace detail

/// Trains `model` on mean cross-entropy at the wanted positions. The same seed and lanes give the
/// same bits, for any number of threads and ranks and across kill and resume.
/// Throws ConfigError, ShapeError for options or data that do not fit; FormatError when the
/// directory cannot be written; NumericError, with the step and the first bad site or parameter,
/// when loss or gradient are not finite. The checkpoint that is there then is a good one: a
/// checkpoint is written once the next step has found loss and gradient finite (or at the end).
///
/// With `options.ranks`, all ranks call this with the same model, data and options, and end with
/// the same weights and result. Each calls its callbacks, so that one which changes the model does
/// so on all; whether the run goes on is what those of rank 0 say. What fails on one rank throws on
/// all, Error where nothing else was wrong. Only rank 0 writes files, which all must see.
template <Scalar T, TrainCallback... Callbacks>
TrainResult train(Transformer<T>& model, const Dataset& data, const TrainOptions& options,
                  Callbacks&&... callbacks) {
  const Ranks& ranks = options.ranks != nullptr ? *options.ranks : Ranks::alone();
  return ranks.together([&] { return detail::train(model, data, options, ranks, callbacks...); });
}

}  // namespace hooked
