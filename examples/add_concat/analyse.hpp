// Everything that is measured of a trained model.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "performance.hpp"
#include "reading.hpp"
#include "relearning.hpp"
#include "sparsity.hpp"
#include "study_ablations.hpp"
#include "variance_shares.hpp"
#include "ways.hpp"

namespace add_concat {

/// Whether a removed ability is gone: the features that a search has found stay ablated, and the
/// body learns the task again.
inline void hidden_or_gone(const Reading& at, const PerTask<Features>& found, Report& report) {
  PerTask<Items> judged;
  for (const Item& item : at.split.validation) {
    if (judged[item.task].size() < 1000) judged[item.task].push_back(item);
  }
  for (const Task task : kTasks) {
    const Relearning again =
        relearn(at.body, at.sae, found[task], task, at.split.train, judged, {0}, at.threads);
    report.add(hooked::report(
        {.claim = std::string(name_of(task)) +
                  " again: before, ablated, after 100 steps; the "
                  "other task then; " +
                  name_of(task) + " from nothing",
         .unit = "%",
         .definition = "exact answers of 1,000 validation items; the features that a search finds "
                       "are ablated all the time, and the body is trained on the task's training "
                       "items, 128 in each of 100 steps; from nothing: an untrained body, so too"},
        std::vector<double>{percent(again.before), percent(again.ablated), percent(again.returned),
                            percent(again.kept), percent(again.from_nothing)}));
  }
}

/// What features depend on.
inline void dependences(const Reading& at, Report& report) {
  const std::vector<FeatureVariance> all = variance_of_features(at.body, at.sae, at.threads);
  constexpr std::array<const char*, 6> kClasses{
      "operation",    "first number",         "second number",
      "both numbers", "numbers by operation", "mixed"};
  std::map<std::string, double> count;
  double answer = 0.0, varied = 0.0;
  for (const FeatureVariance& feature : all) {
    if (std::isnan(feature.shares.answer)) continue;
    count[class_of(feature.shares)] += 1.0;
    answer += feature.shares.answer;
    varied += 1.0;
  }
  std::vector<double> counts;
  for (const char* name : kClasses) counts.push_back(count[name]);
  report.add(hooked::report(
      {.claim = "features by what they depend on: operation, first, second, both numbers, numbers "
                "by operation, mixed",
       .definition = "that to which more than half of a feature's variance over all 20,000 items "
                     "is due, where the answer's first token is said; features on anywhere there"},
      counts));
  report.add(hooked::report({.claim = "variance of features that the answer's first token explains",
                             .unit = "%",
                             .definition = "mean over these features; whatever the question"},
                            percent(answer / varied)));
  Figure figure = Figure::bars("Variance of features", "", "share");
  const std::array<std::pair<const char*, double VarianceShares::*>, 7> terms{
      {{"operation", &VarianceShares::operation},
       {"first", &VarianceShares::first},
       {"second", &VarianceShares::second},
       {"operation x first", &VarianceShares::operation_first},
       {"operation x second", &VarianceShares::operation_second},
       {"first x second", &VarianceShares::both_numbers},
       {"all three", &VarianceShares::all}}};
  std::vector<std::string> names;
  Tensor<double> means({static_cast<Index>(terms.size())});
  for (std::size_t n = 0; n < terms.size(); ++n) {
    names.emplace_back(terms[n].first);
    for (const FeatureVariance& feature : all) {
      const double share = feature.shares.*terms[n].second;
      if (!std::isnan(share)) means(static_cast<Index>(n)) += share / varied;
    }
  }
  figure.panel_with_groups("mean over features", names).series("share", means);
  report.add("variance_shares", "Operation by numbers: features of one task's answers.",
             std::move(figure));
}

/// Whether one task can be removed and the other kept, in words.
inline void say_what_was_found(const std::vector<Way>& ways, Report& report) {
  constexpr double kRemoved = 0.95, kCost = 0.02;
  for (const Task task : kTasks) {
    const Way* best = nullptr;
    for (const Way& one : ways) {
      const double most = most_removed(one.points[task], kCost);
      if (one.knows_nothing || std::isnan(most)) continue;
      if (best == nullptr || most > most_removed(best->points[task], kCost)) best = &one;
    }
    if (best == nullptr) continue;
    const double most = most_removed(best->points[task], kCost);
    report.say(std::string("For at most 2% of the other task, ") +
               hooked::short_text(percent(most), 3) + "% of " + name_of(task) + " can be removed" +
               (most >= kRemoved ? "" : ", not the 95% aimed at") + ": " + best->name + ".");
  }
}

/// What is said of features, and beside it what an autoencoder that has learnt nothing gives, of
/// the same body.
inline void features(const Reading& at, Report& report) {
  const SparseAutoencoder<float> untrained(at.sae.options(), {1});
  const Reading nothing(at, untrained);
  Report learnt, null;
  sparsity(at, learnt);
  random_sweeps(at, study_ablations(at, learnt), learnt);
  sparsity(nothing, null);
  study_ablations(nothing, null);
  hooked::add_null(learnt.claims, "untrained autoencoder", null.claims);
  for (Claim& claim : learnt.claims) report.add(std::move(claim));
  for (auto& figure : learnt.figures) report.figures.push_back(std::move(figure));
}

/// All of it. `lambda` is that of the training.
inline Report analyse(const EncoderDecoder<float>& body, const SparseAutoencoder<float>& sae,
                      const ItemSplit& split, double lambda, int threads) {
  Report report;
  const Reading at(body, sae, split, lambda, threads);
  performance(at, report);
  features(at, report);
  const PerTask<Features> found = searched(at.on_learnt);
  const std::vector<Way> ways = all_ways(at, found);
  post_hoc_claim(ways, report);
  aim_claim(ways, report);
  compare_ways(ways, report);
  hidden_or_gone(at, found, report);
  dependences(at, report);
  say_what_was_found(ways, report);
  return report;
}

}  // namespace add_concat
