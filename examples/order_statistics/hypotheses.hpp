// The median: what the neurons compute, asked of several hypotheses by regression and then by
// patching: the explained part alone goes on through the running model.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "at_answers.hpp"

namespace order_statistics {

/// A function of the tuple that neurons may be linear in: its features, given the sorted numbers.
struct Hypothesis {
  std::string name;
  Index features;
  std::function<void(const std::vector<Token>& sorted, double* row)> fill;
};

/// From the simplest: the sum; the largest plus the smallest; the median; all sorted numbers; any
/// function of each number, added up, whatever its rank ("counts": how many numbers are below each
/// threshold is one); any function of each sorted number, added up.
inline std::vector<Hypothesis> hypotheses(const Task& task) {
  constexpr Index kBins = 20;  // of the sorted numbers, for functions of any form
  const Index n = task.length, bins = std::min(kBins, task.values);
  const auto bin = [=](Token x) { return static_cast<Index>(x) * bins / task.values; };
  return {
      {"sum", 1,
       [](const auto& x, double* row) { row[0] = std::accumulate(x.begin(), x.end(), 0.0); }},
      {"max + min", 1, [](const auto& x, double* row) { row[0] = x.front() + x.back(); }},
      {"median", 1, [](const auto& x, double* row) { row[0] = x[(x.size() - 1) / 2]; }},
      {"sorted numbers", n, [](const auto& x, double* row) { std::copy(x.begin(), x.end(), row); }},
      {"counts", task.values - 1,
       [=](const auto& x, double* row) {
         std::fill(row, row + task.values - 1, 0.0);
         for (const Token v : x) {
           if (v > 0) row[v - 1] += 1.0;
         }
       }},
      {"functions of sorted numbers", n * (bins - 1), [=](const auto& x, double* row) {
         std::fill(row, row + n * (bins - 1), 0.0);
         for (Index rank = 0; rank < n; ++rank) {
           const Index b = bin(x[static_cast<std::size_t>(rank)]);
           if (b > 0) row[rank * (bins - 1) + b - 1] = 1.0;
         }
       }}};
}

/// The features of all tuples: [example, feature].
inline Tensor<double> features_of(const Hypothesis& hypothesis, const AtAnswers& at) {
  Tensor<double> features({at.plain.size(), hypothesis.features});
  std::vector<Token> sorted(static_cast<std::size_t>(at.task.length));
  for (Index i = 0; i < at.plain.size(); ++i) {
    std::copy_n(&at.plain.tokens(i, 0), at.task.length, sorted.begin());
    std::sort(sorted.begin(), sorted.end());
    hypothesis.fill(sorted, &features(i, 0));
  }
  return features;
}

/// Share of the variance of f [value] over all numbers that one step explains, up to a number and
/// beyond it, at the best place.
inline double step_share(const std::vector<double>& f) {
  const auto n = static_cast<double>(f.size());
  const double mean = std::accumulate(f.begin(), f.end(), 0.0) / n;
  double total = 0.0, best = 0.0, below = 0.0;
  for (const double v : f) total += (v - mean) * (v - mean);
  for (std::size_t t = 0; t + 1 < f.size(); ++t) {
    below += f[t] - mean;
    const auto k = static_cast<double>(t + 1);
    best = std::max(best, below * below * n / (k * (n - k)));
  }
  return best / total;
}

/// The function of one number that each unit adds up under "counts": how much of it is a straight
/// line, and one step, as if the unit counted the numbers below a threshold.
inline void summands(const AtAnswers& at, const hooked::LinearFits& counts, Report& report) {
  const Index values = at.task.values, units = counts.slopes.size(1);
  const Tensor<double> x = all_values(at.task);
  Figure figure = Figure::lines("What neurons add up", "number", "summand");
  figure.panel("the first eight neurons");
  std::vector<double> line, step;
  for (Index u = 0; u < units; ++u) {
    std::vector<double> f(static_cast<std::size_t>(values), 0.0);  // f(0) = 0 by the design
    for (Index v = 1; v < values; ++v) f[static_cast<std::size_t>(v)] = counts.slopes(v - 1, u);
    const Tensor<double> as_tensor({values}, f);
    if (u < 8) figure.line(std::to_string(u), x, as_tensor);
    const auto fit = fit_linear(x.reshape({values, 1}), as_tensor.reshape({values, 1}));
    line.push_back(100.0 * fit.r2(0)), step.push_back(100.0 * step_share(f));
  }
  report.add("summands",
             "Each neuron adds up a bent function of every number, neither a line nor a step.",
             std::move(figure));
  report.add(hooked::report({.claim = "summands of neurons: R2 of a straight line, of one step",
                             .unit = "%",
                             .definition = "the function of one number that is added up over the "
                                           "tuple in the fit by counts, over all numbers; median "
                                           "over units"},
                            std::vector<double>{median(line), median(step)}));
}

/// The accuracy when attention is what it is on average over all tuples, whatever the numbers are.
inline void mean_attention(const AtAnswers& at, Report& report) {
  const Tensor<float> mean = hooked::mean(at.pattern_at(0), 0);  // [head, key]
  const auto hook =
      replace(at.site("attn.hook_pattern"), mean.view_as({mean.size(0), 1, mean.size(1)}),
              {.positions = {at.task.at_equals()}});
  report.add(hooked::report(
      {.claim = "attention at its mean: accuracy, and as it is",
       .unit = "%",
       .definition = "hook_pattern at '=' of each head is its mean over 2,000 tuples"},
      std::vector<double>{at.accuracy(at.plain, 0, {hook}), at.accuracy(at.plain, 0, {})}));
}

/// For each hypothesis: R2 of the neurons' preactivations (or, without an MLP, of the residual
/// stream) by its features, the median over units, and the accuracy of the model that goes on from
/// the fitted values.
inline void explain(const AtAnswers& at, Report& report) {
  const std::string site = at.site(at.has_mlp ? "mlp.hook_pre" : "hook_resid_post");
  const Token position = at.task.at_equals();
  const auto run = collect_at(at.model, at.plain.tokens, position, {site}, {}, at.threads);
  const Tensor<float> units = run.cache[site];  // [example, unit]
  const auto accuracy_with = [&](const Tensor<double>& values) {
    const auto as_float = hooked::map(values, [](double v) { return static_cast<float>(v); });
    const auto logits =
        logits_with(at.model, at.plain.tokens, position, site, as_float, at.threads);
    const Tensor<Index> said = hooked::argmax(logits, 1);
    double right = 0.0;
    for (Index i = 0; i < at.plain.size(); ++i) {
      right += said(i) == at.plain.labels(i, 0) ? 1.0 : 0.0;
    }
    return 100.0 * right / static_cast<double>(at.plain.size());
  };
  for (const Hypothesis& hypothesis : hypotheses(at.task)) {
    const Tensor<double> features = features_of(hypothesis, at);
    const auto fit = fit_linear(features, units);
    std::vector<double> r2;
    for (Index i = 0; i < units.size(1); ++i) r2.push_back(100.0 * fit.r2(i));
    report.add(hooked::report(
        {.claim = "neurons by " + hypothesis.name + ": R2, accuracy of the explained part",
         .unit = "%",
         .definition = hooked::text("all units of ", site, " at '=' by least squares from ",
                                    hypothesis.features,
                                    " features and a constant: median R2; accuracy of the model "
                                    "that goes on from the fitted values")},
        std::vector<double>{median(r2), accuracy_with(fit.predict(features))}));
    if (hypothesis.name == "counts") summands(at, fit, report);
  }
}

}  // namespace order_statistics
