// The task: "a - b = sign |a-b|" for a, b in 0..99; the sign and the number are to be predicted.
#pragma once

#include <array>
#include <cstdlib>

#include "hooked/train/dataset.hpp"

namespace subtraction {

using hooked::Dataset;
using hooked::Index;
using hooked::Tensor;
using hooked::Token;

constexpr Index kNumbers = 100;  // tokens 0..99 are the numbers themselves
constexpr Index kPairs = kNumbers * kNumbers;
constexpr Token kPlus = 100, kMinus = 101, kEquals = 102;
constexpr Index kVocabulary = 103;

/// The sequence is a, "-", b, "=", sign, |a-b|. The model reads the first five tokens; it predicts
/// the sign at "=" and the number at the sign.
constexpr Index kLength = 5;
constexpr Token kPositionA = 0, kPositionMinus = 1, kPositionB = 2, kPositionEquals = 3,
                kPositionSign = 4;

/// 0 counts as positive, so 5,050 of the 10,000 pairs are "+".
constexpr Token sign_of(Index a, Index b) { return a >= b ? kPlus : kMinus; }

/// All ordered pairs, pair (a, b) in row 100 a + b: tokens [10000, 5], labels [10000, 2].
inline Dataset all_pairs() {
  Dataset all{Tensor<Token>({kPairs, kLength}),
              Tensor<Token>({kPairs, 2}),
              {kPositionEquals, kPositionSign}};
  for (Index a = 0; a < kNumbers; ++a) {
    for (Index b = 0; b < kNumbers; ++b) {
      const Index row = kNumbers * a + b;
      const auto first = static_cast<Token>(a), second = static_cast<Token>(b);
      const std::array<Token, kLength> sequence{first, kMinus, second, kEquals, sign_of(a, b)};
      std::copy(sequence.begin(), sequence.end(), &all.tokens(row, 0));
      all.labels(row, 0) = sign_of(a, b);
      all.labels(row, 1) = std::abs(first - second);
    }
  }
  return all;
}

/// f(a, b) for all pairs in the order of all_pairs: [10000].
template <class F>
Tensor<double> over_pairs(F f) {
  Tensor<double> values({kPairs});
  for (Index a = 0; a < kNumbers; ++a) {
    for (Index b = 0; b < kNumbers; ++b) {
      values(kNumbers * a + b) = f(static_cast<double>(a), static_cast<double>(b));
    }
  }
  return values;
}

}  // namespace subtraction
