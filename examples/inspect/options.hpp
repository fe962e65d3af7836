// What the program is asked, and its checks that need no model.
#pragma once

#include <charconv>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "hooked/core/tensor.hpp"
#include "hooked/io/file.hpp"
#include "hooked/io/npy.hpp"

namespace inspect {

using hooked::ConfigError, hooked::fail, hooked::Index, hooked::Tensor, hooked::text, hooked::Token;

struct Options {
  std::filesystem::path model, tokens_file, out;
  std::string tokens, save;
  Index top = 5;
  bool detect = false;
  int threads = 0;
};

/// The numbers of a line, between commas or spaces. Throws ConfigError, which begins with `label`.
inline std::vector<Token> numbers_of(std::string_view line, const std::string& label) {
  std::vector<Token> numbers;
  const char* at = line.data();
  const char* const end = at + line.size();
  while (true) {
    while (at != end && (*at == ' ' || *at == ',' || *at == '\t' || *at == '\r')) ++at;
    if (at == end) return numbers;
    Token number{};
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc{} ||
        (next != end && *next != ' ' && *next != ',' && *next != '\t' && *next != '\r')) {
      const std::string_view rest(at, static_cast<std::size_t>(end - at));
      fail<ConfigError>(label, ": \"", rest.substr(0, rest.find_first_of(", \t\r")),
                        "\" is not a token");
    }
    numbers.push_back(number);
    at = next;
  }
}

/// Lines of tokens, one sequence each, [batch, pos]; empty lines are passed over. Throws
/// ConfigError for none, and for lines of different lengths.
inline Tensor<Token> tokens_of_lines(const std::string& lines, const std::string& label) {
  std::vector<Token> all;
  Index batch = 0, length = 0;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) {
    const std::vector<Token> tokens = numbers_of(line, label);
    if (tokens.empty()) continue;
    const auto here = static_cast<Index>(tokens.size());
    if (batch > 0 && here != length) {
      fail<ConfigError>(label, ": sequence ", batch, " has ", here,
                        " tokens, those before it have ", length);
    }
    length = here, ++batch;
    all.insert(all.end(), tokens.begin(), tokens.end());
  }
  if (batch == 0) fail<ConfigError>(label, ": there are no tokens");
  return Tensor<Token>({batch, length}, all);
}

/// The tokens that are asked about, [batch, pos].
inline Tensor<Token> tokens_of(const Options& options) {
  if (options.tokens_file.empty()) return tokens_of_lines(options.tokens, "--tokens");
  const std::string label = options.tokens_file.string();
  if (options.tokens_file.extension() != ".npy") {
    return tokens_of_lines(hooked::read_file(options.tokens_file), label);
  }
  auto tokens = hooked::load_npy<Token>(options.tokens_file);
  if (tokens.numel() == 0) fail<ConfigError>(label, ": there are no tokens");
  if (tokens.rank() == 1) return Tensor<Token>(tokens.view_as({1, tokens.size(0)}));
  if (tokens.rank() == 2) return tokens;
  fail<ConfigError>(label, ": is ", tokens.shape(), ", tokens are [pos] or [batch, pos]");
}

/// The globs of --save. Throws ConfigError where --save and --out do not go together.
inline std::vector<std::string> globs_of(const Options& options) {
  std::vector<std::string> globs;
  std::istringstream list(options.save);
  for (std::string glob; std::getline(list, glob, ',');) {
    const auto first = glob.find_first_not_of(' '), last = glob.find_last_not_of(' ');
    if (first != std::string::npos) globs.push_back(glob.substr(first, last - first + 1));
  }
  if (globs.empty() != options.out.empty()) {
    fail<ConfigError>("--save and --out go together: which activations, and the .npz they go to");
  }
  if (globs.empty()) return globs;
  if (options.out.extension() != ".npz") {
    fail<ConfigError>("--out is ", options.out.string(), ", it must end in .npz");
  }
  const std::filesystem::path parent =
      options.out.has_parent_path() ? options.out.parent_path() : ".";
  if (!std::filesystem::is_directory(parent)) {
    fail<ConfigError>("--out: ", parent.string(), " is not a directory");
  }
  if (std::filesystem::is_directory(options.out)) {
    fail<ConfigError>("--out: ", options.out.string(), " is a directory");
  }
  return globs;
}

}  // namespace inspect
