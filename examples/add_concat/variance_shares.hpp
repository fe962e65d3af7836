// What a feature depends on: the operation, the first number, the second, or several together.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "ablation.hpp"
#include "decoder_outputs.hpp"

namespace add_concat {

/// Shares of the variance of an activation over all items; the first seven add up to 1. NaN where
/// it does not vary.
struct VarianceShares {
  double operation = 0.0, first = 0.0, second = 0.0;     // of each alone
  double operation_first = 0.0, operation_second = 0.0;  // and of pairs beyond that
  double both_numbers = 0.0;
  double all = 0.0;     // of all three beyond pairs
  double answer = 0.0;  // of the answer's first token, whatever the question
};

/// [2, 100, 100]: the first token of each item's answer.
inline const std::vector<Token>& first_tokens() {
  static const std::vector<Token> tokens = [] {
    std::vector<Token> all;
    for (const Item& item : all_items()) {
      all.push_back(tokenise(answer(item.task, item.i, item.j))[1]);
    }
    return all;
  }();
  return tokens;
}

/// The analysis of variance of x [2, 100, 100] (operation, first, second), one number for each
/// item: sums of squares of the means over what a term does not name, less those of the terms that
/// it contains (Fisher, "Statistical methods for research workers", 1925). Items are all there are,
/// so that the terms are orthogonal.
inline VarianceShares variance_shares(const Tensor<double>& x) {
  constexpr Index n = kNumbers;
  if (x.shape() != hooked::Shape{2, kNumbers, kNumbers}) {
    hooked::fail<hooked::ShapeError>("variance_shares: x is ", x.shape(),
                                     ", it must be [2, 100, 100]");
  }
  Tensor<double> o({2}), i({n}), j({n}), oi({2, n}), oj({2, n}), ij({n, n});
  double mean = 0.0, total = 0.0;
  for (Index a = 0; a < 2; ++a) {
    for (Index b = 0; b < n; ++b) {
      for (Index c = 0; c < n; ++c) {
        const double v = x(a, b, c);
        mean += v;
        o(a) += v, i(b) += v, j(c) += v, oi(a, b) += v, oj(a, c) += v, ij(b, c) += v;
      }
    }
  }
  const auto all = static_cast<double>(x.numel());
  mean /= all;
  total = (x.array() - mean).square().sum();
  // The sum over all items of the squared deviation of a table's means from the mean of all.
  const auto squares = [&](const Tensor<double>& sums) {
    const double each = all / static_cast<double>(sums.numel());
    return each * (sums.array() / each - mean).square().sum();
  };
  const double so = squares(o), si = squares(i), sj = squares(j);
  VarianceShares s;
  s.operation = so, s.first = si, s.second = sj;
  s.operation_first = squares(oi) - so - si;
  s.operation_second = squares(oj) - so - sj;
  s.both_numbers = squares(ij) - si - sj;
  s.all = total - so - si - sj - s.operation_first - s.operation_second - s.both_numbers;
  Eigen::ArrayXd count = Eigen::ArrayXd::Zero(kVocabulary), sum = count;
  for (Index item = 0; item < x.numel(); ++item) {
    const Token token = first_tokens()[static_cast<std::size_t>(item)];
    count(token) += 1.0;
    sum(token) += x.data()[item];
  }
  for (Token token = 0; token < kVocabulary; ++token) {
    if (count(token) == 0) continue;
    const double beyond = sum(token) / count(token) - mean;
    s.answer += count(token) * beyond * beyond;
  }
  for (double* const share : {&s.operation, &s.first, &s.second, &s.operation_first,
                              &s.operation_second, &s.both_numbers, &s.all, &s.answer}) {
    *share = total > 0 ? *share / total : std::numeric_limits<double>::quiet_NaN();
  }
  return s;
}

/// What most of a feature's variance is due to.
inline std::string class_of(const VarianceShares& s) {
  const std::array<std::pair<double, const char*>, 5> terms{
      {{s.operation, "operation"},
       {s.first, "first number"},
       {s.second, "second number"},
       {s.both_numbers, "both numbers"},
       {s.operation_first + s.operation_second + s.all, "numbers by operation"}}};
  for (const auto& [share, name] : terms) {
    if (share > 0.5) return name;
  }
  return "mixed";
}

/// Of every feature that is on anywhere, its activation where the answer's first token is said.
struct FeatureVariance {
  Index feature;
  double density;  // the share of items in which it is on
  VarianceShares shares;
};
inline std::vector<FeatureVariance> variance_of_features(const EncoderDecoder<float>& body,
                                                         const SparseAutoencoder<float>& sae,
                                                         int threads = 0) {
  const DecoderOutputs outputs(body, all_items(), threads);
  Tensor<float> h({outputs.size(), outputs.h().size(1)});
  for (Index n = 0; n < outputs.size(); ++n) {
    h.matrix().row(n) = outputs.h().matrix().row(outputs.begin(n));
  }
  const Tensor<float> f = features_of(sae, h, threads);
  std::vector<FeatureVariance> found;
  for (Index k = 0; k < f.size(1); ++k) {
    const double density = (f.matrix().col(k).array() > 0.0f).cast<double>().mean();
    if (density > 0) found.push_back({k, density, {}});
  }
  hooked::ThreadPool(threads).run(std::ssize(found), [&](Index n) {
    FeatureVariance& one = found[static_cast<std::size_t>(n)];
    Tensor<double> x({2, kNumbers, kNumbers});
    Eigen::Map<Eigen::ArrayXd>(x.data(), x.numel()) =
        f.matrix().col(one.feature).array().cast<double>();
    one.shares = variance_shares(x);
  });
  return found;
}

}  // namespace add_concat
