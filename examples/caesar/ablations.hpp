// What the model loses without a head, without its pattern, or with values that are not its own.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "attention.hpp"

namespace caesar {

/// Losses with each head ablated at `site`, layer by layer, layer 1 by roles.
template <class Edit>
std::vector<double> losses_without_heads(const Reading& at, const Roles& roles, const Edit& edit) {
  std::vector<double> losses;
  for (Index layer = 0; layer < 2; ++layer) {
    for (const Index h :
         layer == 0 ? std::vector<Index>{0, 1} : std::vector<Index>{roles.third, roles.second}) {
      losses.push_back(at.loss({edit(hooked::text("blocks.", layer, ".attn."), h)}));
    }
  }
  return losses;
}

inline void head_ablations(const Reading& at, const Roles& roles, Report& report) {
  Tensor<float> identity({at.length(), at.length()});
  for (Index t = 0; t < at.length(); ++t) identity(t, t) = 1.0f;
  const auto units = [](Index h) { return hooked::Units{.heads = {h}}; };
  const std::vector<double> zeroed =
      losses_without_heads(at, roles, [&](const std::string& block, Index h) -> Hook<float> {
        return hooked::zero(block + "hook_z", units(h));
      });
  const std::vector<double> mean_ablated =
      losses_without_heads(at, roles, [&](const std::string& block, Index h) -> Hook<float> {
        return hooked::mean_ablate(block + "hook_z", at.site(block + "hook_z"), units(h));
      });
  const std::vector<double> to_itself =
      losses_without_heads(at, roles, [&](const std::string& block, Index h) -> Hook<float> {
        return hooked::replace(block + "hook_pattern", identity, units(h));
      });
  const auto add = [&](const char* how, const char* definition, const std::vector<double>& losses) {
    report.add(hooked::report({.claim = std::string("loss with ") + how + ": 0.0, 0.1, 1.0, 1.1",
                               .unit = "nats",
                               .definition = definition},
                              losses));
  };
  add("a head at zero", "hook_z of one head is 0", zeroed);
  add("a head at its mean", "hook_z of one head is its mean over sequences, at each position",
      mean_ablated);
  add("a head that looks at itself", "hook_pattern of one head is the identity", to_itself);
  report.say("Loss without a head (its mean instead): " + short_text(mean_ablated[0], 3) + " and " +
             short_text(mean_ablated[1], 3) + " for layer 0, " + short_text(mean_ablated[2], 3) +
             " for 1.0, " + short_text(mean_ablated[3], 3) + " for 1.1; with all " +
             short_text(at.loss({}), 3) + ".");
  Figure figure = Figure::bars("Loss without a head", "head", "nats");
  figure.panel_with_groups("", {"0.0", "0.1", "1.0", "1.1"})
      .series("zero", Tensor<double>({4}, zeroed))
      .series("mean", Tensor<double>({4}, mean_ablated))
      .series("looks at itself", Tensor<double>({4}, to_itself));
  report.add("head_ablations", "Every head is needed: no bar is as low as the model's own loss.",
             std::move(figure));
}

/// Minus infinity for keys of other words, to be added to scores: [destination, key].
inline Tensor<float> within_words(Index length) {
  Tensor<float> mask({length, length});
  for (Index q = 0; q < length; ++q) {
    for (Index k = 0; k < length; ++k) {
      if (q / kSlots != k / kSlots) mask(q, k) = -std::numeric_limits<float>::infinity();
    }
  }
  return mask;
}

/// Losses when token embeddings are taken away from the stream, or become those of other letters,
/// before layer 1 and at the end.
inline void without_embeddings(const Reading& at, Report& report) {
  Tensor<float> away = at.site("hook_embed") * -1.0f, other = away;
  const View<const float> W_E = at.model["embed.W_E"];
  hooked::Random random({0}, "other letters");
  for (Index s = 0; s < at.size(); ++s) {
    for (Index t = 0; t < at.length(); ++t) {
      const Token token = at.data.tokens(s, t);
      const bool is_letter = token < kLetters;  // all else stays what it is
      const auto to =
          W_E.select(0, is_letter ? rotate(token, 1 + random.below(kLetters - 1)) : token);
      other.select(0, s).select(0, t) += to;
    }
  }
  for (const auto& [where, site] : {std::pair{"before layer 1", "blocks.1.hook_resid_pre"},
                                    std::pair{"at the end", "blocks.1.hook_resid_post"}}) {
    report.add(hooked::report(
        {.claim =
             std::string("loss without embeddings ") + where + ": taken away, of other letters",
         .unit = "nats",
         .definition = "token embeddings subtracted from the residual stream, "
                       "or those of a random other letter in their place"},
        std::vector<double>{at.loss({hooked::add(site, away)}),
                            at.loss({hooked::add(site, other)})}));
  }
}

/// Values [sequence, position, head, d_head] in which every word has those of the next.
inline Tensor<float> of_next_word(View<const float> values) {
  Tensor<float> moved(values);
  const Index words = values.size(1) / kSlots;
  for (Index t = 0; t < words * kSlots; ++t) {
    hooked::copy(values.select(1, (t + kSlots) % (words * kSlots)), moved.select(1, t));
  }
  return moved;
}

/// Layer 0 or layer 1 confined to the own word; values of layer 1 exchanged.
inline void confined_and_exchanged(const Reading& at, Report& report) {
  const Tensor<float> mask = within_words(at.length());
  const auto confined = [&](Index layer) {
    return at.loss({hooked::add(hooked::text("blocks.", layer, ".attn.hook_attn_scores"), mask)});
  };
  report.add(hooked::report({.claim = "loss with attention within words: layer 0, layer 1",
                             .unit = "nats",
                             .definition = "scores of keys in other words become minus infinity"},
                            std::vector<double>{confined(0), confined(1)}));
  const std::string v = "blocks.1.attn.hook_v";
  std::vector<double> exchanged, moved;
  for (Index slot = 0; slot < kSlots; ++slot) {
    std::vector<Index> places;
    for (Index t = slot; t < at.length(); t += kSlots) places.push_back(t);
    exchanged.push_back(
        at.loss({hooked::resample_ablate(v, at.site(v), hooked::Seed{0}, {.positions = places})}));
    moved.push_back(at.loss({hooked::replace(v, of_next_word(at.site(v)), {.positions = places})}));
  }
  report.add(hooked::report({.claim = "loss with values of other sequences at A, B, C, space",
                             .unit = "nats",
                             .definition = "hook_v of layer 1 at all places of one slot is that of "
                                           "another sequence, with another rotation"},
                            exchanged));
  report.add(hooked::report({.claim = "loss with values of the next word at A, B, C, space",
                             .unit = "nats",
                             .definition = "hook_v of layer 1 at all places of one slot is that of "
                                           "the next word (the last word has the first's)"},
                            moved));
}

}  // namespace caesar
