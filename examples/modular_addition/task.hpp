// The task: "x y =" with x, y in 0..p-1; at "=" the answer is to be predicted, a number below p.
#pragma once

#include <string>
#include <vector>

#include "hooked/train/dataset.hpp"

namespace addition {

using hooked::Dataset;
using hooked::Index;
using hooked::Tensor;
using hooked::Token;

/// The operations, by their names on the command line: x + y, x - y and x^2 + x y + y^2 modulo p.
inline const std::vector<std::string> kOperations{"add", "subtract", "x2_xy_y2"};

/// The answer to "x y =".
inline Index answer(const std::string& operation, Index x, Index y, Index p) {
  if (operation == "add") return (x + y) % p;
  if (operation == "subtract") return (x - y + p) % p;
  return (x * x + x * y + y * y) % p;
}

/// Waves in x + s y are what the analyses look for: s is -1 for x - y, else 1. That x^2 + x y + y^2
/// is made of such waves nobody says; it is measured all the same.
inline int sign_of(const std::string& operation) { return operation == "subtract" ? -1 : 1; }

/// The sequence is x, y, "=", which is token p. The model predicts the answer at "=".
constexpr Index kLength = 3;
constexpr Token kPositionX = 0, kPositionY = 1, kPositionEquals = 2;

/// All ordered pairs, pair (x, y) in row p x + y: tokens [p^2, 3], labels [p^2, 1].
inline Dataset all_pairs(const std::string& operation, Index p) {
  Dataset all{Tensor<Token>({p * p, kLength}, static_cast<Token>(p)),
              Tensor<Token>({p * p, 1}),
              {kPositionEquals}};
  for (Index x = 0; x < p; ++x) {
    for (Index y = 0; y < p; ++y) {
      const Index row = p * x + y;
      all.tokens(row, kPositionX) = static_cast<Token>(x);
      all.tokens(row, kPositionY) = static_cast<Token>(y);
      all.labels(row, 0) = static_cast<Token>(answer(operation, x, y, p));
    }
  }
  return all;
}

}  // namespace addition
