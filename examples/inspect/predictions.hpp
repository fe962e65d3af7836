// What a model predicts, position by position, and how that compares with what follows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <vector>

#include "hooked/core/select.hpp"
#include "hooked/core/tensor.hpp"

namespace inspect {

using hooked::Index, hooked::Tensor, hooked::Token, hooked::View;

/// One row of logits, [d_vocab_out].
struct Row {
  View<const float> logits;
  double log_sum;  // log sum exp(logits)

  explicit Row(View<const float> row) : logits(row) {
    double highest = row(0), sum = 0;
    for (Index i = 1; i < row.numel(); ++i) highest = std::max<double>(highest, row(i));
    for (Index i = 0; i < row.numel(); ++i) sum += std::exp(row(i) - highest);
    log_sum = highest + std::log(sum);
  }
  double log_probability(Index token) const { return logits(token) - log_sum; }
  double probability(Index token) const { return std::exp(log_probability(token)); }
  /// 0: the likeliest.
  Index rank(Index token) const {
    Index above = 0;
    for (Index i = 0; i < logits.numel(); ++i) above += logits(i) > logits(token) ? 1 : 0;
    return above;
  }
};

/// How well rows of logits [batch, pos, d_vocab_out] predict the tokens that follow.
struct Fit {
  double loss = 0;   // nats a token
  double rank = 0;   // mean
  double right = 0;  // share whose likeliest token is the next one
};

/// Throws nothing: `tokens` [batch, pos] must have two positions at least.
inline Fit fit_of(const Tensor<float>& logits, const Tensor<Token>& tokens) {
  Fit fit;
  const Index batch = tokens.size(0), last = tokens.size(1) - 1;
  const auto share = 1.0 / static_cast<double>(batch * last);
  for (Index b = 0; b < batch; ++b) {
    for (Index p = 0; p < last; ++p) {
      const Row row(logits.select(0, b).select(0, p));
      const Index rank = row.rank(tokens(b, p + 1));
      fit.loss -= share * row.log_probability(tokens(b, p + 1));
      fit.rank += share * static_cast<double>(rank);
      fit.right += rank == 0 ? share : 0;
    }
  }
  return fit;
}

/// "token logit probability" of the likeliest tokens, side by side.
inline void print_top(const Row& row, Index count) {
  const auto top = hooked::topk(row.logits, std::min(count, row.logits.numel()));
  for (Index k = 0; k < top.indices.numel(); ++k) {
    std::printf("  %6td %8.3f %6.4f", top.indices(k), static_cast<double>(top.values(k)),
                row.probability(top.indices(k)));
  }
  std::printf("\n");
}

/// A table of one sequence: of every position its token, where `follows` the loss, rank and
/// probability of the next one, and the likeliest.
inline void print_predictions(View<const float> logits, View<const Token> tokens, bool follows,
                              Index top) {
  std::printf("  pos   token%s  likeliest: token, logit, probability\n",
              follows ? "     loss   rank   p(next)" : "");
  for (Index p = 0; p < tokens.numel(); ++p) {
    const Row row(logits.select(0, p));
    std::printf("%5td  %6d", p, static_cast<int>(tokens(p)));
    if (follows && p + 1 < tokens.numel()) {
      const Index next = tokens(p + 1);
      std::printf("%9.4f %6td  %8.6f", -row.log_probability(next), row.rank(next),
                  row.probability(next));
    } else if (follows) {
      std::printf("%9s %6s  %8s", "-", "-", "-");
    }
    print_top(row, top);
  }
}

}  // namespace inspect
