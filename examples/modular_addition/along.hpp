// How a run developed: when it grokked, and what formed before that.
#pragma once

#include <algorithm>
#include <cmath>

#include "at_equals.hpp"
#include "phases.hpp"

namespace addition {

inline void phases(const Trajectory& run, const Phases& at, Report& report) {
  const auto step = [&](std::size_t i) { return step_of(run, i); };
  report.add(judge({.claim = "grokking: begins, ends",
                    .study_says = {10000, 15000},
                    .unit = "steps",
                    .definition = "first snapshots after the largest test loss with at most two "
                                  "thirds of that, and with less than 1e-3"},
                   {step(at.begins), step(at.ends)},
                   {{within_factor(10000, 1.25), within_factor(10000, 2.5)},
                    {within_factor(15000, 1.25), within_factor(15000, 2.5)}}));
  report.add(judge({.claim = "phases: memorised, circuit formed",
                    .study_says = {1400, 9400},
                    .unit = "steps",
                    .definition = "the snapshot of the least excluded loss (training pairs, "
                                  "without the final key frequencies), and the first after it with "
                                  "90% of the largest; the numbers are the ends of memorization "
                                  "and of circuit formation of Nanda et al."},
                   {step(at.memorised), step(at.formed)},
                   {{within_factor(1400, 1.5), within_factor(1400, 4.0)},
                    {within_factor(9400, 1.25), within_factor(9400, 2.5)}}));
}

inline void order_of_events(const Trajectory& run, const Phases& at, Report& report) {
  const auto below = [&](const std::string& name) {
    return step_of(run, first_with(run, at.peak, [&](const Moment& m) { return m[name] < 1.0; }));
  };
  report.add(judge({.claim = "restricted loss falls before the test loss",
                    .study_says = "begins declining before test loss declines",
                    .definition = "step of the first snapshot after the largest test loss with a "
                                  "restricted loss below 1 nat, divided by that of a test loss "
                                  "below 1 nat"},
                   below("restricted loss") / below("test loss"), {{0.0, 0.9}, {0.0, 0.999}}));
  const auto fall = [&](std::size_t from, std::size_t to) {
    const double steps = step_of(run, to) - step_of(run, from);
    return (at_or_nan(run, from, "sum of squares") - at_or_nan(run, to, "sum of squares")) / steps;
  };
  report.add(judge({.claim = "sum of squares of weights: its fall in grokking against before",
                    .study_says = "decreases smoothly during circuit formation and more sharply "
                                  "during cleanup",
                    .definition = "fall per step from where grokking begins to where it ends, "
                                  "divided by that from where it is largest to where grokking "
                                  "begins"},
                   fall(at.begins, at.ends) / fall(extreme(run, "sum of squares"), at.begins),
                   {{.low = 1.5}, {.low = 1.0}}));
  for (const std::string matrix : {"W_E", "W_L"}) {
    report.add(hooked::report({.claim = "Gini coefficient of " + matrix + " along training",
                               .definition = "of the norms of its waves, when the excluded loss is "
                                             "least, when grokking begins, and at the end"},
                              std::vector<double>{at_or_nan(run, at.memorised, "Gini " + matrix),
                                                  at_or_nan(run, at.begins, "Gini " + matrix),
                                                  run.back()["Gini " + matrix]}));
  }
}

/// Losses by their logarithms, and where phases end.
inline void draw_losses(const Trajectory& run, const Phases& at, Report& report) {
  Figure figure = Figure::lines("Losses along training", "step", "log10 of nats");
  figure.panel("by key frequencies of the trained model");
  const auto n = static_cast<Index>(run.size());
  Tensor<double> steps({n}), values({n});
  Tensor<double> range({2}, {0.0, 0.0});
  for (const std::string name : {"train loss", "test loss", "restricted loss", "excluded loss"}) {
    for (Index i = 0; i < n; ++i) {
      const Moment& moment = run[static_cast<std::size_t>(i)];
      steps(i) = static_cast<double>(moment.snapshot.step);
      values(i) = std::log10(moment[name]);
      range(0) = std::min(range(0), values(i)), range(1) = std::max(range(1), values(i));
    }
    figure.line(name, steps, values);
  }
  const auto upright = [&](const std::string& label, std::size_t i) {
    if (i < run.size()) figure.line(label, Tensor<double>({2}, step_of(run, i)), range, true);
  };
  upright("memorised", at.memorised);
  upright("circuit formed", at.formed);
  upright("grokking begins", at.begins);
  upright("grokking ends", at.ends);
  report.add("losses",
             "The restricted loss falls long before the test loss, while the excluded loss rises.",
             std::move(figure));
}

/// What is tracked of each key frequency: these and its number.
inline const std::string kCosine = "cosine of ", kWithout = "loss without ";

/// The key frequencies one by one.
inline void draw_key_frequencies(const Trajectory& run, Report& report) {
  Figure cosines = Figure::lines("Key cosines along training", "step", "coefficient");
  Figure without = Figure::lines("Loss without one key frequency", "step", "log10 of nats");
  cosines.panel("logits along cos w(x + s y - z)"), without.panel("training pairs");
  const auto n = static_cast<Index>(run.size());
  const auto column = [&](const auto& value) {
    Tensor<double> values({n});
    for (Index i = 0; i < n; ++i) values(i) = value(run[static_cast<std::size_t>(i)]);
    return values;
  };
  const auto steps = column([](const Moment& m) { return static_cast<double>(m.snapshot.step); });
  for (const auto& [tracked, value] : run[0].numbers) {
    if (!tracked.starts_with(kCosine)) continue;
    const std::string k = tracked.substr(kCosine.size());
    cosines.line(k, steps, column([&](const Moment& m) { return m[kCosine + k]; }));
    without.line(k, steps, column([&](const Moment& m) { return std::log10(m[kWithout + k]); }));
  }
  report.add("key_cosines", "Each key frequency rises in its own time, before the test loss falls.",
             std::move(cosines));
  report.add("without_key_frequency",
             "While the model only memorises no frequency is missed; later it needs each.",
             std::move(without));
}

inline void along_training(const Trajectory& run, Report& report) {
  const Phases at(run);
  phases(run, at, report);
  order_of_events(run, at, report);
  draw_losses(run, at, report);
  draw_key_frequencies(run, report);
  const auto step = [&](std::size_t i) {
    return i < run.size() ? std::to_string(run[i].snapshot.step) : std::string("never");
  };
  report.say("Along training: it memorised by step " + step(at.memorised) +
             ", its circuit had formed by step " + step(at.formed) +
             ",\nand it grokked from step " + step(at.begins) + " to " + step(at.ends) + ".");
}

}  // namespace addition
