// The study's ablations, on its probes and on all validation items.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/interp/statistics.hpp"
#include "reading.hpp"

namespace add_concat {

/// A null model of any choice of features: as many as each point of `points` has, drawn of those
/// that are on anywhere in the probes.
inline std::vector<Removal> random_features(const Reading& at, const Judged& judged, Task target,
                                            const std::vector<Removal>& points, hooked::Seed seed) {
  Features on;
  for (Index k = 0; k < at.sae.options().d_sae; ++k) {
    const auto is_on = [&](const Tensor<float>& f) {
      return (f.matrix().col(k).array() > 0).any();
    };
    if (is_on(at.on_probes.f.add) || is_on(at.on_probes.f.concatenate)) on.push_back(k);
  }
  std::vector<Index> order(on.size());
  hooked::Random(seed, "random features").permutation(order);
  std::vector<Removal> found;
  for (const Removal& point : points) {
    Features some;
    for (std::size_t n = 0; n < std::min(order.size(), static_cast<std::size_t>(point.features));
         ++n) {
      some.push_back(on[static_cast<std::size_t>(order[n])]);
    }
    found.push_back(judged.without(target, some));
  }
  return found;
}

inline Tensor<double> column(const std::vector<Removal>& points, double Removal::*what) {
  Tensor<double> numbers({static_cast<Index>(points.size())});
  for (std::size_t n = 0; n < points.size(); ++n) {
    numbers(static_cast<Index>(n)) = percent(points[n].*what);
  }
  return numbers;
}
inline Tensor<double> settings(const std::vector<Removal>& points) {
  Tensor<double> numbers({static_cast<Index>(points.size())});
  for (std::size_t n = 0; n < points.size(); ++n)
    numbers(static_cast<Index>(n)) = points[n].setting;
  return numbers;
}

/// The features that matter most to a task, the first of all first.
inline Features most_important(const Tensor<double>& importance, Index count) {
  Features order(static_cast<std::size_t>(importance.numel()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return importance(a) > importance(b); });
  order.resize(static_cast<std::size_t>(std::min(count, importance.numel())));
  return order;
}

/// A table of the features that matter most to either task.
inline void important_features(const PerTask<Tensor<double>>& importance, Report& report) {
  constexpr Index kShown = 5;
  Figure figure = Figure::bars("Importance of features", "feature", "nats a token");
  PerTask<Features> top;
  for (const Task task : kTasks) {
    top[task] = most_important(importance[task], kShown);
    std::vector<std::string> names;
    Tensor<double> add({kShown}), concatenate({kShown});
    for (std::size_t n = 0; n < top[task].size(); ++n) {
      names.push_back(std::to_string(top[task][n]));
      add(static_cast<Index>(n)) = importance.add(top[task][n]);
      concatenate(static_cast<Index>(n)) = importance.concatenate(top[task][n]);
    }
    figure.panel_with_groups(std::string("the first for ") + name_of(task), names)
        .series("addition", add)
        .series("concatenation", concatenate);
  }
  report.add("importance", "Features that matter to one task often matter to the other.",
             std::move(figure));
  double shared = 0.0;
  for (const Index k : top.add) {
    shared += std::count(top.concatenate.begin(), top.concatenate.end(), k) > 0 ? 1.0 : 0.0;
  }
  report.add(hooked::report({.claim = "features among the five most important of both tasks",
                             .definition = "by the mean growth of cross-entropy on the probes"},
                            shared));
}

/// What the sweeps over tolerances find.
struct Sweeps {
  PerTask<std::vector<Removal>> on_probes, on_validation;
};

constexpr double kMostCost = 0.15;  // of the other task, in the study
const Rule kStudyRemoves{{70.0, 100.0}, {40.0, 100.0}};

inline std::string claim_of_sweeps(const std::string& where) {
  return "removed for at most 15% of the other task, on " + where + ": addition, concatenation";
}

/// Tolerance 0, and the sweep.
inline Sweeps study_ablations(const Reading& at, Report& report) {
  const PerTask<Tensor<double>> importance = importances(at.probes, at.sae);
  report.add(hooked::report(
      {.claim = "probes: additions, concatenations",
       .definition = "of 50 additions and the twins that were not learnt from, those answered "
                     "exactly; all of them where none is"},
      std::vector<double>{static_cast<double>(at.probes.add.size()),
                          static_cast<double>(at.probes.concatenate.size())}));
  important_features(importance, report);
  Sweeps sweeps;
  std::vector<double> exclusive, in_turn;
  for (const Task task : kTasks) {
    const std::vector<Removal>& probes = sweeps.on_probes[task] =
        tolerance_sweep(at.on_probes, importance, task);
    const std::vector<Removal>& all = sweeps.on_validation[task] =
        tolerance_sweep(at.on_validation, importance, task);
    exclusive.push_back(percent(probes.front().removed));
    exclusive.push_back(percent(probes.front().cost));
    const Features widest = selected(importance, task, probes.back().setting);
    double at_once = 0.0, differ = 0.0;
    for (const Task of : kTasks) {
      const Answers once =
          at.probes[of].answers(without(at.sae, at.probes[of].h(), at.on_probes.f[of], widest));
      const Answers turn =
          at.probes[of].answers(without_in_turn(at.sae, at.probes[of].h(), widest));
      for (std::size_t n = 0; n < once.right.size(); ++n) {
        at_once += 1.0;
        differ += once.right[n] != turn.right[n] ? 1.0 : 0.0;
      }
    }
    in_turn.push_back(percent(differ / at_once));
    const auto line = [](Figure& figure, const char* name, const std::vector<Removal>& points) {
      Tensor<double> gone = column(points, &Removal::removed),
                     kept = column(points, &Removal::cost);
      figure.panel(name)
          .line("removed task", settings(points), gone)
          .line("kept task", settings(points), kept);
    };
    Figure figure = Figure::lines(std::string("Ablation of ") + name_of(task), "tolerance, nats",
                                  "accuracy lost, %");
    line(figure, "probes", probes);
    line(figure, "all validation items", all);
    report.add(std::string("ablation_of_") + name_of(task),
               "The wider the lines are apart, the better the features tell the tasks apart.",
               std::move(figure));
  }
  report.add(
      judge({.claim = "tolerance 0: addition removed, its cost; concatenation removed, its cost",
             .study_says = "4-12% drop, complete preservation of the other task",
             .unit = "%",
             .definition = "share of the probes' accuracy that is lost"},
            exclusive,
            {{{4.0, 12.0}, {0.5, 40.0}},
             {{-0.5, 0.5}, {-3.0, 3.0}},
             {{4.0, 12.0}, {0.5, 40.0}},
             {{-0.5, 0.5}, {-3.0, 3.0}}}));
  const auto tolerance = [&](const std::string& where,
                             const PerTask<std::vector<Removal>>& points) {
    report.add(judge({.claim = claim_of_sweeps(where),
                      .study_says = "5-15% of the preserved task for 70-90% of the ablated one",
                      .unit = "%",
                      .definition = "the most that any tolerance removes at that cost"},
                     {percent(most_removed(points.add, kMostCost)),
                      percent(most_removed(points.concatenate, kMostCost))},
                     {kStudyRemoves, kStudyRemoves}));
  };
  tolerance("probes", sweeps.on_probes);
  tolerance("all validation items", sweeps.on_validation);
  report.add(hooked::report(
      {.claim = "features ablated in turn: answers that change, removing addition, concatenation",
       .unit = "%",
       .definition = "of the probes of both tasks, those right in one way and wrong in the other; "
                     "at the largest tolerance"},
      in_turn));
  return sweeps;
}

/// Puts beside the claims of sweeps what as many random features remove at the same cost, on the
/// probes the median of five draws.
inline void random_sweeps(const Reading& at, const Sweeps& sweeps, Report& report) {
  const auto add = [&](const std::string& where, const Judged& judged,
                       const PerTask<std::vector<Removal>>& points, std::uint64_t draws) {
    std::vector<double> most;
    for (const Task task : kTasks) {
      std::vector<double> drawn;
      for (std::uint64_t seed = 0; seed < draws; ++seed) {
        drawn.push_back(percent(
            most_removed(random_features(at, judged, task, points[task], {seed}), kMostCost)));
      }
      most.push_back(hooked::median(drawn));
    }
    const Claim random = judge({}, most, {kStudyRemoves, kStudyRemoves});
    for (Claim& claim : report.claims) {
      if (claim.claim != claim_of_sweeps(where)) continue;
      claim.nulls.push_back({"random features", random.measured, random.verdict});
    }
  };
  add("probes", at.on_probes, sweeps.on_probes, 5);
  add("all validation items", at.on_validation, sweeps.on_validation, 1);
}

}  // namespace add_concat
