// What the tests of files share: a directory that goes away, the text of an error, damaged bytes.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "error_of.hpp"

namespace scratch {

/// An empty directory, removed at the end of the test.
class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "hooked-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

 private:
  std::filesystem::path path_;
};

using ::error_of;

/// The same damage for the same `seed`: one to three bits flipped, bytes set, inserted, removed or
/// repeated, the end cut off, or a number or bracket that a parser might trip over put in.
inline std::string damaged(std::string bytes, unsigned seed) {
  static const std::vector<std::string> traps{"0",
                                              "-1",
                                              "1e9",
                                              "0.5",
                                              "18446744073709551615",
                                              "9223372036854775807",
                                              "9223372036854775808",
                                              "[[",
                                              "{",
                                              "}",
                                              "]",
                                              "null",
                                              "\"",
                                              "\xff\xff\xff\xff",
                                              ",",
                                              "('",
                                              "PK\1\2"};
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (std::size_t times = 1 + below(3); times > 0; --times) {
    // Half of the damage goes where the headers are.
    const std::size_t at =
        below(below(2) == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 256));
    const auto byte = static_cast<char>(random());
    switch (below(8)) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = byte;
        break;
      case 2:
        bytes.insert(at, 1 + below(8), byte);
        break;
      case 3:
        bytes.erase(at, 1 + below(8));
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(64)));
        break;
      case 6:
        bytes.insert(at, traps[below(traps.size())]);
        break;
      default:
        const std::string& trap = traps[below(traps.size())];
        bytes.replace(at, trap.size(), trap);
    }
  }
  return bytes;
}

/// Runs `load` on `count` damaged versions of `valid`; it must succeed or throw FormatError. Both
/// must happen, or the damage was too mild or too heavy to show anything.
inline void fuzz(const std::string& valid, unsigned count,
                 const std::function<void(const std::string&)>& load) {
  unsigned refused = 0;
  for (unsigned seed = 0; seed < count; ++seed) {
    CAPTURE(seed);
    try {
      load(damaged(valid, seed));
    } catch (const hooked::FormatError&) {
      ++refused;
    }
  }
  CHECK(refused > count / 2);
  CHECK(refused < count);
}

}  // namespace scratch
