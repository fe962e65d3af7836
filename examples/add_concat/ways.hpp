// All ways to remove a task beside each other: how much goes, and what it costs.
#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "memory.hpp"
#include "operation.hpp"
#include "post_hoc.hpp"
#include "reading.hpp"
#include "study_ablations.hpp"
#include "subset_search.hpp"

namespace add_concat {

/// What can be done to each task.
using Points = PerTask<std::vector<Removal>>;

/// A way to remove a task, and all that it can do on the validation items.
struct Way {
  std::string name;
  Points points;
  bool knows_nothing = false;  // it is there to be compared with
};

inline const std::string kOfMemory = "TopK of the memory";  // the way that the aim is judged by

/// Features for each task by a search of weight 1.
inline PerTask<Features> searched(const Judged& learnt) {
  return {search_subset(learnt, Task::add, {}), search_subset(learnt, Task::concatenate, {})};
}

/// Of features that are chosen by importance and tolerance.
inline Points points_by_importance(const Judged& learnt, const Judged& judged) {
  const PerTask<Tensor<double>> importance = importances(learnt.outputs, learnt.sae);
  return {tolerance_sweep(judged, importance, Task::add),
          tolerance_sweep(judged, importance, Task::concatenate)};
}
/// Of features that are searched for; `found` are those of a search of weight 1, a second one
/// weighs the kept task more.
inline Points points_by_search(const Judged& learnt, const Judged& judged,
                               const PerTask<Features>& found) {
  Points points;
  for (const Task target : kTasks) {
    points[target] = by_count(judged, target, found[target]);
    const Features careful = search_subset(learnt, target, {.weight = 10.0});
    for (const Removal& point : by_count(judged, target, careful)) {
      points[target].push_back(point);
    }
  }
  return points;
}

/// All of them: features of the joint autoencoder, of which a search of weight 1 has found `found`,
/// and of those after the fact, of h and of the memory, all chosen by training items; random
/// and untrained ones; and the model without what tells it the operation. A model that cannot do
/// both tasks has nothing to remove: its ways have no points.
inline std::vector<Way> all_ways(const Reading& at, const PerTask<Features>& found) {
  const bool does_both =
      at.validation.add.clean().accuracy() > 0 && at.validation.concatenate.clean().accuracy() > 0;
  std::vector<Way> ways;
  const auto add = [&](std::string name, const auto& points) {
    ways.push_back({.name = std::move(name), .points = does_both ? points() : Points{}});
  };
  const auto alone = [&](const auto& one) {
    return Points{{one(Task::add)}, {one(Task::concatenate)}};
  };
  const auto hooked_alone = [&](const hooked::Hook<float>& hook) {
    const PerTask<double> after = accuracies(at.body, at.validation, {hook});
    return alone([&](Task target) { return removal(at.validation, target, after); });
  };
  add("joint, by importance", [&] { return points_by_importance(at.on_learnt, at.on_validation); });
  const Points by_importance = ways.back().points;
  add("joint, by search", [&] { return points_by_search(at.on_learnt, at.on_validation, found); });
  add("joint, random features", [&] {
    const auto random = [&](Task target) {
      return random_features(at, at.on_validation, target, by_importance[target], {0});
    };
    return Points{random(Task::add), random(Task::concatenate)};
  });
  ways.back().knows_nothing = true;
  add("direction of the operation in h", [&] {
    return alone(
        [&](Task target) { return without_direction(at.learnt_from, at.validation, target); });
  });
  add("direction of the operation's embedding",
      [&] { return hooked_alone(without_embedded_operation(at.body)); });
  add("embedding of the one operation", [&] {
    return alone([&](Task target) {
      const EncoderDecoder<float> blind = without_embedding_of(at.body, target);
      return removal(at.validation, target, accuracies(blind, at.validation));
    });
  });
  add("cross-attention to the operation",
      [&] { return hooked_alone(without_attention_to_operation()); });
  const PerTask<DecoderOutputs> items = outputs_of(at.body, at.split.train, at.threads);
  const Tensor<float> rows = rows_of_both(items.add.h(), items.concatenate.h());
  for (const PostHoc& kind : post_hoc_kinds(at.sae.options(), at.lambda)) {
    Points searched_for;
    add(kind.name + " after the fact, by importance", [&] {
      const SparseAutoencoder<float> sae = train_post_hoc(kind, rows, {0}, at.threads);
      const Judged learnt(at.learnt_from, sae), judged(at.validation, sae);
      searched_for = points_by_search(learnt, judged, searched(learnt));
      return points_by_importance(learnt, judged);
    });
    add(kind.name + " after the fact, by search", [&] { return searched_for; });
  }
  const PerTask<Tensor<float>> memory = does_both ? learnt_memory(at) : PerTask<Tensor<float>>();
  const PostHoc of_memory = post_hoc_topk(at.sae.options(), 1);  // one feature a token
  add(kOfMemory, [&] {
    const Tensor<float> both = rows_of_both(memory.add, memory.concatenate);
    return points_of_memory(at, train_post_hoc(of_memory, both, {0}, at.threads), memory);
  });
  add("untrained " + kOfMemory, [&] {
    return points_of_memory(at, SparseAutoencoder<float>(of_memory.options, {0}), memory);
  });
  ways.back().knows_nothing = true;
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
      report.add(
          hooked::report({.claim = one.name + ": addition, concatenation removed for at most " +
                                   hooked::short_text(percent(cost), 2) + "%",
                          .unit = "%",
                          .definition = "of the accuracy on all validation items; features are "
                                        "chosen by training items, which of a way's "
                                        "points is best by the validation items"},
                         both(one, most_removed, cost)));
    }
    const auto features = [&](Task task) {
      return static_cast<double>(features_of_most(one.points[task], 0.02));
    };
    report.add(
        hooked::report({.claim = one.name + ": features ablated for at most 2%",
                        .definition = "where most is removed; 0 without features"},
                       std::vector<double>{features(Task::add), features(Task::concatenate)}));
    report.add(hooked::report({.claim = one.name + ": cost of removing 95%",
                               .unit = "%",
                               .definition = "the least; nothing where no point removes so much"},
                              both(one, least_cost, 0.95)));
  }
}

/// The aim, judged by features of the memory, where the operation still is a token. It is ours: the
/// study says nothing of it.
inline void aim_claim(const std::vector<Way>& ways, Report& report) {
  const auto judged = [&](const std::string& name) {
    const Way& way =
        *std::find_if(ways.begin(), ways.end(), [&](const Way& one) { return one.name == name; });
    const Rule aim{{95.0, 100.0}, {70.0, 100.0}};
    return judge({.claim = "95% for at most 2%, by " + kOfMemory + ": addition, concatenation",
                  .unit = "%",
                  .definition = "removed for at most 2% of the other task, of the accuracy on all "
                                "validation items"},
                 {percent(most_removed(way.points.add, 0.02)),
                  percent(most_removed(way.points.concatenate, 0.02))},
                 {aim, aim});
  };
  Claim claim = judged(kOfMemory);
  const Claim untrained = judged("untrained " + kOfMemory);
  claim.nulls.push_back(
      {"untrained autoencoder of the memory", untrained.measured, untrained.verdict});
  report.add(std::move(claim));
}

/// The study: with autoencoders that were trained after the fact, ablations "typically break both
/// tasks".
inline void post_hoc_claim(const std::vector<Way>& ways, Report& report) {
  std::vector<double> lost;
  for (const Way& one : ways) {
    if (one.name != "ReLU after the fact, by importance") continue;
    for (const Task task : kTasks) {
      const bool has_any = !one.points[task].empty();
      const double none = std::numeric_limits<double>::quiet_NaN();
      lost.push_back(has_any ? percent(one.points[task].back().removed) : none);
      lost.push_back(has_any ? percent(one.points[task].back().cost) : none);
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
