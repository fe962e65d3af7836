// Base figures: loss and accuracy on all pairs, on those seen in training and on the rest.
#pragma once

#include "hooked/train/evaluate.hpp"
#include "study.hpp"
#include "training.hpp"

namespace subtraction {

inline void base_figures(const Study& study, const Options& options, Report& report) {
  report.add(
      judge({.claim = "sign loss",
             .study_says = 0.068,
             .unit = "nats",
             .definition = "mean cross-entropy of the sign token over all 103 logits at '=', "
                           "all 10,000 pairs"},
            study.base.loss, {within_factor(0.068, 1.5), {0.0, std::log(2.0)}}));
  report.add(judge({.claim = "sign accuracy",
                    .study_says = 98.55,
                    .unit = "%",
                    .definition = "likeliest of 103 tokens at '=', all 10,000 pairs"},
                   study.base.accuracy, {within(98.55, 0.5), {95.0, 100.0}}));

  const auto parts = training_split(study.all, options);
  const auto number = [&](const Dataset& data, const std::string& pairs) {
    const auto e = evaluate(study.model, data, {}, {.threads = options.threads});
    if (&data != &study.all) {
      report.add(hooked::report({.claim = "sign loss, " + pairs,
                                 .unit = "nats",
                                 .definition = "as 'sign loss', on the " + pairs},
                                e.loss_at[0]));
      report.add(hooked::report({.claim = "sign accuracy, " + pairs,
                                 .unit = "%",
                                 .definition = "as 'sign accuracy', on the " + pairs},
                                100.0 * e.accuracy_at[0]));
    }
    report.add(hooked::report(
        {.claim = "number accuracy, " + pairs,
         .unit = "%",
         .definition = "likeliest of 103 tokens at the true sign against |a-b|, on the " + pairs},
        100.0 * e.accuracy_at[1]));
  };
  number(study.all, "all pairs");
  number(parts.train, "training pairs");
  number(parts.test, "test pairs");
}

}  // namespace subtraction
