// Do the heads of layer 1 complement each other? Word by word, and by Shapley's values.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/interp/head_results.hpp"
#include "hooked/interp/shapley.hpp"

namespace caesar {

/// What the heads of layer 1 add to the logit of the right rotation, mean over the rotations of
/// each word: [slot, head, word].
struct WordAttributions {
  Tensor<double> direct;  // what a head writes at a slot, less its mean over all rows, by the final
                          // scale and W_U
  Tensor<double> circuit;  // what its OV circuit makes of the stream at a slot (analysis O1)
};

inline WordAttributions word_attributions(const Reading& at) {
  const auto n = static_cast<Index>(at.words.size());
  const Tensor<Token> tokens = rotated_words(at.words);
  const auto cache =
      at.model
          .run_with_cache(tokens, {.names = {"blocks.1.attn.hook_z", "blocks.1.hook_resid_pre",
                                             "ln_final.hook_scale"},
                                   .run = {.threads = at.threads}})
          .cache;
  const Tensor<double> results = in_double(head_results(at.model, cache, 1));  // [row, pos, h, d]
  const Tensor<double> mean_result = mean(results, 0);
  const Tensor<double> stream = in_double(cache["blocks.1.hook_resid_pre"]);
  const View<const float> final_scale = cache["ln_final.hook_scale"];
  const double mean_scale = static_cast<double>(mean(final_scale).item());
  const Tensor<double> W_U = in_double(at.model["unembed.W_U"]);
  const Tensor<double> W_V = in_double(at.model["blocks.1.attn.W_V"]);
  const Tensor<double> W_O = in_double(at.model["blocks.1.attn.W_O"]);
  const Index heads = at.heads(), width = stream.size(2);
  WordAttributions all{Tensor<double>({kWordLength, heads, n}),
                       Tensor<double>({kWordLength, heads, n})};
  for (Index h = 0; h < heads; ++h) {
    const Eigen::MatrixXd OV =
        W_V.select(0, h).matrix() * W_O.select(0, h).matrix() * W_U.matrix();  // [d, rotation]
    for (Index row = 0; row < tokens.size(0); ++row) {
      const Index r = row % kLetters;
      for (Index slot = 0; slot < kWordLength; ++slot) {
        const auto x = stream.select(0, row).select(0, slot).matrix();  // a row
        const double centre = x.mean();
        const double deviation =
            std::sqrt((x.array() - centre).square().sum() / static_cast<double>(width - 1));
        all.circuit(slot, h, row / kLetters) +=
            x.row(0).dot(OV.col(r)) / deviation / mean_scale / kLetters;
        const auto written = results.select(0, row).select(0, slot).select(0, h).matrix();
        const auto usual = mean_result.select(0, slot).select(0, h).matrix();
        all.direct(slot, h, row / kLetters) += (written - usual).row(0).dot(W_U.matrix().col(r)) /
                                               static_cast<double>(final_scale(row, slot, 0)) /
                                               kLetters;
      }
    }
  }
  return all;
}

/// The correlation of x and y [n], and of what is left of both after a straight line in z each;
/// without z: nothing is taken off.
inline double correlation(const Tensor<double>& x, const Tensor<double>& y) {
  const Eigen::RowVectorXd a = x.matrix().row(0).array() - x.matrix().mean();
  const Eigen::RowVectorXd b = y.matrix().row(0).array() - y.matrix().mean();
  return a.dot(b) / std::sqrt(a.squaredNorm() * b.squaredNorm());
}
inline Tensor<double> without_line(const Tensor<double>& y, const Tensor<double>& z) {
  const Index n = y.numel();
  const auto fit = fit_linear(z.reshape({n, 1}), y.reshape({n, 1}));
  return (y.reshape({n, 1}) - fit.predict(z.reshape({n, 1}))).reshape({n});
}

/// log count of the words.
inline Tensor<double> log_counts(const WordList& words) {
  Tensor<double> counts({static_cast<Index>(words.size())});
  for (std::size_t w = 0; w < words.size(); ++w)
    counts(static_cast<Index>(w)) = std::log(words[w].count);
  return counts;
}

inline void complement_by_word(const Reading& at, const Roles& roles, Report& report) {
  constexpr Index kB = 1, kC = 2;
  const WordAttributions by = word_attributions(at);
  const Tensor<double> counts = log_counts(at.words);
  const auto line = [](const Tensor<double>& x, Index slot, Index head) {
    return Tensor<double>(x.select(0, slot).select(0, head));
  };
  const Tensor<double> third = line(by.circuit, kC, roles.third);
  const Tensor<double> second = line(by.circuit, kB, roles.second);
  const double circuits = correlation(third, second);
  // Of 100 words that have nothing to do with each other, 0.2 is two standard errors.
  const double two_errors = 2.0 / std::sqrt(static_cast<double>(at.words.size()));
  const Claim offset{
      .claim = "offset effect: 1.0 from C and 1.1 from B, correlation over words",
      .study_says = at.study({.easy = "where one head fails ... the other head will often pick up "
                                      "the slack"}),
      .definition =
          "correlation over words of what the OV circuits of the two heads of layer 1 "
          "add to the right rotation's logit from the stream at C and B, mean over "
          "rotations; two standard errors are 2 over the root of the number of words"};
  const Rule falls{{-1.0, -two_errors}, {-1.0, 0.0}};
  report.add(offset.study_says.is_null() ? hooked::report(offset, circuits)
                                         : judge(offset, circuits, falls));
  const Tensor<double> third_C = line(by.direct, kC, roles.third);
  const Tensor<double> second_C = line(by.direct, kC, roles.second);
  const Tensor<double> third_B = line(by.direct, kB, roles.third);
  const Tensor<double> second_B = line(by.direct, kB, roles.second);
  const double at_C = correlation(third_C, second_C);
  report.add(hooked::report(
      {.claim = "direct attributions of both heads, correlation over words: B, C, C beyond counts",
       .definition = "of what the two heads of layer 1 write at B and C of the first word to the "
                     "right rotation's logit, mean over rotations; of what is left at C after "
                     "straight lines in the log of the word's count; 0.2 is two standard errors of "
                     "100 words"},
      std::vector<double>{
          correlation(third_B, second_B), at_C,
          correlation(without_line(third_C, counts), without_line(second_C, counts))}));
  const double circuits_left =
      correlation(without_line(third, counts), without_line(second, counts));
  report.add(hooked::report({.claim = "offset effect beyond counts",
                             .definition = "as the offset effect, of what is left after straight "
                                           "lines in the log of the word's count"},
                            circuits_left));
  Tensor<double> rank({third.numel()});
  const Tensor<Index> order = hooked::argsort(third);
  for (Index i = 0; i < rank.numel(); ++i) rank(i) = static_cast<double>(i);
  report.add("complement",
             "Where the dashed line falls while the other one rises, one head does what the other "
             "one cannot.",
             Figure::lines("Right rotation's logit from the layer-1 OV circuits",
                           "words, by head 1.0", "logit")
                 .panel("mean over rotations")
                 .line("1.0 from C", rank, hooked::take(third, 0, order))
                 .line("1.1 from B", rank, hooked::take(second, 0, order), true));
  report.say("Over words, what head 1.0 makes of C and head 1.1 of B correlate at " +
             short_text(circuits, 2) + " (" + short_text(circuits_left, 2) +
             " beyond the word's count).");
}

/// A mean log-probability of the right rotation, of some positions of a run.
struct Positions {
  const char* name;
  Index first, last;  // [first, last)
};

/// Shapley values of the four heads for the log-probability of the right rotation; heads that are
/// out are at their means at each position over the sequences.
inline void shapley_of_heads(const Reading& at, const Roles& roles, Report& report) {
  const std::array<Positions, 4> groups{{{"all", 0, at.length()},
                                         {"position 1", 1, 2},
                                         {"position 2", 2, 3},
                                         {"later", 3, at.length()}}};
  struct Player {
    Index layer, head;
  };
  const std::array<Player, 4> players{{{0, 0}, {0, 1}, {1, roles.third}, {1, roles.second}}};
  const std::vector<std::string> names{"0.0", "0.1", "1.0", "1.1"};
  const auto site = [](Index layer) { return hooked::text("blocks.", layer, ".attn.hook_z"); };
  std::vector<Tensor<double>> values(groups.size(), Tensor<double>({16}));
  for (Index coalition = 0; coalition < 16; ++coalition) {
    std::vector<Hook<float>> hooks;
    for (std::size_t i = 0; i < players.size(); ++i) {
      if ((coalition >> i & 1) != 0) continue;
      const auto [layer, head] = players[i];
      hooks.push_back(mean_ablate(site(layer), at.site(site(layer)), {.heads = {head}}));
    }
    const Tensor<float> log_probs =
        hooked::log_softmax(at.model.run_with_hooks(at.data.tokens, hooks));
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const auto [name, first, last] = groups[g];
      double sum = 0.0;
      for (Index s = 0; s < at.size(); ++s) {
        for (Index t = first; t < last; ++t) {
          sum += static_cast<double>(log_probs(s, t, at.rotation(s)));
        }
      }
      values[g](coalition) = sum / static_cast<double>(at.size() * (last - first));
    }
  }
  Figure figure = Figure::bars("Shapley values of heads", "head", "nats");
  figure.panel_with_groups("for the log-probability of the right rotation", names);
  std::vector<double> interactions;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const Tensor<double> phi = hooked::shapley_values(values[g]);
    report.add(hooked::report(
        {.claim = std::string("Shapley values of heads 0.0, 0.1, 1.0, 1.1: ") + groups[g].name,
         .unit = "nats",
         .definition = "of the mean log-probability of the right rotation, from all 16 sets of "
                       "heads; heads that are out have hook_z at its mean over the sequences at "
                       "each position"},
        std::vector<double>(phi.data(), phi.data() + phi.numel())));
    figure.series(groups[g].name, phi);
    interactions.push_back(hooked::shapley_interactions(values[g])(3, 2));
  }
  report.add(
      hooked::report({.claim = "Shapley interaction of 1.0 and 1.1: all, position 1, 2, later",
                      .unit = "nats",
                      .definition = "how much more they add together than each by itself; "
                                    "below 0 each does part of the other's work"},
                     interactions));
  report.add("shapley", "The heads of layer 1 have most where they do the work.",
             std::move(figure));
  const auto phi = hooked::shapley_values(values[0]);
  report.say("By Shapley's values heads 0.0, 0.1, 1.0 and 1.1 are worth " + short_text(phi(0), 2) +
             ", " + short_text(phi(1), 2) + ", " + short_text(phi(2), 2) + " and " +
             short_text(phi(3), 2) + " nats; 1.0 and 1.1 together " +
             short_text(std::abs(interactions[0]), 2) + " nats " +
             (interactions[0] < 0 ? "less" : "more") + " than each by itself.");
}

/// Whether the heads of layer 1 complement each other.
inline void complement(const Reading& at, const Roles& roles, Report& report) {
  if (at.has_words()) complement_by_word(at, roles, report);
  shapley_of_heads(at, roles, report);
}

}  // namespace caesar
