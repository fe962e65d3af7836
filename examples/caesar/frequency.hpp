// Do more common words attract more attention? Every word as the first one of the same sequences.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/core/random.hpp"
#include "hooked/core/select.hpp"

namespace caesar {

/// log count of the words.
inline Tensor<double> log_counts(const WordList& words) {
  Tensor<double> counts({static_cast<Index>(words.size())});
  for (std::size_t w = 0; w < words.size(); ++w) {
    counts(static_cast<Index>(w)) = std::log(words[w].count);
  }
  return counts;
}

constexpr Index kShownWords = 3;  // of the sequences that these scores are read from

/// Scores of the first word's letter at `slot` less those of the second word's, seen from the third
/// word in layer 1: [head, slot, word]. All words stand first in all rotations, before the same two
/// words for each rotation, which are drawn as the mode draws them. What a query adds to all its
/// scores, and what a position does, is the same for all words.
inline Tensor<double> first_over_second(const Reading& at) {
  const auto n = static_cast<Index>(at.words.size());
  const WordSource source(at.words, at.mode == "easy");
  hooked::Random random({0}, "second and third words");
  const Tensor<Token> words = rotated_words(at.words);
  Tensor<Token> tokens({words.size(0), kShownWords * kSlots});
  for (Index r = 0; r < kLetters; ++r) {
    const Text rest = source(random, (kShownWords - 1) * kSlots);
    for (Index w = 0; w < n; ++w) {
      const Index row = kLetters * w + r;
      for (Index slot = 0; slot < kWordLength; ++slot) tokens(row, slot) = words(row, slot);
      tokens(row, kSlotSpace) = Alphabet::words().token(' ');
      for (std::size_t i = 0; i < rest.size(); ++i) {
        tokens(row, kSlots + static_cast<Index>(i)) = rotate(rest[i], r);
      }
    }
  }
  const std::string site = "blocks.1.attn.hook_attn_scores";
  const auto cache =
      at.model
          .run_with_cache(tokens,
                          {.names = {site}, .logits = false, .run = {.threads = at.threads}})
          .cache;
  const View<const float> scores = cache[site];  // [row, head, query, key]
  Tensor<double> over({at.heads(), kWordLength, n});
  const Index first_query = (kShownWords - 1) * kSlots;
  for (Index row = 0; row < tokens.size(0); ++row) {
    for (Index h = 0; h < at.heads(); ++h) {
      for (Index slot = 0; slot < kWordLength; ++slot) {
        for (Index q = first_query; q < first_query + kSlots; ++q) {
          over(h, slot, row / kLetters) +=
              static_cast<double>(scores(row, h, q, slot) - scores(row, h, q, kSlots + slot)) /
              (kLetters * kSlots);
        }
      }
    }
  }
  return over;
}

/// A straight line of y in x, and how many standard deviations its slope is from 0, which are those
/// of 1,000 slopes with x dealt at random.
struct SlopeTest {
  double slope, r2, deviations;
};
inline SlopeTest slope_test(const Tensor<double>& x, const Tensor<double>& y) {
  constexpr int kDraws = 1000;
  const Index n = x.numel();
  const auto fit = fit_linear(x.reshape({n, 1}), y.reshape({n, 1}));
  const Eigen::RowVectorXd dx = x.matrix().row(0).array() - x.matrix().mean();
  const Eigen::RowVectorXd dy = y.matrix().row(0).array() - y.matrix().mean();
  hooked::Random random({0}, "counts dealt");
  std::vector<Index> order(static_cast<std::size_t>(n));
  double squares = 0.0;
  for (int draw = 0; draw < kDraws; ++draw) {
    random.permutation(order);
    double product = 0.0;
    for (Index i = 0; i < n; ++i) product += dx[order[static_cast<std::size_t>(i)]] * dy[i];
    squares += product * product / kDraws;
  }
  return {fit.slopes(0, 0), fit.r2(0), dx.dot(dy) / std::sqrt(squares)};
}

/// Whether more common words attract more attention; nothing where sequences are too short.
inline void frequency(const Reading& at, const Roles& roles, Report& report) {
  if (at.length() < kShownWords * kSlots) return;
  constexpr Index kB = 1, kC = 2;
  const Tensor<double> over = first_over_second(at), counts = log_counts(at.words);
  const auto of = [&](Index head, Index slot) {
    return Tensor<double>(over.select(0, head).select(0, slot));
  };
  const SlopeTest third = slope_test(counts, of(roles.third, kC));
  const SlopeTest second = slope_test(counts, of(roles.second, kB));
  const Rule rises{{.low = 2.0}, {.low = 0.0}};
  report.add(judge_said(
      {.claim = "scores of more common words: slope in deviations, 1.0 to C, 1.1 to B",
       .study_says = at.study({.easy = "attend more to the more common words"}),
       .definition = "all words in all rotations first, before the same two words: score of the "
                     "first word's C (B) less the second word's, seen from the third; slope of the "
                     "mean by word in the log of its count, divided by the standard deviation of "
                     "1,000 slopes with counts dealt at random"},
      {third.deviations, second.deviations}, {rises, rises}));
  report.add(
      hooked::report({.claim = "scores of more common words: slope and R2, 1.0 to C; 1.1 to B",
                      .unit = "a unit of log count, -, a unit of log count, -",
                      .definition = "as above"},
                     std::vector<double>{third.slope, third.r2, second.slope, second.r2}));
  const SlopeTest third_B = slope_test(counts, of(roles.third, kB));
  const SlopeTest second_C = slope_test(counts, of(roles.second, kC));
  report.add(hooked::report(
      {.claim = "the same, the other letters: slope in deviations, 1.0 to B, 1.1 to C",
       .definition = "as above"},
      std::vector<double>{third_B.deviations, second_C.deviations}));

  const Tensor<Index> order = hooked::argsort(counts);
  const Tensor<double> x = hooked::take(counts, 0, order);
  Figure figure = Figure::lines("Scores of words by how common they are", "log count", "score");
  const auto draw = [&](const std::string& title, Index head, Index slot) {
    const Tensor<double> y = hooked::take(of(head, slot), 0, order);
    const Index n = x.numel();
    const auto fit = fit_linear(x.reshape({n, 1}), y.reshape({n, 1}));
    figure.panel(title).line("words", x, y);
    figure.line("fit", x, fit.predict(x.reshape({n, 1})).reshape({n}), true);
  };
  draw("1.0 to C", roles.third, kC);
  draw("1.1 to B", roles.second, kB);
  report.add("scores_by_count", "More common words attract more attention where the fit rises.",
             std::move(figure));
  report.say("A word e times as common has a score higher by " + short_text(third.slope, 2) +
             " at C in head 1.0 (R2 " + short_text(third.r2, 2) + ", " +
             short_text(third.deviations, 2) + " deviations) and by " +
             short_text(second.slope, 2) + " at B in head 1.1 (R2 " + short_text(second.r2, 2) +
             ", " + short_text(second.deviations, 2) + " deviations).");
}

}  // namespace caesar
