// What becomes of the loss without some waves, with controls.
#pragma once

#include <algorithm>
#include <limits>

#include "at_equals.hpp"
#include "hooked/core/creation.hpp"
#include "hooked/core/qr.hpp"
#include "hooked/core/random.hpp"
#include "logits.hpp"

namespace addition {

/// Five draws of as many frequencies as there are key ones, of all others (or of all those, where
/// they are fewer).
inline std::vector<std::vector<Index>> other_frequencies(const AtEquals& at) {
  std::vector<Index> others;
  for (Index k = 1; k <= at.p / 2; ++k) {
    if (!std::binary_search(at.key.begin(), at.key.end(), k)) others.push_back(k);
  }
  hooked::Random random({0}, "other frequencies");
  std::vector<std::vector<Index>> draws;
  for (int draw = 0; draw < 5; ++draw) {
    std::vector<Index> order(others.size()), chosen;
    random.permutation(order);
    for (const Index i : order) {
      if (chosen.size() < at.key.size()) chosen.push_back(others[static_cast<std::size_t>(i)]);
    }
    draws.push_back(chosen);
  }
  return draws;
}

/// Each frequency taken out of the logits alone: the loss over all pairs, and over training pairs.
inline void single_frequencies(const AtEquals& at, Report& report) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  double least = kInfinite, largest_other = 0.0;
  std::vector<std::string> groups;
  Tensor<double> all({at.p / 2}), train({at.p / 2});
  for (Index k = 1; k <= at.p / 2; ++k) {
    const Tensor<double> each = at.losses(excluded_logits(at.logits, {k}, at.sign));
    const double loss = mean(each).item();
    groups.push_back(std::to_string(k));
    all(k - 1) = std::log10(loss), train(k - 1) = std::log10(at.mean_over(each, at.train));
    const bool is_key = std::binary_search(at.key.begin(), at.key.end(), k);
    if (is_key) least = std::min(least, loss / at.loss);
    if (!is_key) largest_other = std::max(largest_other, loss / at.loss);
  }
  report.add(judge({.claim = "without one frequency, loss ratio: key ones, least; others, largest",
                    .study_says = {830, nullptr},
                    .definition = "cos and sin of w_k (x + s y) taken out of the logits for one k: "
                                  "loss over all pairs, divided by that before; 830 is Nanda's "
                                  "least, 2.0e-4 to 2.4e-7, with neurons"},
                   {least, largest_other},
                   {{{.low = 100.0}, {.low = 5.0}}, {{0.0, 1.2}, {0.0, 2.0}}}));
  report.add("without_frequency",
             "The loss leaps without any one key frequency, and does not move without another.",
             Figure::bars("Loss without one frequency", "frequency", "log10 of the loss")
                 .panel_with_groups("cos and sin of w (x + s y) taken out of the logits", groups)
                 .series("all pairs", all)
                 .series("training pairs", train));
}

inline void restricted_and_excluded(const AtEquals& at, Report& report) {
  const Tensor<double> restricted = at.losses(restricted_logits(at.logits, at.key, at.sign));
  const Tensor<double> excluded = excluded_logits(at.logits, at.key, at.sign);
  double other_restricted = 0.0, other_excluded = 0.0;
  for (const std::vector<Index>& others : other_frequencies(at)) {
    other_restricted += at.loss_of(restricted_logits(at.logits, others, at.sign)) / 5.0;
    other_excluded += at.loss_of(excluded_logits(at.logits, others, at.sign), at.train) / 5.0;
  }
  report.add(
      judge({.claim = "restricted loss; divided by the loss",
             .study_says = {5.5e-8, 0.23},
             .unit = "nats, -",
             .definition = "logits are their waves in x + s y of the key frequencies and "
                           "each output's mean over all pairs: loss over all pairs"},
            {mean(restricted).item(), mean(restricted).item() / at.loss},
            {{within_factor(5.5e-8, 4.0), {0.0, 1e-3}}, {within_factor(0.23, 2.0), {0.0, 0.9}}}));
  report.add(hooked::report(
      {.claim = "restricted loss of training and of test pairs",
       .unit = "nats",
       .definition = "as above"},
      std::vector<double>{at.mean_over(restricted, at.train), at.mean_over(restricted, at.test)}));
  report.add(hooked::report(
      {.claim = "excluded loss, and the loss of the same pairs",
       .unit = "nats",
       .definition = "training pairs, logits without the waves in x + s y of "
                     "all key frequencies; and with them"},
      std::vector<double>{at.loss_of(excluded, at.train), at.loss_of(at.logits, at.train)}));
  report.add(hooked::report(
      {.claim = "loss without the key cosines",
       .unit = "nats",
       .definition = "training pairs, logits less their components along cos(w_k (x + s y - z)) of "
                     "all key frequencies, the excluded loss in three dimensions"},
      at.loss_of(at.logits - key_cosines(at), at.train)));
  report.add(hooked::report({.claim = "control, other frequencies: restricted loss, excluded loss",
                             .unit = "nats",
                             .definition = "as many other frequencies as there are key ones, the "
                                           "mean of five draws; all pairs, training pairs"},
                            std::vector<double>{other_restricted, other_excluded}));
}

/// Activations [p^2, neuron] with nothing but what lies along some directions [directions, neuron].
inline Tensor<double> along(const Tensor<double>& directions, const Tensor<double>& post) {
  if (directions.size(0) == 0) return Tensor<double>(post.shape());
  const Tensor<double> Q = qr(directions.transpose()).Q;  // [neuron, directions]
  return matmul(matmul(post, Q), Q.transpose());
}

inline void neuron_directions(const AtEquals& at, Report& report) {
  const Tensor<double> post = cast<double>(at.post), directions = key_directions(at);
  const auto random_directions = hooked::randn<double>(directions.shape(), hooked::Seed{0});
  const Tensor<double> kept = along(directions, post);
  const auto loss = [&](const Tensor<double>& values) {
    return at.loss_of(at.logits_with_neurons(values));
  };
  report.add(judge({.claim = "neurons along W_L's key waves only, loss ratio; all but these, loss",
                    .study_says = {0.5, 1.115},
                    .unit = "-, ln p",
                    .definition = "hook_post at '=' projected on the directions of neurons that "
                                  "W_L reads out as cos and sin of the key frequencies: loss over "
                                  "all pairs, divided by that before; and less this projection: "
                                  "loss in units of ln p, that of guessing (Nanda et al.: 5.27 at "
                                  "ln 113 = 4.727)"},
                   {loss(kept) / at.loss, loss(post - kept) / std::log(static_cast<double>(at.p))},
                   {{within_factor(0.5, 2.0), {0.0, 0.9}}, {{.low = 0.95}, {.low = 0.5}}}));
  report.add(hooked::report({.claim = "control, random directions: only these, all but these",
                             .unit = "-, ln p",
                             .definition = "the same with as many random directions of neurons"},
                            std::vector<double>{loss(along(random_directions, post)) / at.loss,
                                                loss(post - along(random_directions, post)) /
                                                    std::log(static_cast<double>(at.p))}));
}

}  // namespace addition
