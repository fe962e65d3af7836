// D1: how much each head, and the embedding, add to the logit of the right rotation.
#pragma once

#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/interp/head_results.hpp"
#include "hooked/interp/histogram.hpp"

namespace caesar {

/// What adds to the logits: token embeddings, the heads of layer 0, the study's 1.0 and 1.1.
inline const std::vector<std::string> kComponents{"direct", "0.0", "0.1", "1.0", "1.1"};

/// Direct logit attributions [component, sequence, position]: each less its mean over sequences at
/// the position, divided by the scale of ln_final, times W_U at the right rotation.
inline Tensor<double> attributions(const Reading& at, const Roles& roles) {
  std::vector<Tensor<float>> parts{Tensor<float>(at.site("hook_embed"))};
  for (Index layer = 0; layer < 2; ++layer) {
    const Tensor<float> heads = head_results(at.model, at.run.cache, layer);
    for (const Index h :
         layer == 0 ? std::vector<Index>{0, 1} : std::vector<Index>{roles.third, roles.second}) {
      parts.emplace_back(heads.select(2, h));
    }
  }
  const View<const float> scale = at.site("ln_final.hook_scale");
  const View<const float> W_U = at.model["unembed.W_U"];
  Tensor<double> added({static_cast<Index>(parts.size()), at.size(), at.length()});
  for (std::size_t c = 0; c < parts.size(); ++c) {
    const Tensor<float> centred = parts[c] - mean(parts[c], 0, hooked::Keep::yes);
    for (Index s = 0; s < at.size(); ++s) {
      const auto direction = W_U.select(1, at.rotation(s));
      for (Index t = 0; t < at.length(); ++t) {
        double sum = 0.0;
        for (Index d = 0; d < direction.numel(); ++d) {
          sum += static_cast<double>(centred(s, t, d)) * static_cast<double>(direction(d));
        }
        added(static_cast<Index>(c), s, t) = sum / static_cast<double>(scale(s, t, 0));
      }
    }
  }
  return added;
}

inline void direct_attributions(const Reading& at, const Roles& roles, Report& report) {
  const Tensor<double> added = attributions(at, roles);
  const Tensor<double> at_one(added.select(2, 1));
  std::vector<double> first, all;  // means by component, at position 1 and everywhere
  for (Index c = 0; c < added.size(0); ++c) {
    first.push_back(mean(at_one.select(0, c)).item());
    all.push_back(mean(added.select(0, c)).item());
  }
  for (const auto& [where, means] :
       {std::pair{"position 1", &first}, std::pair{"all positions", &all}}) {
    report.add(hooked::report(
        {.claim = std::string("attribution, ") + where + ": direct, 0.0, 0.1, 1.0, 1.1",
         .unit = "logits",
         .definition = "mean of what each adds to the logit of the right "
                       "rotation, less its mean over sequences, over the "
                       "scale of ln_final"},
        *means));
  }
  const double rest = std::max({std::abs(all[0]), std::abs(all[1]), std::abs(all[2])});
  report.add(judge_said(
      {.claim = "attribution: the weaker head of layer 1 over the most of all else",
       .study_says = at.study(StudySays::both("very little effect")),
       .unit = "ratio",
       .definition = "the smaller mean of 1.0 and 1.1 over the largest size of those of the "
                     "embedding, 0.0 and 0.1, all positions"},
      {std::min(all[3], all[4]) / rest}, {{{4.0, 1e9}, {2.0, 1e9}}}));
  if (at.has_words()) {
    report.add(judge_said(
        {.claim = "attribution at position 1: head 1.1 less head 1.0",
         .study_says = at.study(StudySays::both("head 1.1 is more important than head 1.0")),
         .unit = "logits",
         .definition = "difference of their means; heads by where they look"},
        {first[4] - first[3]}, {{{1.0, 1e9}, {0.3, 1e9}}}));
  }
  Figure figure = Figure::histogram("Direct logit attribution", "added to the right logit",
                                    "sequences and positions");
  for (const auto& [where, values] :
       {std::pair{"position 1", &at_one}, std::pair{"all positions", &added}}) {
    for (Index c = 0; c < added.size(0); ++c) {
      const auto h = hooked::histogram(values->select(0, c), 60, -15.0, 15.0);
      figure.panel_with_edges(kComponents[static_cast<std::size_t>(c)] + ", " + where, h.edges)
          .series("", h.counts);
    }
  }
  report.add("attributions",
             "Only the two heads of layer 1 stand to the right of 0; at position 1 it is 1.1.",
             std::move(figure));
}

}  // namespace caesar
