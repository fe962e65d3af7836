// What removing a task costs the other, and the best that a way of removing can do.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ablation.hpp"
#include "decoder_outputs.hpp"

namespace add_concat {

/// What one ablation does: shares of the accuracy that was there before, 0 for none of it, 1 for
/// all; NaN where there was none.
struct Removal {
  double removed = 0.0;  // of the target: 1 - after / before
  double cost = 0.0;     // of the other task
  double setting = 0.0;  // what was chosen, such as the tolerance
  Index features = 0;    // how many were ablated
};

/// Whether the model could do both tasks at all.
inline bool is_measured(const Removal& p) { return !std::isnan(p.removed) && !std::isnan(p.cost); }

/// What a change does to both tasks; `after(task)` gives the accuracy that it leaves, and is not
/// asked of a task that the model cannot do at all.
template <class After>
Removal removal(const PerTask<DecoderOutputs>& of, Task target, const After& after) {
  const auto lost = [&](Task task) {
    const double before = of[task].clean().accuracy();
    return before > 0 ? 1.0 - after(task) / before : std::numeric_limits<double>::quiet_NaN();
  };
  return {.removed = lost(target), .cost = lost(other(target))};
}

/// The same where both accuracies are known already.
inline Removal removal(const PerTask<DecoderOutputs>& of, Task target,
                       const PerTask<double>& after) {
  return removal(of, target, [&](Task task) { return after[task]; });
}

/// Points that no other beats in both: none has removed at least as much for at most the cost, and
/// one of the two better. By rising cost; of equal ones the first.
inline std::vector<Removal> pareto_front(std::vector<Removal> points) {
  std::erase_if(points, [](const Removal& p) { return !is_measured(p); });
  std::stable_sort(points.begin(), points.end(), [](const Removal& a, const Removal& b) {
    return a.cost != b.cost ? a.cost < b.cost : a.removed > b.removed;
  });
  std::vector<Removal> front;
  for (const Removal& point : points) {
    if (front.empty() || point.removed > front.back().removed) front.push_back(point);
  }
  return front;
}

/// The most that is removed for at most `cost`, 0 where no point is so cheap: to ablate nothing
/// costs nothing. NaN where nothing can be measured.
inline double most_removed(const std::vector<Removal>& points, double cost) {
  double most = std::numeric_limits<double>::quiet_NaN();
  for (const Removal& p : points) {
    if (!is_measured(p)) continue;
    most = std::max(std::isnan(most) ? 0.0 : most, p.cost <= cost ? p.removed : 0.0);
  }
  return most;
}
/// How many features the point ablates that removes most for at most `cost`; 0 where none removes
/// anything.
inline Index features_of_most(const std::vector<Removal>& points, double cost) {
  double most = 0.0;
  Index features = 0;
  for (const Removal& p : points) {
    if (!(p.cost <= cost && p.removed > most)) continue;
    most = p.removed;
    features = p.features;
  }
  return features;
}
/// The least cost at which at least `removed` is; NaN where no point removes that much.
inline double least_cost(const std::vector<Removal>& points, double removed) {
  double least = std::numeric_limits<double>::quiet_NaN();
  for (const Removal& p : points) {
    if (p.removed >= removed && !(p.cost >= least)) least = p.cost;
  }
  return least;
}

}  // namespace add_concat
