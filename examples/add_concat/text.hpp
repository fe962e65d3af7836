// Prompts and answers as text, and as tokens.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "hooked/core/error.hpp"
#include "hooked/core/shape.hpp"

namespace add_concat {

using hooked::Index;
using hooked::Token;

constexpr Index kNumbers = 100;  // operands are 0 to 99
constexpr Index kLength = 8;     // tokens of a prompt and of an answer, padding included
constexpr Token kPadding = 0, kBegin = 1, kEnd = 2, kConcatenate = 3, kAdd = 4;
constexpr Token kZero = 5;       // "0"; "1" to "198" follow
constexpr Index kLargest = 198;  // 99 + 99
constexpr Index kVocabulary = kZero + kLargest + 1;

/// What is to be done with two numbers.
enum class Task { add, concatenate };

/// "B7+8E", "B7C8E".
inline std::string prompt(Task task, Index i, Index j) {
  return "B" + std::to_string(i) + (task == Task::add ? "+" : "C") + std::to_string(j) + "E";
}
/// "B15E", "B78E".
inline std::string answer(Task task, Index i, Index j) {
  return "B" + (task == Task::add ? std::to_string(i + j) : std::to_string(i) + std::to_string(j)) +
         "E";
}

/// The text of a token. Throws ShapeError for one that there is not.
inline std::string piece(Token token) {
  if (token < 0 || token >= kVocabulary) {
    hooked::fail<hooked::ShapeError>("there is no token ", token, ", they are 0 to ",
                                     kVocabulary - 1);
  }
  return token < kZero ? std::string(1, " BEC+"[token]) : std::to_string(token - kZero);
}

/// The longest token that `text` begins with, and its length; {-1, 0} where there is none. Numbers
/// are written without zeros in front: "07" begins with "0".
struct Munch {
  Token token = -1;
  std::size_t length = 0;
};
inline Munch munch(std::string_view text) {
  const auto symbol = std::string_view(" BEC+").find(text.at(0));
  if (symbol != std::string_view::npos) return {static_cast<Token>(symbol), 1};
  Munch longest;
  Index number = 0;
  for (std::size_t length = 1; length <= std::min<std::size_t>(3, text.size()); ++length) {
    const char digit = text[length - 1];
    if (digit < '0' || digit > '9' || (length > 1 && text[0] == '0')) break;
    number = 10 * number + (digit - '0');
    if (number <= kLargest) longest = {static_cast<Token>(kZero + number), length};
  }
  return longest;
}

/// Maximal munch: from the left the longest piece that the vocabulary has, each time; padded to
/// `length` tokens. Throws FormatError for a character that no token has, and for a text of more
/// tokens.
inline std::vector<Token> tokenise(std::string_view text, Index length = kLength) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const Munch next = munch(text.substr(at));
    if (next.length == 0) {
      hooked::fail<hooked::FormatError>("\"", text, "\": no token has the character '", text[at],
                                        "' at place ", at,
                                        "; they are B, E, C, +, the space and digits");
    }
    tokens.push_back(next.token);
    at += next.length;
  }
  if (static_cast<Index>(tokens.size()) > length) {
    hooked::fail<hooked::FormatError>("\"", text, "\" has ", tokens.size(), " tokens, the most is ",
                                      length);
  }
  tokens.resize(static_cast<std::size_t>(length), kPadding);
  return tokens;
}

/// The pieces of the tokens one after the other; padding is left out.
inline std::string text_of(const std::vector<Token>& tokens) {
  std::string text;
  for (const Token token : tokens) text += token == kPadding ? "" : piece(token);
  return text;
}

}  // namespace add_concat
