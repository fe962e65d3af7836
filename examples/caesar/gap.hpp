// Who owns the gap: what the network loses beyond the exact posterior, by position, word, rotation.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "bayes.hpp"
#include "hooked/core/random.hpp"

namespace caesar {

/// sum_r p(r) log(p(r) / q(r)) of one sequence and position, p exact and q the network's: how many
/// nats the network loses there on average over what the rotation may be.
inline double divergence(const Posteriors& exact, const Tensor<float>& log_probs, Index s,
                         Index t) {
  double sum = 0.0;
  for (Index r = 0; r < kLetters; ++r) {
    const double log_p = exact(s, t, r);
    if (std::isinf(log_p)) continue;  // p log p = 0 at p = 0
    sum += std::exp(log_p) * (log_p - static_cast<double>(log_probs(s, t, r)));
  }
  return sum;
}

/// The gap in the first word, exactly: all words in all rotations by themselves. For word w,
/// rotation r, log p - log q of the right rotation summed over the word's letters: [word,
/// rotation].
inline Tensor<double> gaps_of_words(const Reading& at) {
  const Tensor<Token> tokens = rotated_words(at.words);
  const Posteriors exact = exact_posteriors(at.words, at.mode, tokens);
  const auto logits = at.model.run_with_hooks(tokens, {}, {.threads = at.threads});
  const Tensor<float> log_probs = hooked::log_softmax(logits);
  Tensor<double> gaps({tokens.size(0) / kLetters, kLetters});
  for (Index row = 0; row < tokens.size(0); ++row) {
    const Index r = row % kLetters;
    for (Index t = 0; t < kWordLength; ++t) {
      gaps(row / kLetters, r) += exact(row, t, r) - static_cast<double>(log_probs(row, t, r));
    }
  }
  return gaps;
}

/// The standard deviation over rotations of the gap of all words, weighted by how likely they are.
inline double spread_over_rotations(const Tensor<double>& gaps, const std::vector<double>& shares,
                                    std::vector<double>* by_rotation = nullptr) {
  std::vector<double> mean(kLetters, 0.0);
  for (Index w = 0; w < gaps.size(0); ++w) {
    for (Index r = 0; r < kLetters; ++r) {
      mean[static_cast<std::size_t>(r)] += shares[static_cast<std::size_t>(w)] * gaps(w, r);
    }
  }
  const double all = std::accumulate(mean.begin(), mean.end(), 0.0) / kLetters;
  double squares = 0.0;
  for (const double m : mean) squares += (m - all) * (m - all) / kLetters;
  if (by_rotation != nullptr) *by_rotation = mean;
  return std::sqrt(squares);
}

/// The same with each word's rotations dealt at random: what is to be expected where no rotation is
/// harder than another. The 95th percentile of 200 draws.
inline double spread_by_chance(const Tensor<double>& gaps, const std::vector<double>& shares) {
  constexpr std::size_t kDraws = 200;
  hooked::Random random({0}, "rotations dealt");
  std::vector<double> spreads;
  std::vector<Index> order(kLetters);
  Tensor<double> dealt(gaps.shape());
  for (std::size_t draw = 0; draw < kDraws; ++draw) {
    for (Index w = 0; w < gaps.size(0); ++w) {
      random.permutation(order);
      for (Index r = 0; r < kLetters; ++r) {
        dealt(w, r) = gaps(w, order[static_cast<std::size_t>(r)]);
      }
    }
    spreads.push_back(spread_over_rotations(dealt, shares));
  }
  std::sort(spreads.begin(), spreads.end());
  return spreads[kDraws * 95 / 100];
}

inline void gap_by_position(const Reading& at, Report& report) {
  const Posteriors exact = exact_posteriors(at.words, at.mode, at.data.tokens);
  const Quality best = quality(exact, at.data), network = quality(at.log_probs, at.data);
  Tensor<double> position({at.length()}), expected({at.length()}), measured({at.length()});
  double all = 0.0;
  for (Index t = 0; t < at.length(); ++t) {
    const auto i = static_cast<std::size_t>(t);
    position(t) = static_cast<double>(t);
    measured(t) = network.loss_at[i] - best.loss_at[i];
    for (Index s = 0; s < at.size(); ++s) {
      expected(t) += divergence(exact, at.log_probs, s, t) / static_cast<double>(at.size());
    }
    all += expected(t);
  }
  const auto share = [&](Index first, Index last) {
    double sum = 0.0;
    for (Index t = first; t < last; ++t) sum += 100.0 * expected(t) / all;
    return sum;
  };
  report.add(hooked::report(
      {.claim = "gap to the exact posterior: measured, expected",
       .unit = "nats",
       .definition = "mean over all positions: the network's cross-entropy less the posterior's; "
                     "the divergence of the network from the posterior, which is the same on "
                     "average and does not depend on which rotation was drawn"},
      std::vector<double>{network.loss - best.loss, all / static_cast<double>(at.length())}));
  report.add(
      hooked::report({.claim = "shares of the gap: positions 0, 1, 2, 3, second word, all later",
                      .unit = "%",
                      .definition = "of the divergence, summed over positions"},
                     std::vector<double>{share(0, 1), share(1, 2), share(2, 3), share(3, 4),
                                         share(4, 8), share(8, at.length())}));
  report.add("gap_by_position", "Nearly all of the gap lies in the letters of the first two words.",
             Figure::lines("What the network loses beyond Bayes' rule", "position", "nats")
                 .panel("mean over sequences")
                 .line("divergence from the posterior", position, expected)
                 .line("cross-entropy less the posterior's", position, measured, true));
  report.say("The network loses " + short_text(all / static_cast<double>(at.length()), 3) +
             " nats a position more than Bayes' rule over the words; " +
             short_text(share(0, 4), 3) + "% of that in the first word, " +
             short_text(share(4, 8), 3) + "% in the second.");
}

/// Who owns the gap to the exact posterior.
inline void gap(const Reading& at, Report& report) {
  gap_by_position(at, report);
  const Tensor<double> gaps = gaps_of_words(at);
  const std::vector<double> shares = word_shares(at.words, at.mode);
  // By word: how likely it is times its mean over rotations; below zero where the network is better
  // prepared for the word than the posterior, at the cost of others.
  std::vector<std::pair<double, Index>> owns;
  double all = 0.0;
  for (Index w = 0; w < gaps.size(0); ++w) {
    const double own = shares[static_cast<std::size_t>(w)] * hooked::mean(gaps.select(0, w)).item();
    owns.emplace_back(own, w), all += own;
  }
  std::sort(owns.rbegin(), owns.rend());
  const Index shown = std::min<Index>(10, gaps.size(0));
  double top = 0.0, of_sequences = 0.0;
  std::vector<std::string> names;
  Tensor<double> of_gap({shown}), of_words({shown});
  for (Index i = 0; i < shown; ++i) {
    const auto [own, w] = owns[static_cast<std::size_t>(i)];
    names.push_back(at.words[static_cast<std::size_t>(w)].letters);
    of_gap(i) = 100.0 * own / all, of_words(i) = 100.0 * shares[static_cast<std::size_t>(w)];
    top += of_gap(i), of_sequences += of_words(i);
  }
  report.add(hooked::report(
      {.claim = "first word's gap, the ten words with most of it: of the gap, of all words",
       .unit = "nats, %, %",
       .definition = "exact: log posterior less log-probability of the right rotation, summed over "
                     "the letters of each word in all rotations, weighted by how likely it is; "
                     "words may own less than nothing"},
      std::vector<double>{all, top, of_sequences}));
  report.add("gap_by_word",
             "Words that own much more of the gap than of the text are badly learnt.",
             Figure::bars("The ten words with most of the gap", "word", "%")
                 .panel_with_groups("as first word", names)
                 .series("of the gap", of_gap)
                 .series("of all words", of_words));

  std::vector<double> by_rotation;
  const double spread = spread_over_rotations(gaps, shares, &by_rotation);
  const double chance = spread_by_chance(gaps, shares);
  const auto [least, most] = std::minmax_element(by_rotation.begin(), by_rotation.end());
  report.add(hooked::report(
      {.claim = "first word's gap by rotation: least, most, spread, spread by chance",
       .unit = "nats",
       .definition = "exact, of the 26 rotations: the standard deviation, and the 95th percentile "
                     "of it with each word's rotations dealt at random"},
      std::vector<double>{*least, *most, spread, chance}));
  std::vector<std::string> rotations;
  for (Index r = 0; r < kLetters; ++r) rotations.push_back(std::to_string(r));
  report.add("gap_by_rotation", "No rotation stands out if the bars are nearly alike.",
             Figure::bars("The gap in the first word", "rotation", "nats")
                 .panel_with_groups("summed over its letters", rotations)
                 .series("all words", Tensor<double>({kLetters}, by_rotation)));
  report.say("Of the gap in the first word, ten words own " + short_text(top, 3) + "% (they are " +
             short_text(of_sequences, 3) + "% of the text, first \"" + names[0] +
             "\"); by rotation it goes from " + short_text(*least, 3) + " to " +
             short_text(*most, 3) + " nats, a spread of " + short_text(spread, 3) +
             " where chance would give at most " + short_text(chance, 3) + ".");
}

}  // namespace caesar
