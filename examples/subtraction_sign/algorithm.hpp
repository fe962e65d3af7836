// Which algorithm a model has, in two numbers, and the study's in words (analysis A9).
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "hooked/core/linalg.hpp"
#include "hooked/core/lstsq.hpp"
#include "hooked/core/random.hpp"
#include "neurons.hpp"

namespace subtraction {

/// The pairs with a < b, or with a >= b.
inline std::vector<Index> pairs_where(bool a_below_b) {
  std::vector<Index> rows;
  for (Index row = 0; row < kPairs; ++row) {
    if ((row / kNumbers < row % kNumbers) == a_below_b) rows.push_back(row);
  }
  return rows;
}

/// f ~ slope (b-a) + c over some of the pairs, by least squares.
struct Line {
  double slope, r2;
};
inline Line line_in_b_minus_a(const Tensor<double>& f, const std::vector<Index>& rows) {
  const auto distance = over_pairs([](double a, double b) { return b - a; });
  const auto n = static_cast<Index>(rows.size());
  const auto fit =
      fit_linear(take(distance, 0, rows).reshape({n, 1}), take(f, 0, rows).reshape({n, 1}));
  return {fit.slopes(0, 0), fit.r2(0)};
}

/// One-sidedness: the slope of logit_- - logit_+ over b-a on a >= b, divided by that on a < b. The
/// study's classifier, c + k max(0, b-a), has 0; a straight line through all pairs has 1.
inline double ratio_of_sides(const Tensor<double>& difference) {
  return line_in_b_minus_a(difference, pairs_where(false)).slope /
         line_in_b_minus_a(difference, pairs_where(true)).slope;
}

/// A side counts as flat where it is at most so many times as steep as the other.
constexpr double kFlat = 0.35;

/// Which algorithm a model has: the study's, in which + is the default and only a < b moves the
/// logits; its mirror image; one that looks at both sides; or none, where the sign is not known for
/// 95% of the pairs.
inline std::string algorithm_of(double sign_accuracy, double ratio) {
  if (!(sign_accuracy >= 95.0)) return "none";
  if (std::abs(ratio) <= kFlat) return "default +";
  return std::abs(ratio) >= 1.0 / kFlat ? "default -" : "two-sided";
}

/// Where the model changes from + to -, in units of b-a: -99.5 + sum over d of the share of pairs
/// with b-a = d at which logit_+ is the larger. A model that is always right has 0.5.
inline double boundary(const Tensor<double>& difference) {
  double place = -99.5;
  for (Index d = -(kNumbers - 1); d < kNumbers; ++d) {
    double plus = 0.0, pairs = 0.0;
    for (Index a = std::max<Index>(0, -d); a < std::min(kNumbers, kNumbers - d); ++a, pairs += 1.0)
      plus += difference(kNumbers * a + a + d) > 0 ? 0.0 : 1.0;
    place += plus / pairs;
  }
  return place;
}

/// Whether the linear fits are what the sign is made of: m_i d is added to the preactivations of
/// the 270 neurons, as if a-b were larger by d, for d = 10 and -10; the gain is by how much of d
/// the boundary moves. 1: the fits tell all; 0: nothing. Neurons reach the logits through W_logit
/// alone, so logit_- - logit_+ grows by sum_i (ReLU(pre_i + m_i d) - ReLU(pre_i)) (W_logit[i, -] -
/// W_logit[i, +]).
class CausalGain {
 public:
  CausalGain(const Tensor<float>& pre, const Tensor<double>& difference, const NeuronFits& fits,
             const Tensor<float>& W_logit)
      : difference_(difference), pre_(in_double(take(pre, 1, fits.important))) {
    const auto boosts = in_double(take(W_logit, 0, fits.important));  // [270, token]
    boost_ = boosts.matrix().col(kMinus) - boosts.matrix().col(kPlus);
    for (const Index i : fits.important) slopes_.push_back(fits.m(i));
  }

  double operator()() const { return with(slopes_); }

  /// Control: the mean size of the gain over five draws in which the 270 deal their slopes out
  /// among each other.
  double with_dealt_slopes() const {
    constexpr int kDraws = 5;
    hooked::Random random({0}, "dealt slopes");
    double total = 0.0;
    for (int draw = 0; draw < kDraws; ++draw) {
      std::vector<Index> order(slopes_.size());
      std::iota(order.begin(), order.end(), Index{0});
      random.permutation(order);
      std::vector<double> dealt;
      for (const Index i : order) dealt.push_back(slopes_[static_cast<std::size_t>(i)]);
      total += std::abs(with(dealt)) / kDraws;
    }
    return total;
  }

 private:
  double with(const std::vector<double>& slopes) const {
    constexpr double kShift = 10.0;
    const Eigen::Map<const Eigen::RowVectorXd> m(slopes.data(), static_cast<Index>(slopes.size()));
    const auto x = pre_.matrix();
    const auto boundary_at = [&](double d) {
      Tensor<double> shifted = difference_;
      const auto after = (x.rowwise() + d * m).cwiseMax(0.0);
      shifted.matrix().row(0) += ((after - x.cwiseMax(0.0)) * boost_).transpose();
      return boundary(shifted);
    };
    return (boundary_at(kShift) - boundary_at(-kShift)) / (2.0 * kShift);
  }

  Tensor<double> difference_;   // logit_- - logit_+ [10000]
  Tensor<double> pre_;          // [10000, 270]
  Eigen::VectorXd boost_;       // of the 270
  std::vector<double> slopes_;  // m of the 270
};

}  // namespace subtraction
