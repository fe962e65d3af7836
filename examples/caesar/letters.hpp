// One letter alone, and the first word: what the model makes of letters, and what they would say if
// each spoke for itself.
#pragma once

#include <string>
#include <vector>

#include "bayes.hpp"
#include "reading.hpp"

namespace caesar {

/// Probabilities [row, position, rotation] of sequences of any length.
inline Tensor<double> probabilities(const Reading& at, View<const Token> tokens) {
  const auto logits = at.model.run_with_hooks(tokens, {}, {.threads = at.threads});
  return softmax(in_double(logits));
}

/// Pearson's correlation.
inline double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<Index>(x.size());
  const auto fit = hooked::fit_linear(Tensor<double>({n, 1}, x), Tensor<double>({n, 1}, y));
  return std::copysign(std::sqrt(fit.r2(0)), fit.slopes(0, 0));
}

/// P0, the letter test: what the model says of every letter alone, P [letter, rotation], and the
/// prior that this implies of a first letter c, mean_j P[(c + j) mod 26, j].
inline void single_letters(const Reading& at, Report& report) {
  Tensor<Token> letters({kLetters, 1});
  for (Index c = 0; c < kLetters; ++c) letters(c, 0) = static_cast<Token>(c);
  const Tensor<double> P(probabilities(at, letters).select(1, 0));
  std::vector<double> implied, listed;
  const Tensor<double> shares = letter_shares(at.words, at.mode);
  Index most = 0;  // the first letter that is the most frequent
  for (Index c = 0; c < kLetters; ++c) {
    double sum = 0.0;
    for (Index j = 0; j < kLetters; ++j) sum += P((c + j) % kLetters, j);
    implied.push_back(sum / static_cast<double>(kLetters));
    listed.push_back(shares(0, c));
    if (shares(0, c) > shares(0, most)) most = c;
  }
  const auto at_most = static_cast<std::size_t>(most);
  report.add(judge_said(
      {.claim = "the likeliest first letter: share of words, probability of rotation 0",
       .study_says = at.study({.easy = {29, 31}}),
       .unit = "%, %",
       .definition = "t, in the study's list: how many words begin with it; what the model says of "
                     "it alone"},
      {100.0 * listed[at_most], 100.0 * P(most, 0)},
      {{within(29, 1), within(29, 5)}, {within(31, 3), within(31, 10)}}));
  report.add(judge_said(
      {.claim = "first letters: implied against listed frequencies",
       .study_says = at.study(StudySays::both("based on the frequency of first letters")),
       .unit = "Pearson's r",
       .definition = "mean_j P(rotation j | letter c + j) against the share of words that begin "
                     "with c, 26 letters"},
      {correlation(implied, listed)}, {{{0.97, 1.0}, {0.8, 1.0}}}));
  Figure heatmap = Figure::heatmap("One letter alone", "predicted rotation", "letter",
                                   "probability", Figure::Colors::sequential);
  heatmap.panel("", P);
  report.add("single_letters",
             "Every row is the same distribution, shifted by one: that of first letters.",
             std::move(heatmap));
  Figure bars = Figure::bars("First letters", "letter", "probability");
  std::vector<std::string> names;
  for (char c = 'a'; c <= 'z'; ++c) names.emplace_back(1, c);
  bars.panel_with_groups("", names)
      .series("list", Tensor<double>({kLetters}, listed))
      .series("implied by the model", Tensor<double>({kLetters}, implied));
  report.add("first_letters", "Both bars of a letter are equally high.", std::move(bars));
  Figure table = Figure::bars("Letters in words", "letter", "share of words");
  for (Index slot = 0; slot < kWordLength; ++slot) {
    table.panel_with_groups(std::string(1, static_cast<char>('A' + slot)), names)
        .series("list", Tensor<double>(shares.select(0, slot)));
  }
  report.add("letters_in_words", "t, h and e stand out: from \"the\", in easy mode.",
             std::move(table));
}

/// E1, additive evidence: the probability of rotation 0 after each letter of every word, if letters
/// were independent, softmax_r sum_i log f_i(w_i - r): [word, slot]. f_i is letter_shares.
inline Tensor<double> additive_evidence(const WordList& words, const std::string& mode) {
  const Tensor<double> shares = letter_shares(words, mode);
  Tensor<double> evidence({static_cast<Index>(words.size()), kWordLength});
  for (Index w = 0; w < evidence.size(0); ++w) {
    Tensor<double> sums({1, kLetters});
    for (Index slot = 0; slot < kWordLength; ++slot) {
      const Token letter = Alphabet::words().token(
          words[static_cast<std::size_t>(w)].letters[static_cast<std::size_t>(slot)]);
      for (Index r = 0; r < kLetters; ++r) {
        sums(0, r) += std::log(shares(slot, rotate(letter, -r)));
      }
      evidence(w, slot) = softmax(sums)(0, 0);
    }
  }
  return evidence;
}

/// M1: the probability of the right rotation after each letter of every word, in all rotations:
/// [word, rotation, slot].
inline Tensor<double> word_probabilities(const Reading& at) {
  const Tensor<double> p = probabilities(at, rotated_words(at.words));
  Tensor<double> right({static_cast<Index>(at.words.size()), kLetters, kWordLength});
  for (Index row = 0; row < p.size(0); ++row) {
    for (Index slot = 0; slot < kWordLength; ++slot) {
      right(row / kLetters, row % kLetters, slot) = p(row, slot, row % kLetters);
    }
  }
  return right;
}

/// The exact probability of rotation 0 after each letter of every word: [word, slot].
inline Tensor<double> exact_evidence(const Reading& at) {
  const Tensor<Token> tokens = rotated_words(at.words);
  const Posteriors posterior = exact_posteriors(at.words, at.mode, tokens);
  Tensor<double> exact({static_cast<Index>(at.words.size()), kWordLength});
  for (Index w = 0; w < exact.size(0); ++w) {
    for (Index slot = 0; slot < kWordLength; ++slot) {
      exact(w, slot) = std::exp(posterior(kLetters * w, slot, 0));
    }
  }
  return exact;
}

/// Whether letters speak for themselves, or the model knows which go together.
inline void evidence(const Reading& at, Report& report) {
  const Tensor<double> additive = additive_evidence(at.words, at.mode), exact = exact_evidence(at),
                       right = word_probabilities(at), model = mean(right, 1);
  const auto the = std::find_if(at.words.begin(), at.words.end(),
                                [](const Word& word) { return word.letters == "the"; });
  if (the != at.words.end()) {
    const Index w = the - at.words.begin();
    const Rule any{{}, {}};
    report.add(judge_said({.claim = "\"th\": additive evidence, the model, Bayes' rule",
                           .study_says = at.study({.easy = {0.74, 0.93, 0.9675}}),
                           .unit = "probability of rotation 0",
                           .definition = "after the first two letters of \"the\": letters "
                                         "independent; mean over 26 rotations; exact"},
                          {additive(w, 1), model(w, 1), exact(w, 1)},
                          {any, {within(0.93, 0.03), {0.8, 1.0}}, any}));
    const Tensor<double> rotations(right.select(0, w).select(1, 1));
    report.add(hooked::report(
        {.claim = "\"th\" in its 26 rotations: least, mean, most",
         .study_says = at.study({.easy = {0.86, nullptr, 0.93}}),
         .unit = "probability",
         .definition = "of the right rotation at the second letter; the "
                       "study's \"max\" is the mean of its released weights"},
        std::vector<double>{min(rotations).item(), mean(rotations).item(), max(rotations).item()}));
  }
  const std::vector<double> shares = word_shares(at.words, at.mode);
  const auto weighted = [&](const Tensor<double>& by_word, Index slot) {
    double sum = 0.0;
    for (std::size_t w = 0; w < shares.size(); ++w) {
      sum += shares[w] * by_word(static_cast<Index>(w), slot);
    }
    return sum;
  };
  const Rule more{{0.1, 1.0}, {0.02, 1.0}};
  report.add(judge_said(
      {.claim = "first word: the model less additive evidence, second and third letter",
       .study_says = at.study(StudySays::both("doing something more sophisticated")),
       .unit = "probability",
       .definition = "of the right rotation, words weighed by how likely they are, mean over 26 "
                     "rotations"},
      {weighted(model, 1) - weighted(additive, 1), weighted(model, 2) - weighted(additive, 2)},
      {more, more}));
  for (const auto& [name, table] :
       {std::pair{"model", &model}, std::pair{"additive evidence", &additive},
        std::pair{"Bayes' rule", &exact}}) {
    report.add(hooked::report(
        {.claim = std::string("first word: ") + name + " at A, B, C",
         .unit = "probability",
         .definition = "of the right rotation, words weighed by how likely "
                       "they are"},
        std::vector<double>{weighted(*table, 0), weighted(*table, 1), weighted(*table, 2)}));
  }
  Figure figure = Figure::heatmap("The first word", "word, from the most frequent on",
                                  "letters read", "probability", Figure::Colors::sequential);
  figure.panel("model", Tensor<double>(model.transpose()))
      .panel("additive evidence", Tensor<double>(additive.transpose()))
      .panel("Bayes' rule", Tensor<double>(exact.transpose()));
  report.add("first_word",
             "Where additive evidence is dark and Bayes' rule bright, the model is bright, too: it "
             "knows letters that go together.",
             std::move(figure));
}

}  // namespace caesar
