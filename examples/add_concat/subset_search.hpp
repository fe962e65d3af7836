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
        margins_(static_cast<std::size_t>(of.rows())),
        is_target_(is_target),
        scale_(weight / static_cast<double>(of.size())) {
    measure();
  }

  /// What is taken off is worth so much.
  double worth() const {
    return sum_over_items([&](Index row) { return margin(row).margin; });
  }
  /// And so much with feature k off as well.
  double worth_without(Index k) const {
    Eigen::RowVectorXf line(z_.size(1));
    return sum_over_items([&](Index row) {
      if (f_(row, k) == 0.0f) return margin(row).margin;
      line = z_.matrix().row(row) - f_(row, k) * directions_.matrix().row(k);
      return margin_of(line, row).margin;
    });
  }
  /// Takes feature k off.
  void take_off(Index k) {
    z_.matrix().noalias() -= f_.matrix().col(k) * directions_.matrix().row(k);
    measure();
  }
  /// [d_sae] activation times gradient of worth: what would be won by taking each feature off while
  /// the same other token is the largest at the same place.
  Eigen::ArrayXd gains() const {
    Eigen::ArrayXd gains = Eigen::ArrayXd::Zero(directions_.size(0));
    for (Index item = 0; item < of_.size(); ++item) {
      Index at = of_.begin(item);
      for (Index row = at; row < of_.begin(item + 1); ++row) {
        if (margin(row).margin < margin(at).margin) at = row;
      }
      const auto [least, rival] = margin(at);
      if (is_target_ ? least <= -1.0f : least >= 1.0f) continue;  // worth is flat there
      const double sign = is_target_ ? scale_ : -scale_;
      gains +=
          sign * (f_.matrix().row(at).transpose().array() *
                  (directions_.matrix().col(label(at)) - directions_.matrix().col(rival)).array())
                     .cast<double>();
    }
    return gains;
  }

 private:
  struct Margin {
    float margin = std::numeric_limits<float>::infinity();
    Index rival = 0;
  };
  Index label(Index row) const { return of_.labels()[static_cast<std::size_t>(row)]; }
  const Margin& margin(Index row) const { return margins_[static_cast<std::size_t>(row)]; }
  void measure() {
    for (Index row = 0; row < of_.rows(); ++row) {
      margins_[static_cast<std::size_t>(row)] = margin_of(z_.matrix().row(row), row);
    }
  }
  /// `margin_at` gives the margin of a row; that of an answer is the least of its rows'.
  template <class MarginAt>
  double sum_over_items(const MarginAt& margin_at) const {
    double sum = 0.0;
    for (Index item = 0; item < of_.size(); ++item) {
      float least = std::numeric_limits<float>::infinity();
      for (Index row = of_.begin(item); row < of_.begin(item + 1); ++row) {
        least = std::min(least, margin_at(row));
      }
      sum += is_target_ ? -std::max(least, -1.0f) : -std::max(1.0f - least, 0.0f);
    }
    return scale_ * sum;
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
  std::vector<Margin> margins_;  // [row]
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
  double best = gone.worth() + stays.worth();
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
