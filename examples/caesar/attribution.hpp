// D1: how much each head, and the embedding, add to the logit of the right rotation.
#pragma once

#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/interp/head_results.hpp"
#include "hooked/interp/histogram.hpp"
#include "hooked/interp/logit_attrs.hpp"

namespace caesar {

/// What adds to the logits: token embeddings, the heads of layer 0, the study's 1.0 and 1.1.
inline const std::vector<std::string> kComponents{"direct", "0.0", "0.1", "1.0", "1.1"};

/// Direct logit attributions [component, sequence, position] to the right rotation, each component
/// less its mean over sequences at the position.
inline Tensor<double> attributions(const Reading& at, const Roles& roles) {
  const auto heads = stack_head_results(at.model, at.run.cache);
  const auto layer_1 = [](Index head) { return hooked::text("L1H", head); };
  hooked::ResidualStack<float> parts{
      kComponents, Tensor<float>({5, at.size(), at.length(), at.model.config().d_model})};
  hooked::copy(at.site("hook_embed"), parts.values.select(0, 0));
  Index part = 1;
  for (const std::string& head :
       {std::string("L0H0"), std::string("L0H1"), layer_1(roles.third), layer_1(roles.second)}) {
    hooked::copy(heads[head], parts.values.select(0, part++));
  }
  parts.values -= mean(parts.values, 1, hooked::Keep::yes);
  return in_double(logit_attrs(at.model, at.run.cache, parts, {.tokens = at.data.labels}));
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
       .study_says = at.study(
           {.easy = "heads 1.0 and 1.1 do all the heavy lifting", .medium = "very little effect"}),
       .unit = "ratio",
       .definition = "the smaller mean of 1.0 and 1.1 over the largest size of those of the "
                     "embedding, 0.0 and 0.1, all positions"},
      {std::min(all[3], all[4]) / rest}, {{{4.0, 1e9}, {2.0, 1e9}}}));
  if (at.has_words()) {
    report.add(
        judge_said({.claim = "attribution at position 1: head 1.1 less head 1.0",
                    .study_says = at.study({.easy = "head 1.1 is a lot more important",
                                            .medium = "head 1.1 is more important than head 1.0"}),
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
