// Which features to ablate, searched for: a rival of choosing each by its own importance.
//
// The margin of an answer is how far the right token's logit is above the largest other one, at the
// place where that is least; the answer is right while it is above 0. A set of features is worth
//
//   - mean over the target's items of max(margin, -1) - weight mean over the others of max(1 -
//   margin, 0)
//
// so that nothing is won by making an answer ever worse, and nothing lost until one is in danger.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <numeric>
#include <vector>

#include "tolerance_sweep.hpp"

namespace add_concat {

/// A greedy search by attribution.
struct SubsetSearch {
  double weight = 1.0;   // of the task that is to be kept
  Index most = 64;       // features
  Index shortlist = 16;  // features that are tried in each step
};

namespace detail {

/// Logits of one task while features are taken off them, and what they are worth.
class Ablated {
 public:
  Ablated(const DecoderOutputs& of, const Tensor<float>& f, const Tensor<float>& directions,
          bool is_target, double weight)
      : of_(of),
        f_(f),
        directions_(directions),
        z_(of.logits(of.h())),
        is_target_(is_target),
        scale_(weight / static_cast<double>(of.size())) {}

  /// The worth with feature k off as well.
  double worth_without(Index k) const {
    const auto direction = directions_.matrix().row(k);
    Eigen::RowVectorXf line(z_.size(1));
    double sum = 0.0;
    for (Index item = 0; item < of_.size(); ++item) {
      float margin = std::numeric_limits<float>::infinity();
      for (Index row = of_.begin(item); row < of_.begin(item + 1); ++row) {
        line = z_.matrix().row(row);
        if (f_(row, k) != 0.0f) line -= f_(row, k) * direction;
        margin = std::min(margin, margin_of(line, row).margin);
      }
      sum += worth(margin);
    }
    return scale_ * sum;
  }
  /// Takes feature k off.
  void take_off(Index k) {
    z_.matrix().noalias() -= f_.matrix().col(k) * directions_.matrix().row(k);
  }
  /// [d_sae] activation times gradient of worth: what would be won by taking each feature off while
  /// the same other token is the largest at the same place.
  Eigen::ArrayXd gains() const {
    Eigen::ArrayXd gains = Eigen::ArrayXd::Zero(directions_.size(0));
    for (Index item = 0; item < of_.size(); ++item) {
      Margin least;
      Index at = of_.begin(item);
      for (Index row = at; row < of_.begin(item + 1); ++row) {
        const Margin m = margin_of(z_.matrix().row(row), row);
        if (m.margin < least.margin) least = m, at = row;
      }
      if (worth(least.margin) == worth(-std::numeric_limits<float>::infinity()) && is_target_)
        continue;
      if (!is_target_ && least.margin >= 1.0f) continue;
      const auto pulled =
          directions_.matrix().col(label(at)) - directions_.matrix().col(least.rival);
      const double sign = is_target_ ? scale_ : -scale_;
      gains += sign * (f_.matrix().row(at).transpose().array() * pulled.array()).cast<double>();
    }
    return gains;
  }

 private:
  struct Margin {
    float margin = std::numeric_limits<float>::infinity();
    Index rival = 0;
  };
  Index label(Index row) const { return of_.labels()[static_cast<std::size_t>(row)]; }
  double worth(float margin) const {
    return is_target_ ? -std::max(margin, -1.0f) : -std::max(1.0f - margin, 0.0f);
  }
  template <class Line>
  Margin margin_of(const Line& z, Index row) const {
    const Index right = label(row), last = z.size() - 1 - right;
    Margin m;
    Index before = 0, after = 0;
    float most = -std::numeric_limits<float>::infinity();
    if (right > 0) most = z.head(right).maxCoeff(&before), m.rival = before;
    if (last > 0) {
      const float behind = z.tail(last).maxCoeff(&after);
      if (behind > most) most = behind, m.rival = right + 1 + after;
    }
    m.margin = z(right) - most;
    return m;
  }

  const DecoderOutputs& of_;
  const Tensor<float>&f_, &directions_;
  Tensor<float> z_;
  bool is_target_;
  double scale_;
};

}  // namespace detail

/// Features in the order in which they are taken off: each time, of those with the largest
/// activation times gradient, the one that makes the set worth most; it ends where none does.
/// `from` are the items that it looks at. Throws ConfigError for a search that cannot be.
inline Features search_subset(const Judged& from, Task target, const SubsetSearch& search) {
  if (!(search.weight >= 0) || search.most < 1 || search.shortlist < 1) {
    hooked::fail<hooked::ConfigError>("a subset search has weight ", search.weight, ", most ",
                                      search.most, " and shortlist ", search.shortlist,
                                      ": they must be at least 0, 1 and 1");
  }
  const Task kept = other(target);
  Tensor<float> directions({from.sae.options().d_sae, from.outputs.add.W_U().size(1)});
  directions.matrix().noalias() = from.sae["W_dec"].matrix() * from.outputs.add.W_U().matrix();
  detail::Ablated gone(from.outputs[target], from.f[target], directions, true, 1.0);
  detail::Ablated stays(from.outputs[kept], from.f[kept], directions, false, search.weight);
  Features chosen;
  double best = -std::numeric_limits<double>::infinity();
  std::vector<Index> order(static_cast<std::size_t>(directions.size(0)));
  while (static_cast<Index>(chosen.size()) < search.most) {
    Eigen::ArrayXd gains = gone.gains() + stays.gains();
    for (const Index k : chosen) gains(k) = -std::numeric_limits<double>::infinity();
    std::iota(order.begin(), order.end(), Index{0});
    const auto tried =
        std::min<std::ptrdiff_t>(search.shortlist, std::ssize(order) - std::ssize(chosen));
    std::partial_sort(order.begin(), order.begin() + tried, order.end(),
                      [&](Index a, Index b) { return gains(a) > gains(b); });
    Index next = -1;
    for (auto k = order.begin(); k != order.begin() + tried; ++k) {
      const double worth = gone.worth_without(*k) + stays.worth_without(*k);
      if (worth > best) best = worth, next = *k;
    }
    if (next < 0) break;
    gone.take_off(next);
    stays.take_off(next);
    chosen.push_back(next);
  }
  return chosen;
}

/// What the first 1, 2, 3, 4, 6, 8, 12, ... features of a list do.
inline std::vector<Removal> by_count(const Judged& judged, Task target, const Features& features) {
  std::vector<Removal> points;
  const auto all = static_cast<Index>(features.size());
  for (Index count = 1; count <= all;) {
    points.push_back(judged.without(target, Features(features.begin(), features.begin() + count)));
    points.back().setting = static_cast<double>(count);
    if (count == all) break;
    const bool is_power = (count & (count - 1)) == 0;
    count = std::min(all, count < 3 ? count + 1 : is_power ? count * 3 / 2 : count / 3 * 4);
  }
  return points;
}

}  // namespace add_concat
