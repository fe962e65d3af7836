// Hard mode: what letters, pairs of letters, and longer runs of them say of the rotation.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "bayes.hpp"

namespace caesar {

/// A language model over the characters of hard mode: P(c | the order - 1 characters before it),
/// by counts in texts. Rarer contexts lean on shorter ones, down to all characters being alike:
///   P(c | h) = (count(h c) + T(h) P(c | h')) / (count(h) + T(h))
/// where T(h) is how many different characters follow h, and h' is h without its first character.
/// Witten & Bell, "The zero-frequency problem" (1991), method C, interpolated as in Chen & Goodman,
/// "An empirical study of smoothing techniques for language modeling" (1999), 2.6.
class Ngrams {
 public:
  static constexpr Index kMostCharacters = 4;  // 36^4 numbers are 13 MB

  Ngrams(const std::vector<Text>& texts, Index order, Index characters) : characters_(characters) {
    if (order < 1 || order > kMostCharacters) {
      hooked::fail<hooked::ConfigError>("an n-gram model is of order ", order,
                                        ", it must be from 1 to ", kMostCharacters);
    }
    Index size = characters;
    for (Index n = 1; n <= order; ++n, size *= characters) {
      std::vector<double> counts(static_cast<std::size_t>(size), 0.0);
      for (const Text& text : texts) {
        Index at = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
          at = (at * characters + text[i]) % size;
          if (static_cast<Index>(i) >= n - 1) counts[static_cast<std::size_t>(at)] += 1.0;
        }
      }
      smooth(counts, n);
      tables_.push_back(std::move(counts));
    }
  }

  Index order() const { return static_cast<Index>(tables_.size()); }

  /// log P(the last character | those before it), of the last `length` characters, the latest in
  /// the lowest digit of `code` in base `characters`; at most `order` of them count.
  double log_prob(Index code, Index length) const {
    const std::vector<double>& table =
        tables_[static_cast<std::size_t>(std::min(length, order()) - 1)];
    return table[static_cast<std::size_t>(code) % table.size()];
  }

 private:
  // Counts [characters^n] become log-probabilities; those of order n - 1 are there already.
  void smooth(std::vector<double>& counts, Index n) const {
    const auto width = static_cast<std::size_t>(characters_);
    for (std::size_t h = 0; h < counts.size(); h += width) {
      double seen = 0.0, different = 0.0;
      for (std::size_t c = 0; c < width; ++c) {
        seen += counts[h + c], different += counts[h + c] > 0 ? 1.0 : 0.0;
      }
      for (std::size_t c = 0; c < width; ++c) {
        const double shorter = n == 1 ? 1.0 / static_cast<double>(characters_)
                                      : std::exp(tables_.back()[(h + c) % tables_.back().size()]);
        counts[h + c] = std::log(
            seen == 0 ? shorter : (counts[h + c] + different * shorter) / (seen + different));
      }
    }
  }

  Index characters_;
  std::vector<std::vector<double>> tables_;  // by n: log P(c | n - 1 characters)
};

/// The posterior of the rotation at every position, all being alike before:
///   P(r | text) ~ prod_t P(c_t - r | up to order - 1 characters before, rotated back alike)
inline Posteriors ngram_posteriors(const Ngrams& ngrams, View<const Token> tokens,
                                   Index characters) {
  Index most = 1;  // so many codes of as many characters as count
  for (Index n = 0; n < ngrams.order(); ++n) most *= characters;
  Posteriors posterior({tokens.size(0), tokens.size(1), kLetters});
  for (Index s = 0; s < tokens.size(0); ++s) {
    for (Index r = 0; r < kLetters; ++r) {
      double log_likelihood = 0.0;
      Index code = 0;
      for (Index t = 0; t < tokens.size(1); ++t) {
        code = (code * characters + rotate(tokens(s, t), -r)) % most;
        log_likelihood += ngrams.log_prob(code, t + 1);
        posterior(s, t, r) = log_likelihood;
      }
    }
  }
  return hooked::log_softmax(posterior);
}

/// Models of order 1 to 4 by the training blocks of the prose.
inline std::vector<Ngrams> ngrams_of(const study::Choices& choices) {
  const std::vector<Text> texts = ProseSource(prose_of(choices), false).blocks();
  std::vector<Ngrams> models;
  for (Index order = 1; order <= Ngrams::kMostCharacters; ++order) {
    models.emplace_back(texts, order, Alphabet::prose().size());
  }
  return models;
}

/// The Jensen-Shannon divergence of the network from a posterior, mean over sequences and
/// positions:
///   (sum_r p log(p / m) + sum_r q log(q / m)) / 2 with m = (p + q) / 2
/// From 0 to ln 2; unlike other divergences it is not ruled by what one of them takes for
/// impossible. Lin, "Divergence measures based on the Shannon entropy" (1991).
inline double mean_divergence(const Tensor<float>& network, const Posteriors& posterior) {
  double sum = 0.0;
  for (Index i = 0; i < posterior.numel(); ++i) {
    const double p = std::exp(static_cast<double>(network.data()[i]));
    const double q = std::exp(posterior.data()[i]), m = 0.5 * (p + q);
    sum += 0.5 * ((p > 0 ? p * std::log(p / m) : 0.0) + (q > 0 ? q * std::log(q / m) : 0.0));
  }
  return sum / static_cast<double>(posterior.size(0) * posterior.size(1));
}

/// Where the network is among Bayes' rule with n-grams. Order 1 counts letters: a one-layer
/// transformer that attends to all characters alike, with one-hot embeddings and the logs of the
/// letters' shares as its unembedding, says the same up to a factor, the number of characters.
inline void ngrams(const Reading& at, const std::vector<Ngrams>& models, Report& report) {
  const Index characters = Alphabet::prose().size();
  const Quality network = quality(at.log_probs, at.data);
  Tensor<double> position({at.length()});
  for (Index t = 0; t < at.length(); ++t) position(t) = static_cast<double>(t);
  const auto by_position = [&](const Quality& q) {
    return Tensor<double>({at.length()}, q.loss_at);
  };
  Figure figure = Figure::lines("Loss of n-grams and of the network", "position", "nats");
  figure.panel("mean over sequences").line("network", position, by_position(network));
  std::vector<double> losses, accuracies, ends, distances;
  for (const Ngrams& model : models) {
    const Posteriors posterior = ngram_posteriors(model, at.data.tokens, characters);
    const Quality q = quality(posterior, at.data);
    losses.push_back(q.loss), accuracies.push_back(100.0 * q.accuracy);
    ends.push_back(q.loss_at.back());
    distances.push_back(mean_divergence(at.log_probs, posterior));
    figure.line("order " + std::to_string(model.order()), position, by_position(q), true);
  }
  losses.push_back(network.loss), accuracies.push_back(100.0 * network.accuracy);
  ends.push_back(network.loss_at.back());
  report.add(hooked::report(
      {.claim = "loss: n-grams of order 1, 2, 3, 4; network",
       .unit = "nats",
       .definition = "Bayes' rule over the rotations with interpolated Witten-Bell models of the "
                     "training blocks; mean over all positions of the same sequences"},
      losses));
  report.add(hooked::report({.claim = "accuracy: n-grams of order 1, 2, 3, 4; network",
                             .unit = "%",
                             .definition = "of the same"},
                            accuracies));
  report.add(hooked::report({.claim = "loss at the last position: n-grams of order 1 to 4; network",
                             .unit = "nats",
                             .definition = "of the same"},
                            ends));
  report.add(hooked::report(
      {.claim = "divergence of the network from n-grams of order 1, 2, 3, 4",
       .unit = "nats",
       .definition = "Jensen-Shannon divergence of what both say of the rotation, mean over all "
                     "positions: least where the network says what they say"},
      distances));
  report.add("ngrams", "The network's line lies among the dashed ones: the order that it reaches.",
             std::move(figure));
  const auto nearest = std::min_element(distances.begin(), distances.end()) - distances.begin();
  const auto beaten = std::count_if(losses.begin(), losses.end() - 1,
                                    [&](double loss) { return network.loss < loss; });
  report.say("In hard mode the network's loss of " + short_text(network.loss, 3) +
             " nats is below that of " + std::to_string(beaten) +
             " of the n-grams of order 1 to 4 (" + short_text(losses[0], 3) + ", " +
             short_text(losses[1], 3) + ", " + short_text(losses[2], 3) + ", " +
             short_text(losses[3], 3) + "); what it says is nearest to order " +
             std::to_string(nearest + 1) + ".");
}

}  // namespace caesar
