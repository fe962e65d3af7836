#include "order_statistics.hpp"

#include <map>
#include <utility>

#include "attention.hpp"
#include "copying.hpp"
#include "hooked/train/evaluate.hpp"
#include "hypotheses.hpp"
#include "lines.hpp"
#include "next_larger.hpp"
#include "proved.hpp"
#include "replaced.hpp"
#include "setup.hpp"
#include "symmetry.hpp"

namespace order_statistics {

namespace {

/// In percent of all answers: of plain test tuples, of small ones, and of both as they are mixed.
struct Accuracies {
  double plain, small, augmented, loss;
};
Accuracies accuracies(const study::Subject& subject) {
  const Dataset& all = subject.setup.all;
  std::vector<Index> small;
  for (Index i = kTestTuples; i < all.size(); ++i) small.push_back(i);
  const auto of = [&](const Dataset& data) {
    return evaluate(subject.model, data, {}, {.threads = subject.threads});
  };
  const auto plain = of(subject.setup.part.test);
  return {100.0 * plain.accuracy, 100.0 * of(hooked::subset(all, small)).accuracy,
          100.0 * of(all).accuracy, plain.loss};
}

/// In percent of the test tuples [first, last): those that are among the training ones, in the same
/// order.
double seen(const study::Subject& subject, const Task& task, Index first, Index last) {
  const auto tuple = [&](const Dataset& data, Index i) {
    return std::vector<Token>(&data.tokens(i, 0), &data.tokens(i, 0) + task.length);
  };
  std::map<std::vector<Token>, Index> wanted;  // and how often
  for (Index i = first; i < last; ++i) ++wanted[tuple(subject.setup.all, i)];
  const Dataset& train = subject.setup.part.train;
  Index found = 0;
  for (Index i = 0; i < train.size(); ++i) {
    const auto it = wanted.find(tuple(train, i));
    if (it != wanted.end()) found += std::exchange(it->second, 0);
  }
  return 100.0 * static_cast<double>(found) / static_cast<double>(last - first);
}

void base_figures(const study::Subject& subject, const Task& task, Report& report) {
  const Accuracies a = accuracies(subject);
  Claim claim{.claim = "accuracy: plain, small, augmented test tuples",
              .unit = "%",
              .definition =
                  "of all answers, for 10,000 tuples, for 1,000 of numbers below a fifth "
                  "of all values, and for both together"};
  if (task.name == "max") claim.study_says = {nullptr, nullptr, 95};
  report.add(
      judge(claim, {a.plain, a.small, a.augmented}, {{}, {}, {{95.0, 100.0}, {85.0, 100.0}}}));
  report.add(hooked::report({.claim = "loss, plain test tuples",
                             .unit = "nats",
                             .definition = "mean cross-entropy of all answers"},
                            a.loss));
  const Index tuples = subject.setup.all.size();
  report.add(hooked::report({.claim = "test tuples that are among the training ones: plain, small",
                             .unit = "%",
                             .definition = "the same numbers in the same order"},
                            std::vector<double>{seen(subject, task, 0, kTestTuples),
                                                seen(subject, task, kTestTuples, tuples)}));
  using hooked::short_text;
  report.say("The model gives " + short_text(a.plain) + "% of the answers of plain tuples and " +
             short_text(a.small) + "% of those of small numbers.");
}

Report analyse(const study::Subject& subject) {
  Report report;
  const AtAnswers at(subject);
  base_figures(subject, at.task, report);
  positions(at, report);
  places_in_scores(at, report);
  orders(at, report);
  attention(at, report);
  score_lines(at, report);
  copying(at, report);
  if (at.task.name == "max") replaced_circuits(at, report);
  if (can_be_proved(at)) proved_accuracy(at, report);
  if (at.task.name == "median") {
    mean_attention(at, report);
    explain(at, report);
  }
  if (at.task.sorts()) {
    next_larger(at, report);
    curved_scores(at, report);
    draw_place_scores(at, report);
  }
  return report;
}

study::Numbers track(const study::Subject& subject, const study::Subject&) {
  const Accuracies a = accuracies(subject);
  study::Numbers numbers{{"plain accuracy", a.plain / 100.0},
                         {"small accuracy", a.small / 100.0},
                         {"augmented accuracy", a.augmented / 100.0},
                         {"plain loss", a.loss}};
  const AtAnswers at(subject);
  if (at.task.sorts()) {
    const NextAnswers share = next_answers(at);
    numbers.emplace_back("by place", share.of_place / 100.0);
    numbers.emplace_back("next larger", share.next_larger / 100.0);
  }
  return numbers;
}

}  // namespace

const study::Study& order_statistics() {
  static const study::Study study{
      .name = "order_statistics",
      .question =
          "Train a transformer to find the maximum or the median of a tuple of numbers, or "
          "to sort it, and measure how it does.",
      .choices = choices(),
      .presets = {{.name = "full", .help = "as the study, as far as it is known"},
                  {.name = "quick",
                   .help = "under two minutes",
                   .values = {{"steps", 1000}, {"examples", 100'000}},
                   .warning = "`quick` trains for 1,000 steps, to see that all works."},
                  {.name = "proof",
                   .help = "a maximum by one head without an MLP, for which accuracy is proved",
                   .values = {{"length", 4},
                              {"values", 64},
                              {"n_heads", 1},
                              {"d_model", 32},
                              {"attn_only", 1}}}},
      .setup = setup,
      .analyse = analyse,
      .track = track};
  return study;
}

}  // namespace order_statistics
