// Where a run's phases end, read off the losses that were tracked.
#pragma once

#include <limits>
#include <string>

#include "../common/trajectory.hpp"

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

}  // namespace addition
