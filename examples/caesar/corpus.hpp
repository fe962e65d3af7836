// Text to count words in, and to cut slices from.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alphabet.hpp"
#include "hooked/core/error.hpp"
#include "word_list.hpp"

namespace caesar {

/// How many bytes the UTF-8 character at `at` has; 0: there is none. Overlong ones, surrogates and
/// numbers past the last are none (RFC 3629).
inline std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  const bool is_wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return is_wrong ? 0 : length;
}

/// Lower-case, with straight quotation marks. Throws FormatError where it is not UTF-8.
inline std::string straightened(std::string_view text, const std::string& name) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) {
      hooked::fail<hooked::FormatError>(name, ": byte ", at, " is not UTF-8: convert the text");
    }
    const std::string_view c = text.substr(at, length);
    at += length;
    if (c == "\u2018" || c == "\u2019") {
      out += '\'';
    } else if (c == "\u201C" || c == "\u201D") {
      out += '"';
    } else if (c.size() == 1 && c[0] >= 'A' && c[0] <= 'Z') {
      out += static_cast<char>(c[0] - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

/// A file's text, or that of all files of a folder by their names, as straightened() makes it.
/// Files that begin with a byte of 0 are no text, links lead to what is read anyway; lines of
/// nothing but "%" part texts and become empty. Throws FormatError for what cannot be read, is
/// empty, or is not UTF-8.
inline std::string read_corpus(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.is_regular_file() && !entry.is_symlink()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(path);
  }
  std::string text;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (!in) hooked::fail<hooked::FormatError>("cannot read the text ", file.string());
    if (fs::is_directory(path) && !bytes.empty() && bytes[0] == '\0') continue;
    text += straightened(bytes, file.string());
  }
  for (std::size_t at = 0; (at = text.find("\n%\n", at)) != text.npos;) text.erase(at + 1, 1);
  if (text.empty()) hooked::fail<hooked::FormatError>("the text ", path.string(), " is empty");
  return text;
}

/// Where systems keep the texts of `fortune`; "" where there are none.
inline std::filesystem::path system_texts() {
  for (const char* prefix : {"/usr", "/usr/local", "/opt/homebrew"}) {
    for (const char* folder : {"share/games/fortunes", "share/fortunes", "share/fortune"}) {
      const auto path = std::filesystem::path(prefix) / folder;
      if (std::filesystem::is_directory(path)) return path;
    }
  }
  return {};
}

/// The words of three letters of a text that was straightened, by how often they come; those that
/// come as often as each other by which comes first. What spaces part is a word.
inline WordList three_letter_words(std::string_view text) {
  WordList list;
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    if (word.size() != kWordLength || !std::all_of(word.begin(), word.end(), is_letter)) continue;
    const auto [place, is_new] = places.try_emplace(word, list.size());
    if (is_new) list.push_back({std::string(word), 0.0});
    list[place->second].count += 1.0;
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const Word& a, const Word& b) { return a.count > b.count; });
  return list;
}

/// What of a text that was straightened has a token in hard mode.
inline std::vector<Token> prose_tokens(std::string_view text) {
  const Alphabet alphabet = Alphabet::prose();
  std::vector<Token> tokens;
  for (const char c : text) {
    if (alphabet.token(c) >= 0) tokens.push_back(alphabet.token(c));
  }
  return tokens;
}

}  // namespace caesar
