// Hash: one number for many, to tell whether two runs are about the same things.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace hooked {

/// A number that changes with what is added to it (FNV-1a, by words as they come).
class Hash {
 public:
  /// Adds every element of a range of numbers.
  template <class Words>
  Hash& add(const Words& words) {
    for (const auto& word : words) add_word(word);
    return *this;
  }
  /// The number so far.
  std::uint64_t value() const { return value_; }
  /// Sixteen hexadecimal digits.
  std::string digits() const {
    std::array<char, 17> digits;
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(value_));
    return digits.data();
  }

 private:
  template <class Word>
  void add_word(Word word) {
    std::uint64_t bits = 0;
    if constexpr (std::floating_point<Word>) {
      std::memcpy(&bits, &word, sizeof word);
    } else {
      bits = static_cast<std::uint64_t>(word);
    }
    value_ = (value_ ^ bits) * 0x100000001b3;
  }

  std::uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace hooked
