// How a run developed: when it grokked, and what formed before that.
#pragma once

#include <cmath>
#include <limits>

#include "../common/trajectory.hpp"
#include "at_equals.hpp"

namespace addition {

using study::Moment;
using study::Trajectory;

/// The snapshot with the largest of a number, or with sign -1 the smallest.
inline std::size_t extreme(const Trajectory& run, const std::string& name, double sign = 1.0) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < run.size(); ++i) {
    if (sign * run[i][name] > sign * run[best][name]) best = i;
  }
  return best;
}

/// The first snapshot from `first` on for which `holds`; run.size() where there is none.
template <class Holds>
std::size_t first_with(const Trajectory& run, std::size_t first, Holds holds) {
  while (first < run.size() && !holds(run[first])) ++first;
  return first;
}

/// Snapshots that divide a run, by their places in it; run.size() for what did not happen. The test
/// loss alone says when it grokked, the excluded loss when it memorised and when its circuit
/// formed.
struct Phases {
  std::size_t peak;       // of the test loss
  std::size_t begins;     // to grok: at most two thirds of the peak
  std::size_t ends;       // less than 1e-3
  std::size_t memorised;  // the least excluded loss
  std::size_t formed;     // the first after it with 90% of the largest

  explicit Phases(const Trajectory& run)
      : peak(extreme(run, "test loss")), memorised(extreme(run, "excluded loss", -1.0)) {
    const double highest = run[peak]["test loss"];
    const double excluded = run[extreme(run, "excluded loss")]["excluded loss"];
    begins = first_with(run, peak,
                        [&](const Moment& at) { return at["test loss"] <= 2.0 / 3.0 * highest; });
    ends = first_with(run, peak, [](const Moment& at) { return at["test loss"] < 1e-3; });
    formed = first_with(run, memorised,
                        [&](const Moment& at) { return at["excluded loss"] >= 0.9 * excluded; });
  }
};

/// The number of a snapshot, NaN where there is no such snapshot.
inline double at_or_nan(const Trajectory& run, std::size_t i, const std::string& name) {
  return i < run.size() ? run[i][name] : std::numeric_limits<double>::quiet_NaN();
}
inline double step_of(const Trajectory& run, std::size_t i) {
  return i < run.size() ? static_cast<double>(run[i].snapshot.step)
                        : std::numeric_limits<double>::quiet_NaN();
}

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

/// Losses by their logarithms.
inline void draw_losses(const Trajectory& run, Report& report) {
  Figure figure = Figure::lines("Losses along training", "step", "log10 of nats");
  figure.panel("by key frequencies of the trained model");
  Tensor<double> steps({static_cast<Index>(run.size())});
  for (const std::string name : {"train loss", "test loss", "restricted loss", "excluded loss"}) {
    Tensor<double> values(steps.shape());
    for (std::size_t i = 0; i < run.size(); ++i) {
      steps(static_cast<Index>(i)) = static_cast<double>(run[i].snapshot.step);
      values(static_cast<Index>(i)) = std::log10(run[i][name]);
    }
    figure.line(name, steps, values);
  }
  report.add("losses", std::move(figure));
}

inline void along_training(const Trajectory& run, Report& report) {
  const Phases at(run);
  phases(run, at, report);
  order_of_events(run, at, report);
  draw_losses(run, report);
  const auto step = [&](std::size_t i) {
    return i < run.size() ? std::to_string(run[i].snapshot.step) : std::string("never");
  };
  report.say("Along training: it memorised by step " + step(at.memorised) +
             ", its circuit had formed by step " + step(at.formed) +
             ",\nand it grokked from step " + step(at.begins) + " to " + step(at.ends) + ".");
}

}  // namespace addition
