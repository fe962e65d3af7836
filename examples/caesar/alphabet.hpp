// Characters as tokens, and the cipher.
#pragma once

#include <string>
#include <string_view>

#include "hooked/core/shape.hpp"

namespace caesar {

using hooked::Index;
using hooked::Token;

constexpr Index kLetters = 26;                      // and as many rotations, which are the answers
constexpr std::string_view kRest = "\n .,:;?!'\"";  // what stands between letters

/// The characters that have a token: letters are 0 to 25, in every mode.
class Alphabet {
 public:
  /// Easy and medium mode have letters and the space, hard mode has the rest, too.
  static Alphabet words() { return Alphabet(" "); }
  static Alphabet prose() { return Alphabet(kRest); }

  /// How many tokens there are.
  Index size() const { return kLetters + static_cast<Index>(rest_.size()); }
  /// The token of a character; -1 for one that has none.
  Token token(char c) const {
    if (c >= 'a' && c <= 'z') return c - 'a';
    const auto at = rest_.find(c);
    return at == rest_.npos ? -1 : static_cast<Token>(kLetters + static_cast<Index>(at));
  }
  char character(Token token) const {
    return token < kLetters ? static_cast<char>('a' + token)
                            : rest_[static_cast<std::size_t>(token - kLetters)];
  }

 private:
  explicit Alphabet(std::string_view rest) : rest_(rest) {}
  std::string_view rest_;
};

/// A letter `by` letters further, past z from a on; all else stays what it is.
inline Token rotate(Token token, Index by) {
  if (token >= kLetters) return token;
  return static_cast<Token>(((token + by) % kLetters + kLetters) % kLetters);
}

}  // namespace caesar
