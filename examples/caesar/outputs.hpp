// What the model says, beside the best that can be said.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "bayes.hpp"
#include "hooked/interp/statistics.hpp"
#include "reading.hpp"

namespace caesar {

/// Log-probabilities of all rotations for all of a data set: [sequence, position, rotation].
inline Tensor<float> log_probs_of(const Reading& at, const Dataset& data) {
  return hooked::log_softmax(at.model.run_with_hooks(data.tokens, {}, {.threads = at.threads}));
}

/// The probabilities of the right rotation at all places.
inline std::vector<double> right_probabilities(const Tensor<float>& log_probs,
                                               const Dataset& data) {
  std::vector<double> p;
  for (Index s = 0; s < data.size(); ++s) {
    for (Index t = 0; t < log_probs.size(1); ++t) {
      p.push_back(std::exp(static_cast<double>(log_probs(s, t, data.labels(s, t)))));
    }
  }
  return p;
}

inline void base_figures(const Reading& at, const study::Subject& subject, Report& report) {
  const Dataset& all = subject.setup.all;
  const Tensor<float> log_probs = log_probs_of(at, all);
  const std::vector<double> p = right_probabilities(log_probs, all);
  const Quality q = quality(log_probs, all);
  const auto around = [](double target, double near, double far) {
    return Rule{within(target, near), within(target, far)};
  };
  const bool easy = at.mode == "easy";
  const double loss = easy ? 0.121 : 0.2;
  const std::vector<double> numbers{q.loss, q.mean_probability, hooked::median(p)};
  report.add(judge_said(
      {.claim = "loss; mean and median probability of the right rotation",
       .study_says = at.study({.easy = {0.121, 0.946, 0.998}, .medium = {0.2, 0.91, 0.997}}),
       .unit = "nats, -, -",
       .definition = "10,000 validation sequences, all positions"},
      numbers,
      {{within_factor(loss, 1.1), within_factor(loss, 2.0)},
       around(easy ? 0.946 : 0.91, 0.01, 0.05),
       around(easy ? 0.998 : 0.997, 0.002, 0.02)}));
  report.add(hooked::report({.claim = "accuracy",
                             .unit = "%",
                             .definition = "of the likeliest rotation, the same sequences"},
                            100.0 * q.accuracy));
  report.add(hooked::report({.claim = "least probability of the right rotation",
                             .study_says = at.study({.easy = 0.0, .medium = 0.001}),
                             .definition = "of all places of these sequences"},
                            *std::min_element(p.begin(), p.end())));
  report.add(
      hooked::report({.claim = "processed weights: change of log-probabilities",
                      .unit = "nats",
                      .definition = "the largest, when norms are folded, all that is written "
                                    "and the unembedding centred, and b_V folded into b_O; "
                                    "all analyses are of these weights"},
                     at.processed.report.log_probs_error));
  report.say("The model gives " + short_text(100.0 * q.accuracy) +
             "% of the answers, with a loss of " + short_text(q.loss, 3) + " nats.");
  Figure figure = Figure::lines("Loss by position", "position", "nats");
  Tensor<double> x({at.length()}), y({at.length()});
  for (Index t = 0; t < at.length(); ++t) {
    x(t) = static_cast<double>(t), y(t) = q.loss_at[static_cast<std::size_t>(t)];
  }
  figure.panel("").line("model", x, y);
  if (at.has_words()) {
    const Quality best = quality(exact_posteriors(at.words, at.mode, all.tokens), all);
    report.add(hooked::report(
        {.claim = "Bayes' rule over the word list: loss, mean probability, accuracy",
         .unit = "nats, -, %",
         .definition = "the same sequences; words' borders known, words independent"},
        std::vector<double>{best.loss, best.mean_probability, 100.0 * best.accuracy}));
    Tensor<double> b({at.length()});
    for (Index t = 0; t < at.length(); ++t) b(t) = best.loss_at[static_cast<std::size_t>(t)];
    figure.line("Bayes' rule over the word list", x, b, true);
    report.say("The best possible loss on the same sequences is " + short_text(best.loss, 3) +
               " nats: the model leaves " + short_text(q.loss - best.loss, 2) + ".");
  }
  report.add("loss_by_position",
             "Nearly all loss is in the first letters, where nobody could know the rotation.",
             std::move(figure));
}

/// What the model says along the first sequences: [rotation, position].
inline void draw_sequences(const Reading& at, Report& report) {
  Figure figure = Figure::heatmap("Probability of each rotation", "position", "rotation",
                                  "probability", Figure::Colors::sequential);
  for (Index s = 0; s < std::min<Index>(3, at.size()); ++s) {
    const auto p = map(at.log_probs.select(0, s), [](float x) { return std::exp(x); });
    figure.panel(at.plain_text(s) + ", by " + std::to_string(at.rotation(s)),
                 Tensor<float>(p.transpose()));
  }
  report.add("rotations_along_sequences",
             "After a few letters one row has all the probability: that of the right rotation.",
             std::move(figure));
}

}  // namespace caesar
