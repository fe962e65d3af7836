// Does the network treat all rotations of a word alike? Of what it says, and of what layer 0
// writes.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/core/random.hpp"
#include "hooked/interp/fourier.hpp"

namespace caesar {

constexpr std::array<const char*, kWordLength> kSlotNames{"A", "B", "C"};

/// A rotation for each word and rotation of it, [word, 26]: as they are, or dealt at random within
/// each word, the control.
inline Tensor<Index> rotations(Index words, bool dealt) {
  hooked::Random random({0}, "rotations of words dealt");
  Tensor<Index> all({words, kLetters});
  std::vector<Index> order(kLetters);
  std::iota(order.begin(), order.end(), Index{0});
  for (Index w = 0; w < words; ++w) {
    if (dealt) random.permutation(order);
    std::copy(order.begin(), order.end(), &all(w, 0));
  }
  return all;
}

/// How far the log-probabilities f(x) of rotated words [26 words, 3, 26] at a slot are from turning
/// with the word: with g_r(c) = f(word rotated by r)(c + r),
///   sum over words of mean over pairs r != s and c of (g_r(c) - g_s(c))^2 / 2
///   / sum over words of the variance of f over rotations and answers
/// 0 where f(shift x) = shift f(x); 1 on average where the shifts are dealt at random, for then
/// g_r(c) is any of the answers.
inline double equivariance_error(const Tensor<float>& log_probs, Index slot,
                                 const Tensor<Index>& shift) {
  double error = 0.0, variance = 0.0;
  for (Index w = 0; w < shift.size(0); ++w) {
    double sum = 0.0, squares = 0.0;
    for (Index c = 0; c < kLetters; ++c) {
      double of_c = 0.0, squares_of_c = 0.0;  // over rotations
      for (Index r = 0; r < kLetters; ++r) {
        const auto g =
            static_cast<double>(log_probs(kLetters * w + r, slot, (c + shift(w, r)) % kLetters));
        of_c += g, squares_of_c += g * g;
      }
      error += (squares_of_c - of_c * of_c / kLetters) / (kLetters * (kLetters - 1));
      sum += of_c, squares += squares_of_c;
    }
    constexpr double kAll = kLetters * kLetters;
    variance += squares / kAll - sum / kAll * sum / kAll;
  }
  return error / variance;
}

/// The errors at A, B and C.
inline std::array<double, kWordLength> equivariance_errors(const Tensor<float>& log_probs,
                                                           const Tensor<Index>& shift) {
  std::array<double, kWordLength> errors{};
  for (Index slot = 0; slot < kWordLength; ++slot) {
    errors[static_cast<std::size_t>(slot)] = equivariance_error(log_probs, slot, shift);
  }
  return errors;
}

/// What a sweep follows: "equivariance error A", "B" and "C" of all words in all rotations.
inline study::Numbers equivariance_numbers(const Transformer<float>& model, const WordList& words,
                                           int threads) {
  const Tensor<float> logits = model.run_with_hooks(rotated_words(words), {}, {.threads = threads});
  const auto errors = equivariance_errors(hooked::log_softmax(logits),
                                          rotations(static_cast<Index>(words.size()), false));
  study::Numbers numbers;
  for (std::size_t slot = 0; slot < errors.size(); ++slot) {
    numbers.emplace_back(std::string("equivariance error ") + kSlotNames[slot], errors[slot]);
  }
  return numbers;
}

/// How much of the inner products of a word's 26 vectors x_r [word, 26, d] depends on r - s alone,
/// as it does where a rotation turns vectors: of the variance of (x_r - mean) (x_s - mean) over all
/// pairs r != s of a word, the share that its mean over pairs of one r - s (up to its sign)
/// explains, all words together. Vectors in no order have 12 / 324 on average, for 13 means.
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

/// x [word, 26, d] with the rotations of each word in another order.
inline Tensor<double> reordered(const Tensor<double>& x, const Tensor<Index>& order) {
  Tensor<double> y(x.shape());
  for (Index w = 0; w < x.size(0); ++w) {
    for (Index r = 0; r < kLetters; ++r) {
      hooked::copy(x.select(0, w).select(0, order(w, r)), y.select(0, w).select(0, r));
    }
  }
  return y;
}

/// Shares of the power of x [word, 26, d] by frequency over the rotations [14]; frequency 0 is what
/// all rotations of a word have in common.
inline Tensor<double> power_by_frequency(const Tensor<double>& x) {
  const Tensor<double> power = hooked::sum(hooked::fourier_power(x, 1), {0, 2});
  return power / hooked::sum(power).item();
}

/// Of the power at frequencies from 1 on, the most that one has, by the number of its waves (13 has
/// one, others two), in units of what each would have if all were alike.
inline double peak(const Tensor<double>& power) {
  double most = 0.0;
  for (Index k = 1; k < power.numel(); ++k) {
    most = std::max(most, power(k) / (2 * k == kLetters ? 1.0 : 2.0));
  }
  return most * (kLetters - 1) / (1.0 - power(0));
}

/// Whether all rotations of a word are treated alike.
inline void equivariance(const Reading& at, const Roles& roles, Report& report) {
  const auto n = static_cast<Index>(at.words.size());
  const std::string resid = "blocks.1.hook_resid_pre", pattern = "blocks.1.attn.hook_pattern";
  const auto run = at.model.run_with_cache(
      rotated_words(at.words), {.names = {resid, pattern}, .run = {.threads = at.threads}});
  const Tensor<float> log_probs = hooked::log_softmax(run.logits);
  const Tensor<Index> as_is = rotations(n, false), dealt = rotations(n, true);
  const auto errors = equivariance_errors(log_probs, as_is);
  const auto by_chance = equivariance_errors(log_probs, dealt);
  report.add(hooked::report(
      {.claim = "equivariance error of log-probabilities: A, B, C; rotations dealt: A, B, C",
       .definition = "all words in all rotations: mean over pairs of rotations of |f(shift x) - "
                     "shift f(x)|^2 / 2 over the variance of f within words; with shifts dealt at "
                     "random within each word it is 1"},
      std::vector<double>{errors[0], errors[1], errors[2], by_chance[0], by_chance[1],
                          by_chance[2]}));

  // The study's example of how unlike they are: 0B's attention to itself in head 1.0.
  const View<const float> attention = run.cache[pattern];  // [row, head, query, key]
  double least = 1.0, most = 0.0;
  for (Index r = 0; r < kLetters; ++r) {  // of the most frequent word, "the"
    const auto own = static_cast<double>(attention(r, roles.third, 1, 1));
    least = std::min(least, own), most = std::max(most, own);
  }
  const Claim varies{.claim = "attention of 0B to itself in head 1.0 over rotations: least, most",
                     .study_says = at.study({.easy = {0, 1}}),
                     .definition =
                         "of the most frequent word; the study says from approximately "
                         "1 to approximately 0"};
  const std::vector<double> ends{least, most};
  report.add(varies.study_says.is_null()
                 ? hooked::report(varies, ends)
                 : judge(varies, ends, {{{0.0, 0.1}, {0.0, 0.3}}, {{0.9, 1.0}, {0.7, 1.0}}}));

  Figure figure = Figure::lines("Layer 0's output over the 26 rotations of a word", "frequency",
                                "share of power");
  figure.panel("without frequency 0, which all rotations share");
  Tensor<double> frequency({kLetters / 2});
  for (Index k = 0; k < frequency.numel(); ++k) frequency(k) = static_cast<double>(k + 1);
  const auto draw = [&](const std::string& name, const Tensor<double>& power, bool dashed) {
    const Tensor<double> shown(power.slice(0, 1, power.numel()));
    figure.line(name, frequency, shown, dashed);
  };
  std::vector<double> circulant, peaks, common;
  for (const Index slot : {1, 2}) {
    const Tensor<double> x = in_double(run.cache[resid].select(1, slot)).reshape({n, kLetters, -1});
    const Tensor<double> control = reordered(x, dealt);
    const Tensor<double> power = power_by_frequency(x), power_dealt = power_by_frequency(control);
    const std::string name = kSlotNames[static_cast<std::size_t>(slot)];
    draw(name, power, false), draw(name + ", rotations dealt", power_dealt, true);
    circulant.push_back(circulant_share(x)), circulant.push_back(circulant_share(control));
    peaks.push_back(peak(power)), peaks.push_back(peak(power_dealt));
    common.push_back(power(0));
  }
  const Tensor<double> letters =
      in_double(at.model["embed.W_E"].slice(0, 0, kLetters)).reshape({1, kLetters, -1});
  peaks.push_back(peak(power_by_frequency(letters)));
  report.add(hooked::report(
      {.claim = "layer 0's output, circulant share: B, dealt; C, dealt",
       .definition = "of the variance of inner products between a word's 26 centred vectors, the "
                     "share that r - s explains; dealt at random it is 0.037"},
      circulant));
  report.add(hooked::report(
      {.claim = "layer 0's output, strongest frequency over the mean: B, dealt; C, dealt; letters",
       .definition = "power by frequency over the rotations of a word, all words together, the "
                     "largest of 1 to 13 over their mean; of the embeddings of the 26 letters"},
      peaks));
  report.add(hooked::report(
      {.claim = "layer 0's output, share of power that all rotations have in common: B, C",
       .definition = "frequency 0 of the same"},
      common));
  report.add("rotations",
             "A peak would be a circle on which rotations lie; the dashed lines are flat.",
             std::move(figure));
  report.say("The log-probabilities turn with the word up to an error of " +
             short_text(errors[0], 2) + " at A, " + short_text(errors[1], 2) + " at B and " +
             short_text(errors[2], 2) +
             " at C, where 1 is chance; of the inner products of layer "
             "0's outputs r - s explains " +
             short_text(100 * circulant[2], 2) +
             "% at C (dealt: " + short_text(100 * circulant[3], 2) + "%).");
}

}  // namespace caesar
