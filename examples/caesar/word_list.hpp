// The words of easy and medium mode, and how often a text has them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hooked/core/shape.hpp"

namespace caesar {

using hooked::Index;

/// A word of three letters, and how often the text has it.
struct Word {
  std::string letters;
  double count;
};
using WordList = std::vector<Word>;  // the most frequent first

constexpr Index kWordLength = 3;

/// The study's list: the hundred most frequent words of three letters of a novel, with their
/// counts. They are 98.4% of its 7,199 words of three letters.
inline WordList study_words() {
  struct Row {
    double count;
    std::string_view words;
  };
  static constexpr Row rows[] = {{1985, "the"},
                                 {963, "and"},
                                 {523, "was"},
                                 {385, "you"},
                                 {291, "his"},
                                 {262, "for"},
                                 {213, "had"},
                                 {151, "but"},
                                 {136, "all"},
                                 {126, "out"},
                                 {122, "one"},
                                 {112, "are"},
                                 {111, "not"},
                                 {94, "him"},
                                 {68, "can"},
                                 {65, "got now"},
                                 {60, "who"},
                                 {57, "two"},
                                 {56, "get"},
                                 {52, "any"},
                                 {50, "see"},
                                 {49, "man"},
                                 {47, "its"},
                                 {45, "way old"},
                                 {44, "she"},
                                 {41, "how off"},
                                 {38, "has"},
                                 {36, "did"},
                                 {34, "few"},
                                 {31, "our"},
                                 {28, "her say"},
                                 {27, "why"},
                                 {24, "own"},
                                 {22, "new air"},
                                 {21, "lot"},
                                 {20, "too put day let sat"},
                                 {18, "end sky"},
                                 {17, "far"},
                                 {15, "big may"},
                                 {14, "men six bit"},
                                 {12, "sea"},
                                 {11, "ask lay run"},
                                 {10, "lie top ten"},
                                 {9, "pub cut"},
                                 {8, "god set saw sun sit use low"},
                                 {7, "arm die red"},
                                 {6, "odd job mud bar pan yet"},
                                 {5, "yes try ran hit ill beg met"},
                                 {4, "bad wet cup hum fit"},
                                 {3, "fun dry dog nor hot hey eye cop"},
                                 {2, "leg fat"}};
  WordList list;
  for (const auto& [count, words] : rows) {
    for (std::size_t at = 0; at < words.size(); at += kWordLength + 1) {
      list.push_back({std::string(words.substr(at, kWordLength)), count});
    }
  }
  return list;
}

}  // namespace caesar
