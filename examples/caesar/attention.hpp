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

/// Mean attention of destinations in words `first_word` and later, by key: its slot, and whether
/// its word is the destination's own, an earlier one, or the first: [head, where, slot].
enum Where : Index { own_word, earlier_words, first_word };
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

}  // namespace caesar
