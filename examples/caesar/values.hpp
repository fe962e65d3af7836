// O1: what the heads of layer 1 make of each letter of the first word.
#pragma once

#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/interp/circuits.hpp"

namespace caesar {

/// The logit of the right rotation through a head's values alone, as if it attended fully to a
/// letter of the first word: residual after layer 0, divided by its standard deviation, through
/// W_V W_O of the head, over the mean scale of ln_final, through W_U; mean over the 26 rotations of
/// every word: [head, slot, word].
inline Tensor<double> letter_values(const Reading& at) {
  const Tensor<Token> tokens = rotated_words(at.words);
  const auto cache =
      at.model
          .run_with_cache(tokens, {.names = {"blocks.0.hook_resid_post", "ln_final.hook_scale"},
                                   .run = {.threads = at.threads}})
          .cache;
  const Tensor<double> resid = in_double(cache["blocks.0.hook_resid_post"]);
  const double scale = mean(in_double(cache["ln_final.hook_scale"])).item();
  const Tensor<double> W_U = in_double(at.model["unembed.W_U"]);
  const auto words = static_cast<Index>(at.words.size());
  Tensor<double> values({at.heads(), kWordLength, words});
  for (Index h = 0; h < at.heads(); ++h) {
    const auto of = [&](const char* name) {
      return Tensor<double>(in_double(at.model[std::string("blocks.1.attn.") + name].select(0, h)));
    };
    const Tensor<double> circuit = matmul(matmul(of("W_V"), of("W_O")), W_U);
    for (Index slot = 0; slot < kWordLength; ++slot) {
      Tensor<double> x(resid.select(1, slot));
      for (Index row = 0; row < x.size(0); ++row) {
        auto line = x.matrix().row(row);
        const double mean_of = line.mean();
        const double deviation =
            std::sqrt((line.array() - mean_of).square().sum() / static_cast<double>(x.size(1) - 1));
        line /= deviation * scale;
      }
      const Tensor<double> logits = matmul(x, circuit);
      for (Index row = 0; row < x.size(0); ++row) {
        values(h, slot, row / kLetters) +=
            logits(row, row % kLetters) / static_cast<double>(kLetters);
      }
    }
  }
  return values;
}

inline void value_circuits(const Reading& at, const Roles& roles, Report& report) {
  const Tensor<double> values = letter_values(at);
  const auto of = [&](Index head, Index slot) { return values.select(0, head).select(0, slot); };
  const auto mean_of = [&](Index head, Index slot) { return mean(of(head, slot)).item(); };
  const auto positive = [&](Index head, Index slot) {
    double count = 0.0;
    for (Index w = 0; w < values.size(2); ++w) count += values(head, slot, w) > 0 ? 1.0 : 0.0;
    return 100.0 * count / static_cast<double>(values.size(2));
  };
  for (const auto& [name, head] : {std::pair{"1.0", roles.third}, std::pair{"1.1", roles.second}}) {
    report.add(
        hooked::report({.claim = std::string("values of head ") + name + " from A, B, C",
                        .unit = "logits",
                        .definition = "right rotation through W_V W_O of the head and W_U, "
                                      "for a letter of the first word; mean over words and "
                                      "rotations"},
                       std::vector<double>{mean_of(head, 0), mean_of(head, 1), mean_of(head, 2)}));
  }
  report.add(
      judge_said({.claim = "words whose right rotation is raised: by 1.0 from C, by 1.1 from B",
                  .study_says = at.study(StudySays::both("distinctly positive")),
                  .unit = "%",
                  .definition = "share of words with a value above 0, mean over rotations"},
                 {positive(roles.third, 2), positive(roles.second, 1)},
                 {{{90.0, 100.0}, {75.0, 100.0}}, {{90.0, 100.0}, {75.0, 100.0}}}));
  report.add(judge_said(
      {.claim =
           at.mode == "medium" ? "values of head 1.1: C less B" : "values of head 1.1: B less C",
       .study_says = at.study({.medium = "better at 0C than it is at 0B"}),
       .unit = "logits",
       .definition = "difference of the means over words"},
      {(at.mode == "medium" ? 1.0 : -1.0) * (mean_of(roles.second, 2) - mean_of(roles.second, 1))},
      {{{0.5, 1e9}, {0.0, 1e9}}}));
  Figure figure = Figure::heatmap("Logit of the right rotation by values of layer 1",
                                  "word, from the most frequent on", "letter attended to", "logits",
                                  Figure::Colors::diverging);
  figure.panel("1.0", values.select(0, roles.third)).panel("1.1", values.select(0, roles.second));
  report.add("letter_values",
             "1.0 raises the right rotation from C, 1.1 from B; where one fails the other often "
             "does not.",
             std::move(figure));
}

}  // namespace caesar
