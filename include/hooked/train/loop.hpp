// The loop of training: gradient, checkpoint, step, evaluation, until it ends.
#pragma once

#include <chrono>
#include <memory>

#include "hooked/train/callbacks.hpp"
#include "hooked/train/checks.hpp"
#include "hooked/train/evaluation.hpp"
#include "hooked/train/job.hpp"
#include "hooked/train/lanes.hpp"
#include "hooked/train/options.hpp"
#include "hooked/train/ranks.hpp"
#include "hooked/train/trained_model.hpp"
#include "hooked/train/training.hpp"

namespace hooked::detail {

template <Scalar T>
TrainResult run(Training<T>& run) {
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
    if (checkpoint_due && !run.is_saved()) run.save();

    const StepInfo info = run.step(batch);
    going = run.tell(info);
    const bool is_last = !going || info.step == info.total_steps;
    const bool due = options.evaluate_every > 0 && info.step % options.evaluate_every == 0;
    if (run.evaluates() && (due || is_last)) {
      result.evaluation = run.evaluate();
      run.judge(*result.evaluation);
      going = run.tell(EvaluationInfo{info, *result.evaluation}) && going;
    }
  }
  run.check_weights();
  if (options.checkpoint_every > 0 && !run.is_saved()) run.save();
  if (options.keep_best) run.take_best();
  if (run.evaluates() && (options.keep_best || !result.evaluation)) {
    result.evaluation = run.evaluate();
  }
  run.save_models();
  result.steps = run.state().step;
  result.loss = run.state().loss;
  result.stopped_early = result.steps < run.steps();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.tell(result);
  return result;
}

template <Scalar T>
TrainResult train(const Together<T>& models, const MakeJob<T>& make_job,
                  const TrainOptions& options, bool has_epochs, Audience& audience) {
  const Ranks& ranks = options.ranks != nullptr ? *options.ranks : Ranks::alone();
  return ranks.together([&] {
    JobAndValidation<T> made;
    std::unique_ptr<Training<T>> training;
    ranks.agree([&] {
      check_options(options, has_epochs);
      made = make_job();
      training = std::make_unique<Training<T>>(models, *made.job, made.validation.get(), options,
                                               ranks, audience);
    });
    return run(*training);
  });
}

}  // namespace hooked::detail
