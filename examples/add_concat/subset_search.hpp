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
#include <utility>
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
  /// `directions` [d_sae, d_vocab] are what the features say.
  Ablated(const DecoderOutputs& of, const Tensor<float>& f, const Tensor<float>& directions,
          bool is_target, double weight)
      : of_(of),
        f_(f),
        directions_(directions),
        by_token_({directions.size(1), directions.size(0)}),
        z_(of.logits(of.h())),
        margins_(static_cast<std::size_t>(of.rows())),
        is_target_(is_target),
        scale_(weight / static_cast<double>(of.size())) {
    by_token_.matrix() = directions.matrix().transpose();
    measure();
  }

  /// What is taken off is worth so much.
  double worth() const {
    return sum_over_items([&](Index row) { return margin(row); });
  }
  /// And so much with feature k off as well.
  double worth_without(Index k) const {
    const auto f = f_.matrix(), z = z_.matrix();
    const auto direction = directions_.matrix().row(k);
    Eigen::RowVectorXf line(z_.size(1));
    return sum_over_items([&](Index row) {
      if (f(row, k) == 0.0f) return margin(row);
      line = z.row(row) - f(row, k) * direction;
      return margin_in(line, row);
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
    Eigen::RowVectorXf others(z_.size(1));
    const auto f = f_.matrix(), by_token = by_token_.matrix();
    for (Index item = 0; item < of_.size(); ++item) {
      Index at = of_.begin(item);
      for (Index row = at; row < of_.begin(item + 1); ++row) {
        if (margin(row) < margin(at)) at = row;
      }
      if (is_target_ ? margin(at) <= -1.0f : margin(at) >= 1.0f) continue;  // worth is flat there
      others = z_.matrix().row(at);
      margin_in(others, at);
      Index rival = 0;
      others.maxCoeff(&rival);
      const double sign = is_target_ ? scale_ : -scale_;
      gains += sign * (f.row(at).array() * (by_token.row(label(at)) - by_token.row(rival)).array())
                          .transpose()
                          .cast<double>();
    }
    return gains;
  }

 private:
  Index label(Index row) const { return of_.labels()[static_cast<std::size_t>(row)]; }
  float margin(Index row) const { return margins_[static_cast<std::size_t>(row)]; }
  void measure() {
    Eigen::RowVectorXf line(z_.size(1));
    for (Index row = 0; row < of_.rows(); ++row) {
      line = z_.matrix().row(row);
      margins_[static_cast<std::size_t>(row)] = margin_in(line, row);
    }
  }
  /// The margin of a row whose logits are `z`, of which those of the other tokens stay.
  float margin_in(Eigen::RowVectorXf& z, Index row) const {
    const float right = std::exchange(z(label(row)), -std::numeric_limits<float>::infinity());
    return right - z.maxCoeff();
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

  const DecoderOutputs& of_;
  const Tensor<float>&f_, &directions_;
  Tensor<float> by_token_;  // directions, transposed
  Tensor<float> z_;
  std::vector<float> margins_;  // [row]
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
  std::vector<double> worths(order.size());
  hooked::ThreadPool pool(from.outputs.add.threads());
  while (static_cast<Index>(chosen.size()) < search.most) {
    Eigen::ArrayXd gains = gone.gains() + stays.gains();
    for (const Index k : chosen) gains(k) = -std::numeric_limits<double>::infinity();
    std::iota(order.begin(), order.end(), Index{0});
    const auto tried =
        std::min<std::ptrdiff_t>(search.shortlist, std::ssize(order) - std::ssize(chosen));
    std::partial_sort(order.begin(), order.begin() + tried, order.end(),
                      [&](Index a, Index b) { return gains(a) > gains(b); });
    pool.run(tried, [&](Index n) {
      const auto i = static_cast<std::size_t>(n);
      worths[i] = gone.worth_without(order[i]) + stays.worth_without(order[i]);
    });
    const auto most = std::max_element(worths.begin(), worths.begin() + tried);
    if (!(*most > best)) break;
    best = *most;
    const Index next = order[static_cast<std::size_t>(most - worths.begin())];
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
