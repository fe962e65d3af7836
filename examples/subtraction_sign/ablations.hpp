// What becomes of the sign when neurons are changed, with controls (analysis A4).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/hooks/edits.hpp"
#include "neurons.hpp"

namespace subtraction {

/// The sign's score with the activations of `neurons` at "=" set to zero, or to their means over
/// all pairs.
inline Score without(const AtEquals& at, const std::vector<Index>& neurons) {
  if (neurons.empty()) return at.base;  // an empty list would mean all of them
  return at.score_with({hooked::zero(kPost, {.positions = {kPositionEquals}, .neurons = neurons})});
}
inline Score at_their_means(const AtEquals& at, const std::vector<Index>& neurons) {
  const auto means = hooked::mean(at.post, 0);  // [neuron]
  Tensor<double> changed = in_double(at.post);
  for (const Index i : neurons) {
    for (Index row = 0; row < kPairs; ++row) changed(row, i) = static_cast<double>(means(i));
  }
  return at.score_replaced(kPost, changed);
}

/// The mean score over five draws of `count` neurons, all being equally likely.
inline Score without_random(const AtEquals& at, Index count) {
  constexpr int kDraws = 5;
  Score total;
  hooked::Random random({0}, "random neurons");
  std::vector<Index> order(static_cast<std::size_t>(at.post.size(1)));
  for (int draw = 0; draw < kDraws; ++draw) {
    std::iota(order.begin(), order.end(), Index{0});
    random.permutation(order);
    const Score s = without(at, {order.begin(), order.begin() + count});
    total.loss += s.loss / kDraws, total.accuracy += s.accuracy / kDraws;
  }
  return total;
}

/// The mean activation of `neurons` over the pairs a >= b divided by that over a < b.
inline double loudness(const AtEquals& at, const std::vector<Index>& neurons) {
  double above = 0.0, below = 0.0;
  for (Index row = 0; row < kPairs; ++row) {
    double& side = row / kNumbers < row % kNumbers ? below : above;
    for (const Index i : neurons) side += static_cast<double>(at.post(row, i));
  }
  return (above / 5050.0) / (below / 4950.0);
}

/// What neurons with these preactivations [10000, neuron] write into logit_- - logit_+:
/// sum_i ReLU(pre_i) (W_logit[i, -] - W_logit[i, +]), as [10000, 1].
inline Tensor<double> mlp_part(const Transformer<float>& model, const Tensor<double>& pre) {
  const auto W_logit = in_double(logit_weights(model));
  Tensor<double> part({kPairs, 1});
  const Eigen::VectorXd boost = W_logit.matrix().col(kMinus) - W_logit.matrix().col(kPlus);
  part.matrix().col(0) = pre.matrix().cwiseMax(0.0) * boost;
  return part;
}

inline void ablations(const AtEquals& at, const NeuronFits& fits, Report& report) {
  const Score base = at.base;
  const auto lost = [&](Score s) { return base.accuracy - s.accuracy; };
  const Score zeroed = without(at, fits.important), rest = without(at, fits.others);
  report.add(
      judge({.claim = "270 neurons to zero, the other 242: loss ratio, accuracy lost",
             .study_says = {55.7, 85.8, 1.015, 0.02},
             .unit = "-, points, -, points",
             .definition = "hook_post at '=' is 0 for the 270 neurons of largest |m_i|, then "
                           "for all others: sign loss divided by that before, points of "
                           "accuracy lost; the study's loss goes from 0.068 to 3.79 and 0.069, "
                           "its accuracy from 98.5 to 12.7% and from 98.55 to 98.53%"},
            {zeroed.loss / base.loss, lost(zeroed), rest.loss / base.loss, lost(rest)},
            {{within_factor(55.7, 2.0), {.low = 10.0}},
             {within(85.8, 10.0), {.low = 40.0}},
             {{0.0, 1.1}, {0.0, 2.0}},
             {{.high = 0.5}, {.high = 2.0}}}));
  const auto control = [&](const std::string& what, Score s) {
    report.add(hooked::report({.claim = "control, " + what + ": loss, accuracy",
                               .unit = "nats, %",
                               .definition = "as the rows above"},
                              std::vector<double>{s.loss, s.accuracy}));
  };
  control("270 neurons at their means", at_their_means(at, fits.important));
  control("the other 242 at their means", at_their_means(at, fits.others));
  control("270 neurons at random to zero", without_random(at, NeuronFits::kImportant));
  control("242 neurons at random to zero",
          without_random(at, at.post.size(1) - NeuronFits::kImportant));

  const Tensor<double> fitted = fits.of_difference.predict(fits.difference);
  const Score of_linear = at.score_replaced(kPre, fitted);
  const auto part = [&](const Tensor<double>& pre) { return mlp_part(at.model, pre); };
  report.add(judge(
      {.claim = "all neurons by linear fits: loss ratio, accuracy lost, R2",
       .study_says = {1.18, 0.6, nullptr},
       .unit = "-, points, %",
       .definition = "hook_pre of all 512 neurons is m_i (a-b) + c_i at '=': sign loss divided by "
                     "that before, points of accuracy lost, and how much of the variance of the "
                     "neurons' part of logit_- - logit_+ is explained; the study's loss goes from "
                     "0.068 to 0.080, its accuracy from 98.5 to 97.93%"},
      {of_linear.loss / base.loss, lost(of_linear),
       100.0 * r_squared(part(in_double(at.pre)), part(fitted))(0)},
      {{{0.0, 1.5}, {0.0, 4.0}}, {{.high = 1.5}, {.high = 5.0}}, {{80.0, 100.0}, {50.0, 100.0}}}));
  report.add(judge(
      {.claim = "only neurons that grow with b-a matter; are silent on a >= b",
       .study_says = "ReLU ... to zero out any trends",
       .unit = "points, points, -",
       .definition = "accuracy lost with hook_post at '=' being 0 for those of the "
                     "270 with m_i < 0, and for those with m_i > 0; mean activation of "
                     "those with m_i < 0 over the pairs a >= b divided by that over "
                     "a < b"},
      {lost(without(at, fits.growing())), lost(without(at, fits.falling())),
       loudness(at, fits.growing())},
      {{{.low = 40.0}, {.low = 25.0}}, {{.high = 2.0}, {.high = 10.0}}, {{0.0, 0.1}, {0.0, 0.3}}}));
}

}  // namespace subtraction
