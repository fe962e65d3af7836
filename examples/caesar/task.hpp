// The task: text whose letters are all rotated by the same number X, which is to be said at every
// position.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "alphabet.hpp"
#include "hooked/train/dataset.hpp"
#include "word_list.hpp"

namespace caesar {

using hooked::Dataset;
using hooked::Tensor;

constexpr Index kSlots = kWordLength + 1;  // of a word: its letters A, B, C, and the space
constexpr Index kSlotSpace = kWordLength;

/// One sequence before its letters are rotated.
using Text = std::vector<Token>;

/// Draws the words of easy mode (by their counts) or medium mode (each alike), with a space after
/// each.
class WordSource {
 public:
  WordSource(const WordList& list, bool by_count) {
    const Alphabet alphabet = Alphabet::words();
    double sum = 0.0;
    for (const Word& word : list) {
      Text tokens;
      for (const char c : word.letters + ' ') tokens.push_back(alphabet.token(c));
      words_.push_back(tokens);
      cumulative_.push_back(sum += by_count ? word.count : 1.0);
    }
  }

  Text operator()(hooked::Random& random, Index length) const {
    Text text;
    while (static_cast<Index>(text.size()) < length) {
      const double drawn = random.uniform() * cumulative_.back();
      std::size_t word = 0;
      while (cumulative_[word] <= drawn) ++word;
      text.insert(text.end(), words_[word].begin(), words_[word].end());
    }
    return text;
  }

 private:
  std::vector<Text> words_;
  std::vector<double> cumulative_;
};

constexpr Index kBlock = 1000;    // characters that stand for a document
constexpr Index kHeldOutOf = 16;  // of so many blocks one is for validation

/// Draws slices of prose: the block at random, and where in it.
class ProseSource {
 public:
  /// One block in kHeldOutOf is held out for validation; this source has those, or the others.
  ProseSource(const std::vector<Token>& prose, bool held_out) : prose_(prose) {
    const Index blocks = static_cast<Index>(prose.size()) / kBlock;
    for (Index block = 0; block < blocks; ++block) {
      if ((block % kHeldOutOf == kHeldOutOf - 1) == held_out) begins_.push_back(block * kBlock);
    }
  }

  Text operator()(hooked::Random& random, Index length) const {
    const Index block = random.below(static_cast<Index>(begins_.size()));
    const Index begin =
        begins_[static_cast<std::size_t>(block)] + random.below(kBlock - length + 1);
    return Text(prose_.begin() + begin, prose_.begin() + begin + length);
  }

  /// The blocks' characters, one block after the other.
  std::vector<Text> blocks() const {
    std::vector<Text> all;
    for (const Index begin : begins_) {
      all.emplace_back(prose_.begin() + begin, prose_.begin() + begin + kBlock);
    }
    return all;
  }

 private:
  std::vector<Token> prose_;
  std::vector<Index> begins_;
};

/// Sequences [texts, length], each rotated by a number of its own, which is the label everywhere.
inline Dataset rotated(const std::vector<Text>& texts, hooked::Random& random) {
  const auto n = static_cast<Index>(texts.size());
  const auto length = static_cast<Index>(texts.at(0).size());
  Dataset data{Tensor<Token>({n, length}), Tensor<Token>({n, length})};
  for (Index i = 0; i < n; ++i) {
    const Index by = random.below(kLetters);
    for (Index t = 0; t < length; ++t) {
      data.tokens(i, t) =
          rotate(texts[static_cast<std::size_t>(i)][static_cast<std::size_t>(t)], by);
      data.labels(i, t) = static_cast<Token>(by);
    }
  }
  return data;
}

/// `n` texts of a source, none of which is in `not_these`. Throws ConfigError where hardly any
/// other is found.
template <class Source>
std::vector<Text> draw_texts(const Source& source, Index n, Index length, hooked::Random& random,
                             const std::set<Text>& not_these = {}) {
  std::vector<Text> texts;
  for (Index tries = 0; static_cast<Index>(texts.size()) < n; ++tries) {
    if (tries >= 100 * n) {
      hooked::fail<hooked::ConfigError>("the text repeats itself: of ", tries,
                                        " slices for training only ", texts.size(),
                                        " are no validation sequences");
    }
    Text text = source(random, length);
    if (!not_these.contains(text)) texts.push_back(std::move(text));
  }
  return texts;
}

}  // namespace caesar
