// Where heads look: attention by the place of a key in its word, and which head has which role.
#pragma once

#include <string>
#include <vector>

#include "reading.hpp"

namespace caesar {

/// The study's heads by what they do, for a head's number is an accident of training: of the two in
/// layer 1, 1.0 looks more at third letters (less at second ones) than 1.1 does. In hard mode, and
/// in layer 0, heads keep their numbers.
struct Roles {
  Index third = 0, second = 1;  // heads 1.0 and 1.1 of the study
};

/// Mean attention [head, destination, key] of a layer.
inline Tensor<double> mean_pattern(const Reading& at, Index layer) {
  return in_double(mean(at.site(hooked::text("blocks.", layer, ".attn.hook_pattern")), 0));
}

/// Whose word a key stands in, seen from its query.
enum Where : Index { own_word, earlier_words, first_word };

/// Mean attention of destinations in words `first` and later (in one slot, if it is given) by the
/// key's slot and by whose word that is: [head, where, slot].
inline Tensor<double> attention_by_slot(const Tensor<double>& pattern, Index first,
                                        Index destination_slot = -1) {
  Tensor<double> by({pattern.size(0), 3, kSlots});
  for (Index h = 0; h < pattern.size(0); ++h) {
    double destinations = 0.0;
    for (Index q = first * kSlots; q < pattern.size(1); ++q) {
      if (destination_slot >= 0 && q % kSlots != destination_slot) continue;
      destinations += 1.0;
      for (Index k = 0; k <= q; ++k) {
        const Where where = k / kSlots == q / kSlots ? own_word
                            : k < kSlots             ? first_word
                                                     : earlier_words;
        by(h, where, k % kSlots) += pattern(h, q, k);
      }
    }
    by.select(0, h).matrix() /= destinations;
  }
  return by;
}

/// All attention to a slot, wherever its word is.
inline double to_slot(const Tensor<double>& by, Index head, Index slot) {
  return by(head, own_word, slot) + by(head, earlier_words, slot) + by(head, first_word, slot);
}

constexpr Index kLater = 3;  // destinations in words 3 and later, as the reference numbers

inline Roles roles_of(const Reading& at) {
  if (!at.has_words()) return {};
  const Tensor<double> by = attention_by_slot(mean_pattern(at, 1), 0);
  const auto leans = [&](Index h) { return to_slot(by, h, 2) - to_slot(by, h, 1); };
  return leans(0) >= leans(1) ? Roles{0, 1} : Roles{1, 0};
}

/// T1: attention of both layers by slot.
inline void attention_by_slots(const Reading& at, const Roles& roles, Report& report) {
  const Tensor<double> layer_0 = mean_pattern(at, 0), layer_1 = mean_pattern(at, 1);
  const auto in_word = [&](Index slot) {  // of layer 0, the mean of its heads
    const Tensor<double> by = attention_by_slot(layer_0, kLater, slot);
    return sum(by.select(1, own_word)).item() / static_cast<double>(at.heads());
  };
  report.add(judge_said(
      {.claim = "layer 0: attention within the word, from A, B, C",
       .study_says = at.study(StudySays::both("attend within a single word")),
       .unit = "share",
       .definition = "mean of both heads, words from the fourth on, the letter itself included; "
                     "attending to all alike would give .05, .10, .14"},
      {in_word(0), in_word(1), in_word(2)},
      {{{0.0, 1.0}, {0.0, 1.0}}, {{0.6, 1.0}, {0.3, 1.0}}, {{0.6, 1.0}, {0.3, 1.0}}}));
  const Tensor<double> by = attention_by_slot(layer_1, kLater);
  const auto slots = [&](Index head) {
    std::vector<double> all;
    for (Index slot = 0; slot < kSlots; ++slot) all.push_back(to_slot(by, head, slot));
    return all;
  };
  const std::vector<double> third = slots(roles.third), second = slots(roles.second);
  for (const auto& [name, numbers] : {std::pair{"1.0", &third}, std::pair{"1.1", &second}}) {
    report.add(hooked::report({.claim = std::string("attention of ") + name + " to A, B, C, space",
                               .unit = "share",
                               .definition = "words from the fourth on; all alike would be .25 "
                                             "each"},
                              *numbers));
  }
  // In medium mode 1.1 is said to look at both B and C.
  const bool both = at.mode == "medium";
  report.add(judge_said(
      {.claim = "1.0 attends to C, 1.1 to B",
       .study_says = at.study({.easy = "usually attends to the 3rd ..., usually attends to the 2nd",
                               .medium = "primarily to *C ..., both *B and *C"}),
       .unit = "share",
       .definition =
           "of the head's attention, words from the fourth on; in medium mode the smaller "
           "of B and C for 1.1; .25 is chance"},
      {third[2], both ? std::min(second[1], second[2]) : second[1]},
      {{{0.5, 1.0}, {0.4, 1.0}},
       both ? Rule{{0.32, 1.0}, {0.28, 1.0}} : Rule{{0.5, 1.0}, {0.4, 1.0}}}));
  const auto to_first = [&](Index head) {
    return sum(by.select(0, head).select(0, first_word)).item();
  };
  report.add(judge_said(
      {.claim = "layer 1: attention to the first word, 1.0 and 1.1",
       .study_says = at.study({.easy = "mostly the second and third characters of the first word"}),
       .unit = "share",
       .definition = "destinations in words from the fourth on; all alike would be .19"},
      {to_first(roles.third), to_first(roles.second)},
      {{{0.5, 1.0}, {0.22, 1.0}}, {{0.5, 1.0}, {0.22, 1.0}}}));
  report.say("Head 1.0 gives " + short_text(100 * third[2], 2) +
             "% of its attention to third letters, 1.1 gives " + short_text(100 * second[1], 2) +
             "% to second and " + short_text(100 * second[2], 2) + "% to third ones.");
}

/// Both layers' attention in the first sequences.
inline void draw_attention(const Reading& at, Report& report) {
  constexpr Index kDrawn = 15;
  for (Index layer = 0; layer < 2; ++layer) {
    Figure figure = Figure::heatmap(hooked::text("Attention in layer ", layer), "key",
                                    "destination", "attention", Figure::Colors::sequential);
    const auto pattern = at.site(hooked::text("blocks.", layer, ".attn.hook_pattern"));
    for (Index s = 0; s < std::min(kDrawn, at.size()); ++s) {
      for (Index h = 0; h < at.heads(); ++h) {
        figure.panel(hooked::text(layer, ".", h, ": ", at.plain_text(s)),
                     pattern.select(0, s).select(0, h));
      }
    }
    report.add(hooked::text("attention_layer_", layer),
               layer == 0 ? "Letters look at their own word, and less at those before."
                          : "Columns: all later positions look back at the same second and third "
                            "letters.",
               std::move(figure));
  }
}

}  // namespace caesar
