// The best that can be said of the rotation by who knows the words and their frequencies.
#pragma once

#include <vector>

#include "reading.hpp"

namespace caesar {

/// Log-probabilities of all rotations at every position, [sequence, position, rotation], in nats.
using Posteriors = Tensor<double>;

/// Bayes' rule over the word list, with words' borders known and words independent: after whole
/// words u_1 ... u_k and letters v of the next,
///   P(r | text) ~ prod_i p(u_i - r) sum over words w that begin with v - r of p(w)
/// where u - r is u with its letters rotated back by r, and all r are alike before.
inline Posteriors exact_posteriors(const WordList& words, const std::string& mode,
                                   View<const Token> tokens) {
  const std::vector<double> shares = word_shares(words, mode);
  // P(word begins with these letters), by the letters, for one, two and three of them.
  std::vector<std::vector<double>> begins;
  for (Index letters = 1, size = kLetters; letters <= kWordLength; ++letters, size *= kLetters) {
    begins.emplace_back(static_cast<std::size_t>(size), 0.0);
    for (std::size_t w = 0; w < words.size(); ++w) {
      Index at = 0;
      for (Index i = 0; i < letters; ++i) {
        at = at * kLetters + Alphabet::words().token(words[w].letters[static_cast<std::size_t>(i)]);
      }
      begins.back()[static_cast<std::size_t>(at)] += shares[w];
    }
  }
  Posteriors posterior({tokens.size(0), tokens.size(1), kLetters});
  for (Index s = 0; s < tokens.size(0); ++s) {
    std::vector<double> whole(kLetters, 0.0);  // log-likelihood of the whole words, by rotation
    std::vector<Index> begun(kLetters, 0);     // letters of the word that has begun
    for (Index t = 0; t < tokens.size(1); ++t) {
      const Index slot = t % kSlots;
      for (Index r = 0; r < kLetters; ++r) {
        const auto i = static_cast<std::size_t>(r);
        double log_likelihood = whole[i];
        if (slot < kWordLength) {
          begun[i] = begun[i] * kLetters + rotate(tokens(s, t), -r);
          log_likelihood +=
              std::log(begins[static_cast<std::size_t>(slot)][static_cast<std::size_t>(begun[i])]);
          if (slot == kWordLength - 1) whole[i] = log_likelihood, begun[i] = 0;
        }
        posterior(s, t, r) = log_likelihood;
      }
    }
  }
  return hooked::log_softmax(posterior);
}

/// How good some posteriors are: in nats, and in shares of all sequences and positions.
struct Quality {
  double loss = 0.0, mean_probability = 0.0, accuracy = 0.0;
  std::vector<double> loss_at;  // [position]
};

/// Where several rotations are the likeliest, the right one counts for its share of them.
template <hooked::TensorLike P>
Quality quality(const P& log_probs, const Dataset& data) {
  const Index n = log_probs.size(0), length = log_probs.size(1);
  Quality q;
  q.loss_at.resize(static_cast<std::size_t>(length));
  for (Index s = 0; s < n; ++s) {
    for (Index t = 0; t < length; ++t) {
      const auto right = static_cast<double>(log_probs(s, t, data.labels(s, t)));
      Index better = 0, alike = 0;
      for (Index r = 0; r < kLetters; ++r) {
        const auto other = static_cast<double>(log_probs(s, t, r));
        better += other > right + 1e-9 ? 1 : 0;
        alike += std::abs(other - right) <= 1e-9 ? 1 : 0;
      }
      q.loss_at[static_cast<std::size_t>(t)] -= right / static_cast<double>(n);
      q.mean_probability += std::exp(right);
      q.accuracy += better == 0 ? 1.0 / static_cast<double>(alike) : 0.0;
    }
  }
  const auto all = static_cast<double>(n * length);
  q.mean_probability /= all, q.accuracy /= all;
  q.loss = std::accumulate(q.loss_at.begin(), q.loss_at.end(), 0.0) / static_cast<double>(length);
  return q;
}

}  // namespace caesar
