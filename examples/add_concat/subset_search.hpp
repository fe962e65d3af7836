// Which features to ablate, searched for: a rival of choosing them one by one by importance.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tolerance_sweep.hpp"

namespace add_concat {

/// A greedy search. A set of features is worth the mean loss of the target's answers less `weight`
/// times that of the other task's; the loss of an answer counts up to ln d_vocab, that of a token
/// drawn at random, so that nothing is won by making the same answers ever worse.
struct SubsetSearch {
  double weight = 1.0;
  Index most = 64;       // features
  Index shortlist = 16;  // features that are tried in each step
};

namespace detail {

/// Logits of one task while features are taken off them, and what they are worth.
class Ablated {
 public:
  /// `sign`: of the task's losses in the worth of a set.
  Ablated(const DecoderOutputs& of, const Tensor<float>& f, double sign)
      : of_(of), f_(f), z_(of.logits(of.h())), per_item_(sign / static_cast<double>(of.size())) {}

  /// The worth with feature k, whose logits are `direction`, off as well; -1: as it is.
  double worth(Index k, const Tensor<float>& directions) const {
    Eigen::ArrayXf line(z_.size(1));
    double sum = 0.0;
    each_item([&](Index item) {
      double loss = 0.0;
      for (Index row = of_.begin(item); row < of_.begin(item + 1); ++row) {
        line = z_.matrix().row(row).transpose().array();
        if (k >= 0 && f_(row, k) != 0.0f) {
          line -= f_(row, k) * directions.matrix().row(k).transpose().array();
        }
        const float most = line.maxCoeff();
        loss += std::log(static_cast<double>((line - most).exp().sum())) +
                static_cast<double>(most - line(label(row)));
      }
      sum += std::min(loss, cap());
    });
    return per_item_ * sum;
  }
  /// Takes feature k off.
  void take_off(Index k, const Tensor<float>& directions) {
    z_.matrix().noalias() -= f_.matrix().col(k) * directions.matrix().row(k);
  }
  /// [d_sae] What worth would gain by taking each feature off, were it linear: minus activation
  /// times gradient. An answer whose loss is at its cap has none.
  Eigen::ArrayXd gains(const Tensor<float>& directions) const {
    Tensor<float> gradient(z_.shape());
    each_item([&](Index item) {
      double loss = 0.0;
      for (Index row = of_.begin(item); row < of_.begin(item + 1); ++row) {
        auto p = gradient.matrix().row(row).array();
        p = (z_.matrix().row(row).array() - z_.matrix().row(row).maxCoeff()).exp();
        p /= p.sum();
        loss -= std::log(static_cast<double>(p(label(row))));
        p(label(row)) -= 1.0f;
      }
      if (loss < cap()) return;
      gradient.matrix().middleRows(of_.begin(item), of_.begin(item + 1) - of_.begin(item)).setZero();
    });
    Tensor<float> along({of_.rows(), directions.size(0)});
    along.matrix().noalias() = gradient.matrix() * directions.matrix().transpose();
    return -per_item_ * (f_.matrix().array() * along.matrix().array())
                            .colwise().sum().transpose().template cast<double>();
  }

 private:
  Index label(Index row) const { return of_.labels()[static_cast<std::size_t>(row)]; }
  double cap() const { return std::log(static_cast<double>(z_.size(1))); }
  template <class F>
  void each_item(const F& f) const {
    for (Index item = 0; item < of_.size(); ++item) f(item);
  }

  const DecoderOutputs& of_;
  const Tensor<float>& f_;
  Tensor<float> z_;
  double per_item_;
};

}  // namespace detail

/// Features in the order in which they are taken off: of those with the largest activation times
/// gradient, each time the one that makes the set worth most; it ends where none does. `from` are
/// the items that it looks at.
inline Features search_subset(const Judged& from, Task target, const SubsetSearch& search) {
  if (!(search.weight >= 0) || search.most < 1 || search.shortlist < 1) {
    hooked::fail<hooked::ConfigError>("a subset search has weight ", search.weight, ", most ",
                                      search.most, " and shortlist ", search.shortlist,
                                      ": they must be at least 0, 1 and 1");
  }
  const Task kept = other(target);
  Tensor<float> directions({from.sae.options().d_sae, from.outputs.add.W_U().size(1)});
  directions.matrix().noalias() =
      from.sae["W_dec"].matrix() * from.outputs.add.W_U().matrix();
  detail::Ablated gone(from.outputs[target], from.f[target], 1.0);
  detail::Ablated stays(from.outputs[kept], from.f[kept], -search.weight);
  const auto worth = [&](Index k) { return gone.worth(k, directions) + stays.worth(k, directions); };
  Features chosen;
  double best = worth(-1);
  std::vector<Index> order(static_cast<std::size_t>(directions.size(0)));
  while (static_cast<Index>(chosen.size()) < search.most) {
    Eigen::ArrayXd gains = gone.gains(directions) + stays.gains(directions);
    for (const Index k : chosen) gains(k) = -std::numeric_limits<double>::infinity();
    std::iota(order.begin(), order.end(), Index{0});
    const auto tried = std::min<std::ptrdiff_t>(search.shortlist, std::ssize(order) - std::ssize(chosen));
    std::partial_sort(order.begin(), order.begin() + tried, order.end(),
                      [&](Index a, Index b) { return gains(a) > gains(b); });
    Index next = -1;
    for (auto k = order.begin(); k != order.begin() + tried; ++k) {
      const double value = worth(*k);
      if (value > best) best = value, next = *k;
    }
    if (next < 0) break;
    gone.take_off(next, directions);
    stays.take_off(next, directions);
    chosen.push_back(next);
  }
  return chosen;
}

/// What the first 1, 2, 3, 4, 6, 8, 12, ... features of a list do.
inline std::vector<Removal> by_count(const Judged& judged, Task target, const Features& features) {
  std::vector<Removal> points;
  const auto all = static_cast<Index>(features.size());
  for (Index count = 1; count <= all;) {
    points.push_back(
        judged.without(target, Features(features.begin(), features.begin() + count)));
    points.back().setting = static_cast<double>(count);
    if (count == all) break;
    const bool is_power = (count & (count - 1)) == 0;
    count = std::min(all, count < 3 ? count + 1 : is_power ? count * 3 / 2 : count / 3 * 4);
  }
  return points;
}

}  // namespace add_concat
