// Does the network treat all rotations of a word alike? Of what it says, and of what layer 0
// writes.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/core/creation.hpp"
#include "hooked/core/random.hpp"
#include "hooked/interp/fourier.hpp"

namespace caesar {

constexpr std::array<const char*, kWordLength> kSlotNames{"A", "B", "C"};

/// What the network says of a word in all rotations at one slot, as it turns with the word: with f
/// the log-probabilities of the word rotated by r, g_r(c) = f(c + shift[r]), less the mean over c,
/// for c from `first` on: [26, 26 - first]. Shifts are r itself, or dealt at random, the control.
inline Eigen::MatrixXd turned(const Tensor<float>& log_probs, Index word, Index slot, Index first,
                              const std::vector<Index>& shift) {
  Eigen::MatrixXd g(kLetters, kLetters - first);
  for (Index r = 0; r < kLetters; ++r) {
    for (Index c = first; c < kLetters; ++c) {
      const Index answer = (c + shift[static_cast<std::size_t>(r)]) % kLetters;
      g(r, c - first) = static_cast<double>(log_probs(kLetters * word + r, slot, answer));
    }
  }
  return g.colwise() - g.rowwise().mean();
}

/// 0 to 25, or these in random order.
inline std::vector<Index> shifts(hooked::Random* dealt = nullptr) {
  std::vector<Index> order(kLetters);
  std::iota(order.begin(), order.end(), Index{0});
  if (dealt != nullptr) dealt->permutation(order);
  return order;
}

/// How far the log-probabilities [26 words, 3, 26] of rotated words are from turning with the word:
///   mean over words, pairs r != s and c of (g_r(c) - g_s(c))^2 / 2
///   / mean over words, r and c of g_r(c)^2
/// 0 where f(shift x) = shift f(x); 1 on average where shifts are dealt at random, for then g_r(c)
/// and g_s(c) have nothing to do with each other. With `first` 1 the right answer is left out,
/// which whoever knows it gives in all rotations.
inline double equivariance_error(const Tensor<float>& log_probs, Index slot, Index first,
                                 bool dealt = false) {
  hooked::Random random({0}, "shifts of words dealt");
  double error = 0.0, all = 0.0;
  for (Index w = 0; w < log_probs.size(0) / kLetters; ++w) {
    const Eigen::MatrixXd g = turned(log_probs, w, slot, first, shifts(dealt ? &random : nullptr));
    const Eigen::RowVectorXd usual = g.colwise().mean();
    error += (g.rowwise() - usual).squaredNorm() / (kLetters - 1);
    all += g.squaredNorm() / kLetters;
  }
  return error / all;
}

/// The errors at A, B and C.
inline std::vector<double> equivariance_errors(const Tensor<float>& log_probs, Index first,
                                               bool dealt = false) {
  std::vector<double> errors;
  for (Index slot = 0; slot < kWordLength; ++slot) {
    errors.push_back(equivariance_error(log_probs, slot, first, dealt));
  }
  return errors;
}

/// What a sweep follows: "equivariance error A", "B" and "C" of all words in all rotations.
inline study::Numbers equivariance_numbers(const Transformer<float>& model, const WordList& words,
                                           int threads) {
  const Tensor<float> logits = model.run_with_hooks(rotated_words(words), {}, {.threads = threads});
  const auto errors = equivariance_errors(hooked::log_softmax(logits), 0);
  study::Numbers numbers;
  for (std::size_t slot = 0; slot < errors.size(); ++slot) {
    numbers.emplace_back(std::string("equivariance error ") + kSlotNames[slot], errors[slot]);
  }
  return numbers;
}

/// How much of the inner products of a word's 26 vectors x_r [word, 26, d] depends on r - s alone,
/// as it does where a rotation turns vectors: of the variance of (x_r - mean) (x_s - mean) over all
/// pairs r != s of a word, the share that its mean over pairs of one r - s (up to its sign)
/// explains, all words together. Vectors without any order have 12 / 324 on average,
/// for 13 means.
inline double circulant_share(const Tensor<double>& x) {
  constexpr Index kDistances = kLetters / 2;  // 1 to 13
  double explained = 0.0, all = 0.0;
  for (Index w = 0; w < x.size(0); ++w) {
    const Eigen::MatrixXd vectors = x.select(0, w).matrix();
    const Eigen::MatrixXd centred = vectors.rowwise() - vectors.colwise().mean();
    const Eigen::MatrixXd gram = centred * centred.transpose();
    std::array<double, kDistances + 1> sum{}, count{};
    double total = 0.0, squares = 0.0, pairs = 0.0;
    for (Index r = 0; r < kLetters; ++r) {
      for (Index s = 0; s < r; ++s) {
        const auto distance = static_cast<std::size_t>(std::min(r - s, kLetters - r + s));
        sum[distance] += gram(r, s), count[distance] += 1.0;
        total += gram(r, s), squares += gram(r, s) * gram(r, s), pairs += 1.0;
      }
    }
    for (std::size_t d = 1; d < sum.size(); ++d) explained += sum[d] * sum[d] / count[d];
    explained -= total * total / pairs, all += squares - total * total / pairs;
  }
  return explained / all;
}

/// The rotated words with letters in another circle than the alphabet's: letter p(a) becomes
/// p(a + r), for a permutation p, and words at r = 0 stay. Whatever is so here, too, says nothing
/// of the alphabet: that two letters of a word meet in some rotations is so in any circle.
inline Tensor<Token> words_in_another_circle(const WordList& words, hooked::Random& random) {
  const std::vector<Index> p = shifts(&random);
  std::vector<Index> place(kLetters);
  for (Index i = 0; i < kLetters; ++i) {
    place[static_cast<std::size_t>(p[static_cast<std::size_t>(i)])] = i;
  }
  Tensor<Token> tokens = rotated_words(words);
  for (Index row = 0; row < tokens.size(0); ++row) {
    const Index r = row % kLetters;
    for (Index slot = 0; slot < kWordLength; ++slot) {
      const auto plain = static_cast<std::size_t>(rotate(tokens(row, slot), -r));
      const auto turned = static_cast<std::size_t>((place[plain] + r) % kLetters);
      tokens(row, slot) = static_cast<Token>(p[turned]);
    }
  }
  return tokens;
}

/// Shares of the power of x [word, 26, d] by frequency over the rotations [14]; frequency 0 is what
/// all rotations of a word have in common.
inline Tensor<double> power_by_frequency(const Tensor<double>& x) {
  const Tensor<double> power = hooked::sum(hooked::fourier_power(x, 1), {0, 2});
  return power / hooked::sum(power).item();
}

/// Of the power at frequencies from 1 on, the most that one has, by the number of its waves (13 has
/// one, others two), in units of what each would have if all were alike.
inline double peak_of(const Tensor<double>& power) {
  double most = 0.0;
  for (Index k = 1; k < power.numel(); ++k) {
    most = std::max(most, power(k) / (2 * k == kLetters ? 1.0 : 2.0));
  }
  return most * (kLetters - 1) / (1.0 - power(0));
}

/// Layer 0's output at B and C of rotated words: how it moves with the rotation.
struct RotationsOfOutput {
  std::array<double, 2> circulant{}, peak{};
  std::array<Tensor<double>, 2> power;  // by frequency

  RotationsOfOutput(const Reading& at, const Tensor<Token>& tokens) {
    const std::string site = "blocks.1.hook_resid_pre";
    const auto cache =
        at.model
            .run_with_cache(tokens,
                            {.names = {site}, .logits = false, .run = {.threads = at.threads}})
            .cache;
    for (const std::size_t i : {0U, 1U}) {
      const auto slot = static_cast<Index>(i) + 1;
      const Tensor<double> x =
          in_double(cache[site].select(1, slot)).reshape({tokens.size(0) / kLetters, kLetters, -1});
      power[i] = power_by_frequency(x);
      circulant[i] = circulant_share(x), peak[i] = peak_of(power[i]);
    }
  }
};

inline void rotations_of_output(const Reading& at, Report& report) {
  constexpr int kCircles = 5;
  hooked::Random random({0}, "other circles of letters");
  const RotationsOfOutput own(at, rotated_words(at.words));
  std::vector<RotationsOfOutput> others;
  for (int i = 0; i < kCircles; ++i) {
    others.emplace_back(at, words_in_another_circle(at.words, random));
  }
  Figure figure = Figure::lines("Layer 0's output over the 26 rotations of a word", "frequency",
                                "share of power");
  figure.panel("without frequency 0, which all rotations share");
  const auto frequency = hooked::arange<double>(1, kLetters / 2 + 1);
  const auto shown = [](const Tensor<double>& power) {
    return Tensor<double>(power.slice(0, 1, power.numel()));
  };
  std::vector<double> circulant, peaks, common;
  for (const std::size_t i : {0U, 1U}) {
    double circulant_of_others = 0.0, peak_of_others = 0.0;
    for (const RotationsOfOutput& other : others) {
      circulant_of_others += other.circulant[i] / kCircles;
      peak_of_others += other.peak[i] / kCircles;
    }
    const std::string name = kSlotNames[i + 1];
    figure.line(name, frequency, shown(own.power[i]));
    figure.line(name + ", another circle", frequency, shown(others[0].power[i]), true);
    circulant.push_back(own.circulant[i]), circulant.push_back(circulant_of_others);
    peaks.push_back(own.peak[i]), peaks.push_back(peak_of_others);
    common.push_back(own.power[i](0));
  }
  const Tensor<double> letters =
      in_double(at.model["embed.W_E"].slice(0, 0, kLetters)).reshape({1, kLetters, -1});
  peaks.push_back(peak_of(power_by_frequency(letters)));
  report.add(hooked::report(
      {.claim = "layer 0's output, circulant share: B, other circles; C, other circles",
       .definition = "of the variance of inner products between a word's 26 centred vectors, the "
                     "share that r - s explains; with letters in five other circles than the "
                     "alphabet's, mean"},
      circulant));
  report.add(hooked::report(
      {.claim =
           "layer 0's output, strongest frequency: B, other circles; C, other circles; letters",
       .definition = "power by frequency over the rotations of a word, all words together, the "
                     "largest of 1 to 13 over their mean; of the embeddings of the 26 letters"},
      peaks));
  report.add(hooked::report(
      {.claim = "layer 0's output, share of power that all rotations have in common: B, C",
       .definition = "frequency 0 of the same"},
      common));
  report.add("rotations",
             "A peak that no dashed line has would be a circle on which rotations lie.",
             std::move(figure));
  report.say(
      "Of the inner products of layer 0's outputs for the rotations of a word, r - s "
      "explains " +
      short_text(100 * circulant[0], 2) + "% at B and " + short_text(100 * circulant[2], 2) +
      "% at C, with letters in other circles " + short_text(100 * circulant[1], 2) + "% and " +
      short_text(100 * circulant[3], 2) + "%.");
}

/// Whether all rotations of a word are treated alike.
inline void equivariance(const Reading& at, const Roles& roles, Report& report) {
  const std::string pattern = "blocks.1.attn.hook_pattern";
  const auto run = at.model.run_with_cache(rotated_words(at.words),
                                           {.names = {pattern}, .run = {.threads = at.threads}});
  const Tensor<float> log_probs = hooked::log_softmax(run.logits);
  const std::vector<double> errors = equivariance_errors(log_probs, 0);
  const std::vector<double> dealt = equivariance_errors(log_probs, 0, true);
  const std::vector<double> wrong = equivariance_errors(log_probs, 1);
  report.add(hooked::report(
      {.claim = "equivariance error of log-probabilities: A, B, C; shifts dealt: A, B, C",
       .definition = "all words in all rotations: mean over pairs of rotations of |f(shift x) - "
                     "shift f(x)|^2 / 2 over the variance of f, of log-probabilities less their "
                     "mean; with shifts dealt at random it is 1"},
      std::vector<double>{errors[0], errors[1], errors[2], dealt[0], dealt[1], dealt[2]}));
  report.add(hooked::report({.claim = "equivariance error of wrong answers: A, B, C",
                             .definition = "the same without the right rotation, which whoever "
                                           "knows it says in all rotations"},
                            wrong));
  // The study's example of how unlike they are: 0B's attention to itself in head 1.0.
  const View<const float> attention = run.cache[pattern];  // [row, head, query, key]
  double least = 1.0, most = 0.0;
  for (Index r = 0; r < kLetters; ++r) {  // of the first word of the list
    const auto own = static_cast<double>(attention(r, roles.third, 1, 1));
    least = std::min(least, own), most = std::max(most, own);
  }
  report.add(
      judge_said({.claim = "attention of 0B to itself in head 1.0 over rotations: most, least",
                  .study_says = at.study({.easy = "from approximately 1 to approximately 0"}),
                  .definition = "of the most frequent word"},
                 {most, least}, {{{0.9, 1.0}, {0.7, 1.0}}, {{0.0, 0.1}, {0.0, 0.3}}}));
  report.say("The log-probabilities turn with the word up to an error of " +
             short_text(errors[0], 2) + " at A, " + short_text(errors[1], 2) + " at B and " +
             short_text(errors[2], 2) + " at C, where 1 is chance, those of wrong answers up to " +
             short_text(wrong[0], 2) + ", " + short_text(wrong[1], 2) + " and " +
             short_text(wrong[2], 2) + ".");
  rotations_of_output(at, report);
}

}  // namespace caesar
