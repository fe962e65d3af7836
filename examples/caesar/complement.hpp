// Do the heads of layer 1 complement each other? Word by word, and by Shapley's values.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "frequency.hpp"
#include "hooked/core/creation.hpp"
#include "hooked/core/select.hpp"
#include "hooked/interp/head_results.hpp"
#include "hooked/interp/shapley.hpp"
#include "letters.hpp"
#include "values.hpp"

namespace caesar {

/// What the heads of layer 1 write to the logit of the right rotation at each letter of the first
/// word, less a head's mean over all rows, over the scale of ln_final; mean over the rotations of
/// every word: [head, slot, word].
inline Tensor<double> direct_by_word(const Reading& at) {
  const Tensor<Token> tokens = rotated_words(at.words);
  const std::string z = "blocks.1.attn.hook_z", final_scale = "ln_final.hook_scale";
  const auto cache =
      at.model.run_with_cache(tokens, {.names = {z, final_scale}, .run = {.threads = at.threads}})
          .cache;
  const Tensor<double> written =
      in_double(head_results(at.model, cache, 1));  // [row, pos, head, d]
  const Tensor<double> usual = mean(written, 0), W_U = in_double(at.model["unembed.W_U"]);
  const View<const float> scale = cache[final_scale];
  Tensor<double> by({at.heads(), kWordLength, static_cast<Index>(at.words.size())});
  for (Index row = 0; row < tokens.size(0); ++row) {
    for (Index slot = 0; slot < kWordLength; ++slot) {
      const Tensor<double> less = written.select(0, row).select(0, slot) - usual.select(0, slot);
      const Eigen::VectorXd added = less.matrix() * W_U.matrix().col(row % kLetters);
      for (Index h = 0; h < at.heads(); ++h) {
        by(h, slot, row / kLetters) +=
            added[h] / static_cast<double>(scale(row, slot, 0)) / static_cast<double>(kLetters);
      }
    }
  }
  return by;
}

/// Values of all words.
using ByWord = std::vector<double>;
inline ByWord line_of(const Tensor<double>& by, Index head, Index slot) {
  const Tensor<double> line(by.select(0, head).select(0, slot));
  return {line.data(), line.data() + line.numel()};
}

/// What is left of y after a straight line in x.
inline ByWord without_line(const ByWord& y, const Tensor<double>& x) {
  const Index n = x.numel();
  const Tensor<double> column({n, 1}, y);
  const Tensor<double> left =
      column - fit_linear(x.reshape({n, 1}), column).predict(x.reshape({n, 1}));
  return {left.data(), left.data() + n};
}

inline void complement_by_word(const Reading& at, const Roles& roles, Report& report) {
  constexpr Index kB = 1, kC = 2;
  const Tensor<double> values = letter_values(at), direct = direct_by_word(at);
  const Tensor<double> counts = log_counts(at.words);
  const auto beyond_counts = [&](const ByWord& x, const ByWord& y) {
    return correlation(without_line(x, counts), without_line(y, counts));
  };
  const ByWord third = line_of(values, roles.third, kC), second = line_of(values, roles.second, kB);
  const double offset = correlation(third, second), left = beyond_counts(third, second);
  // Of two numbers of each word that have nothing to do with each other.
  const double two_errors = 2.0 / std::sqrt(static_cast<double>(at.words.size()));
  report.add(judge_said(
      {.claim = "offset effect: values of 1.0 from C and 1.1 from B, correlation over words",
       .study_says = at.study({.easy = "where one head fails ... the other head will often pick up "
                                       "the slack"}),
       .definition = "of the right rotation's logit by values of the two heads of layer 1, mean "
                     "over rotations; two standard errors are 2 over the root of the number of "
                     "words"},
      {offset}, {{{-1.0, -two_errors}, {-1.0, 0.0}}}));
  report.add(hooked::report({.claim = "offset effect beyond counts",
                             .definition = "the same, of what is left after straight lines in the "
                                           "log of the word's count"},
                            left));
  const auto at_slot = [&](Index head, Index slot) { return line_of(direct, head, slot); };
  const ByWord third_C = at_slot(roles.third, kC), second_C = at_slot(roles.second, kC);
  report.add(hooked::report(
      {.claim = "direct attributions of 1.0 and 1.1, correlation over words: B, C, C beyond counts",
       .definition = "of what the two write at B and C of the first word to the right rotation's "
                     "logit, mean over rotations"},
      std::vector<double>{correlation(at_slot(roles.third, kB), at_slot(roles.second, kB)),
                          correlation(third_C, second_C), beyond_counts(third_C, second_C)}));
  const auto n = static_cast<Index>(third.size());
  const Tensor<Index> order = hooked::argsort(Tensor<double>({n}, third));
  const auto in_order = [&](const ByWord& y) {
    return hooked::take(Tensor<double>({n}, y), 0, order);
  };
  report.add(
      "complement",
      "Where the dashed line falls while the other one rises, one head does what the other "
      "one cannot.",
      Figure::lines("Right rotation's logit by values of layer 1", "words, by head 1.0", "logit")
          .panel("mean over rotations")
          .line("1.0 from C", hooked::arange<double>(n), in_order(third))
          .line("1.1 from B", hooked::arange<double>(n), in_order(second), true));
  report.say("Over words, what head 1.0 makes of C and head 1.1 of B correlate at " +
             short_text(offset, 2) + " (" + short_text(left, 2) +
             " beyond the word's count); what they write at C at " +
             short_text(correlation(third_C, second_C), 2) + ".");
}

/// A mean log-probability of the right rotation, of some positions of a run.
struct Positions {
  const char* name;
  Index first, last;  // [first, last)
};

constexpr Index kShapleySequences = 400;  // in each of 16 runs

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
  const Dataset data = first_of(at.data, kShapleySequences);
  std::vector<Tensor<double>> values(groups.size(), Tensor<double>({16}));
  for (Index coalition = 0; coalition < 16; ++coalition) {
    std::vector<Hook<float>> hooks;
    for (std::size_t i = 0; i < players.size(); ++i) {
      if ((coalition >> i & 1) != 0) continue;
      const auto [layer, head] = players[i];
      hooks.push_back(mean_ablate(site(layer), at.site(site(layer)), {.heads = {head}}));
    }
    const Tensor<float> log_probs =
        hooked::log_softmax(at.model.run_with_hooks(data.tokens, hooks));
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const auto [name, first, last] = groups[g];
      double sum = 0.0;
      for (Index s = 0; s < data.size(); ++s) {
        for (Index t = first; t < last; ++t) {
          sum += static_cast<double>(log_probs(s, t, at.rotation(s)));
        }
      }
      values[g](coalition) = sum / static_cast<double>(data.size() * (last - first));
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
