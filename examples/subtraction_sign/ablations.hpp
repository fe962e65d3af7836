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

inline void ablations(const AtEquals& at, const NeuronFits& fits, Report& report) {
  const Score base = at.base;
  const auto lost = [&](Score s) { return base.accuracy - s.accuracy; };
  const Score zeroed = without(at, fits.important), rest = without(at, fits.others);
  report.add(
      judge({.claim = "270 neurons to zero: loss, accuracy lost",
             .study_says = {3.79, 85.8},
             .unit = "nats, points",
             .definition = "hook_post of the 270 neurons of largest |m_i| is 0 at '='; the "
                           "study's accuracy falls from 98.5 to 12.7%"},
            {zeroed.loss, lost(zeroed)},
            {{within_factor(3.79, 1.5), {.low = 0.68}}, {within(85.8, 10.0), {.low = 40.0}}}));
  report.add(
      judge({.claim = "the other 242 to zero: loss, accuracy",
             .study_says = {0.069, 98.53},
             .unit = "nats, %",
             .definition = "hook_post of all but these 270 is 0 at '='; the study's are 0.068 "
                           "and 98.55 before"},
            {rest.loss, rest.accuracy},
            {{within_factor(0.069, 1.5), {0.0, 0.2}}, {within(98.53, 1.0), {95.0, 100.0}}}));
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

  const Score linear = at.score_replaced(kPre, fits.of_difference.predict(fits.difference));
  report.add(judge({.claim = "all neurons by linear fits: loss, accuracy",
                    .study_says = {0.080, 97.93},
                    .unit = "nats, %",
                    .definition = "hook_pre of all 512 neurons is m_i (a-b) + c_i at '='"},
                   {linear.loss, linear.accuracy},
                   {{within_factor(0.08, 1.5), {0.0, 0.3}}, {within(97.93, 1.5), {90.0, 100.0}}}));
  report.add(judge(
      {.claim = "only neurons that grow with b-a matter; are silent on a >= b",
       .study_says = "ReLU zeroes out any trends there",
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
