// All ways to remove a task beside each other: how much goes, and what it costs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "operation.hpp"
#include "post_hoc.hpp"
#include "reading.hpp"
#include "study_ablations.hpp"
#include "subset_search.hpp"

namespace add_concat {

/// A way to remove a task, and all that it can do on the validation items.
struct Way {
  std::string name;
  PerTask<std::vector<Removal>> points;
};

/// `points` gives what can be done to a task.
template <class Points>
Way way(std::string name, const Points& points) {
  return {std::move(name), {points(Task::add), points(Task::concatenate)}};
}

/// Features of an autoencoder, chosen by training items alone: by importance and tolerance, and by
/// searches that weigh the kept task more and more.
inline std::vector<Way> ways_of_features(const std::string& name, const Judged& learnt,
                                         const Judged& judged) {
  const PerTask<Tensor<double>> importance = importances(learnt.outputs, learnt.sae);
  std::vector<Way> ways;
  ways.push_back(way(name + ", by importance",
                     [&](Task target) { return tolerance_sweep(judged, importance, target); }));
  ways.push_back(way(name + ", by search", [&](Task target) {
    std::vector<Removal> points;
    for (const double weight : {1.0, 10.0}) {
      const Features found = search_subset(learnt, target, {.weight = weight});
      for (const Removal& point : by_count(judged, target, found)) points.push_back(point);
    }
    return points;
  }));
  return ways;
}

/// All of them: features of the joint autoencoder and of those after the fact, random ones, and
/// the model without what tells it the operation.
inline std::vector<Way> all_ways(const Reading& at) {
  std::vector<Way> ways = ways_of_features("joint", at.on_learnt, at.on_validation);
  const Way by_importance = ways.front();
  ways.push_back(way("joint, random features", [&](Task target) {
    return random_features(at, at.on_validation, target, by_importance.points[target], {0});
  }));
  ways.push_back(way("direction of the operation in h", [&](Task target) {
    return std::vector<Removal>{without_direction(at.learnt_from, at.validation, target)};
  }));
  ways.push_back(way("direction of the operation's embedding", [&](Task target) {
    return std::vector<Removal>{
        with_hook(at.body, at.validation, target, without_embedded_operation(at.body), at.threads)};
  }));
  ways.push_back(way("cross-attention to the operation", [&](Task target) {
    return std::vector<Removal>{
        with_hook(at.body, at.validation, target, without_attention_to_operation(), at.threads)};
  }));
  const PerTask<DecoderOutputs> learnt = outputs_of(at.body, at.split.train, at.threads);
  for (const PostHoc& kind : post_hoc_kinds(at.sae.options(), at.lambda)) {
    const SparseAutoencoder<float> sae = train_post_hoc(kind, learnt, {0}, at.threads);
    for (Way& more : ways_of_features(kind.name + " after the fact", {at.learnt_from, sae},
                                      {at.validation, sae})) {
      ways.push_back(std::move(more));
    }
  }
  return ways;
}

/// The fronts of all ways, and for each what it removes for at most 2 and 15%, and what 95% cost.
inline void compare_ways(const std::vector<Way>& ways, Report& report) {
  for (const Task task : kTasks) {
    Figure figure =
        Figure::lines(std::string("Removing ") + name_of(task),
                      "accuracy of the other task that is lost, %", "accuracy that is removed, %");
    figure.panel("all validation items");
    for (const Way& one : ways) {
      const std::vector<Removal> front = pareto_front(one.points[task]);
      figure.line(one.name, column(front, &Removal::cost), column(front, &Removal::removed));
    }
    report.add(std::string("front_of_") + name_of(task),
               "Up and to the left is better: all of one task for nothing of the other.",
               std::move(figure));
  }
  const auto both = [](const Way& one, double (*measure)(const std::vector<Removal>&, double),
                       double limit) {
    return std::vector<double>{percent(measure(one.points.add, limit)),
                               percent(measure(one.points.concatenate, limit))};
  };
  for (const Way& one : ways) {
    for (const double cost : {0.02, 0.15}) {
      report.add(hooked::report(
          {.claim = one.name + ": addition, concatenation removed for at most " +
                    hooked::short_text(percent(cost), 2) + "%",
           .unit = "%",
           .definition = "of the accuracy on all validation items, chosen by training items"},
          both(one, most_removed, cost)));
    }
    report.add(hooked::report({.claim = one.name + ": cost of removing 95%",
                               .unit = "%",
                               .definition = "the least; nothing where no point removes so much"},
                              both(one, least_cost, 0.95)));
  }
}

/// The study: with autoencoders that were trained after the fact, ablations "typically break both
/// tasks".
inline void post_hoc_claim(const std::vector<Way>& ways, Report& report) {
  std::vector<double> lost;
  for (const Way& one : ways) {
    if (one.name != "ReLU after the fact, by importance") continue;
    for (const Task task : kTasks) {
      lost.push_back(percent(one.points[task].back().removed));
      lost.push_back(percent(one.points[task].back().cost));
    }
  }
  const Rule any, broken{{50.0, 100.0}, {20.0, 100.0}};
  report.add(judge({.claim = "ReLU after the fact, largest tolerance: addition removed, its cost; "
                             "concatenation removed, its cost",
                    .study_says = "ablations would typically break both tasks",
                    .unit = "%",
                    .definition = "of the accuracy on all validation items"},
                   lost, {any, broken, any, broken}));
}

}  // namespace add_concat
