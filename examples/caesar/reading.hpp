// What every analysis reads: a model, processed weights that compute the same, and sequences.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/reduce.hpp"
#include "hooked/core/softmax.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/interp/fits.hpp"
#include "hooked/interp/statistics.hpp"
#include "hooked/interp/weight_processing.hpp"
#include "hooked/report/report.hpp"
#include "hooked/train/evaluate.hpp"
#include "setup.hpp"

namespace caesar {

using hooked::Claim;
using hooked::Figure;
using hooked::Hook;
using hooked::judge;
using hooked::Report;
using hooked::Rule;
using hooked::short_text;
using hooked::Transformer;
using hooked::View;
using hooked::within;
using hooked::within_factor;

/// The first examples of a data set.
inline Dataset first_of(const Dataset& data, Index count) {
  std::vector<Index> chosen(static_cast<std::size_t>(std::min(count, data.size())));
  std::iota(chosen.begin(), chosen.end(), Index{0});
  return hooked::subset(data, chosen);
}

/// The study's numbers of a mode; it has none for hard mode.
struct StudySays {
  nlohmann::ordered_json easy = nullptr, medium = nullptr;

  static StudySays both(const char* quoted) { return {quoted, quoted}; }
};

struct Reading {
  static constexpr Index kSequences = 1000;  // as the study

  std::string mode;
  WordList words;  // none in hard mode
  int threads;
  hooked::ProcessedWeights<float> processed;  // norms folded, all centred, b_V in b_O
  const Transformer<float>& model;            // the processed one
  Dataset data;                               // validation sequences
  hooked::CachedRun<float> run;               // of `data`: logits and every activation
  Tensor<float> log_probs;                    // of all rotations [sequence, position, rotation]

  explicit Reading(const study::Subject& subject)
      : mode(subject.choices.word("mode")),
        words(is_hard(subject.choices) ? WordList{} : words_of(subject.choices)),
        threads(subject.threads),
        processed(hooked::process_weights(subject.model)),
        model(processed.model),
        data(first_of(subject.setup.all, kSequences)),
        run(model.run_with_cache(data.tokens, {.run = {.threads = threads}})),
        log_probs(hooked::log_softmax(run.logits)) {}
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  bool has_words() const { return !words.empty(); }
  Index size() const { return data.tokens.size(0); }
  Index length() const { return data.tokens.size(1); }
  Index heads() const { return model.config().n_heads; }

  /// What the study says in this mode.
  nlohmann::ordered_json study(const StudySays& says) const {
    return mode == "easy" ? says.easy : mode == "medium" ? says.medium : nullptr;
  }
  /// An activation of `run`, by any name.
  View<const float> site(const std::string& name) const { return run.cache[name]; }

  Index rotation(Index sequence) const { return data.labels(sequence, 0); }
  /// Of the right rotation, in nats.
  double log_prob(Index sequence, Index position) const {
    return static_cast<double>(log_probs(sequence, position, rotation(sequence)));
  }
  /// A token before it was rotated.
  Token plain(Index sequence, Index position) const {
    return rotate(data.tokens(sequence, position), -rotation(sequence));
  }
  /// A sequence before it was rotated.
  std::string plain_text(Index sequence) const {
    const Alphabet alphabet = has_words() ? Alphabet::words() : Alphabet::prose();
    std::string text;
    for (Index t = 0; t < length(); ++t) text += alphabet.character(plain(sequence, t));
    return text;
  }
  /// Mean cross-entropy over all positions of a run with hooks, in nats.
  double loss(const std::vector<Hook<float>>& hooks) const {
    const auto logits = model.run_with_hooks(data.tokens, hooks, {.threads = threads});
    const Tensor<float> now = hooked::log_softmax(logits);
    double sum = 0.0;
    for (Index s = 0; s < size(); ++s) {
      for (Index t = 0; t < length(); ++t) sum -= static_cast<double>(now(s, t, rotation(s)));
    }
    return sum / static_cast<double>(size() * length());
  }
};

/// A claim, judged where the study says something in this mode, else reported.
inline Claim judge_said(Claim claim, const std::vector<double>& measured,
                        const std::vector<Rule>& rules) {
  return claim.study_says.is_null() ? hooked::report(std::move(claim), measured)
                                    : judge(std::move(claim), measured, rules);
}

/// The words in all rotations, word w rotated by r in row 26 w + r: tokens [26 words, 3].
inline Tensor<Token> rotated_words(const WordList& words) {
  const Alphabet alphabet = Alphabet::words();
  Tensor<Token> tokens({kLetters * static_cast<Index>(words.size()), kWordLength});
  for (Index row = 0; row < tokens.size(0); ++row) {
    const std::string& letters = words[static_cast<std::size_t>(row / kLetters)].letters;
    for (Index slot = 0; slot < kWordLength; ++slot) {
      tokens(row, slot) =
          rotate(alphabet.token(letters[static_cast<std::size_t>(slot)]), row % kLetters);
    }
  }
  return tokens;
}

/// How likely each word is in this mode: by its count in easy mode, else as all others.
inline std::vector<double> word_shares(const WordList& words, const std::string& mode) {
  std::vector<double> shares;
  for (const Word& word : words) shares.push_back(mode == "easy" ? word.count : 1.0);
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum;
  return shares;
}

/// How often each letter stands in each slot of a word: [slot, letter].
inline Tensor<double> letter_shares(const WordList& words, const std::string& mode) {
  const std::vector<double> shares = word_shares(words, mode);
  Tensor<double> letters({kWordLength, kLetters});
  for (std::size_t w = 0; w < words.size(); ++w) {
    for (Index slot = 0; slot < kWordLength; ++slot) {
      const char c = words[w].letters[static_cast<std::size_t>(slot)];
      letters(slot, Alphabet::words().token(c)) += shares[w];
    }
  }
  return letters;
}

}  // namespace caesar
