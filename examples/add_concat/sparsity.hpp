// How sparse the features are, and pictures of one question on its way through the model.
#pragma once

#include <string>
#include <vector>

#include "hooked/interp/feature_statistics.hpp"
#include "reading.hpp"

namespace add_concat {

/// The share of features f [row, d_sae] that are on.
inline double share_on(const Tensor<float>& f) {
  return static_cast<double>((f.array() > 0.0f).count()) / static_cast<double>(f.numel());
}

/// Activations of one question and its answer: what the encoder gives, the decoder, and the
/// autoencoder within and at its end.
inline void draw_activations(const Reading& at, const Item& item, Report& report) {
  const SequencePairs pairs = pairs_of({item});
  const auto cache = at.body.run_with_cache(pairs.input(), {.names = {"hook_memory", kSite}}).cache;
  const auto rows = [&](const std::string& site) {
    return Tensor<float>(cache[site].select(0, 0));
  };
  const Tensor<float> h = rows(kSite);
  const auto [recons, inside] =
      at.sae.run_with_cache(h.view(), {.names = {"hook_sae_acts_pre", "hook_sae_acts_post"}});
  const std::string title = prompt(item.task, item.i, item.j);
  report.add("activations",
             "Rows are tokens; the last panel is the autoencoder's copy of the one before it.",
             Figure::heatmap("Encoder, decoder and reconstruction of " + title, "dimension",
                             "token", "activation", Figure::Colors::diverging)
                 .panel("encoder", rows("hook_memory"))
                 .panel("decoder", h)
                 .panel("reconstruction", recons));
  report.add(
      "features",
      "Before the ReLU hardly any number is 0; after it nearly all are where lambda is large.",
      Figure::heatmap("Features of " + title + ", lambda " + hooked::short_text(at.lambda),
                      "feature", "token", "activation", Figure::Colors::diverging)
          .panel("before the ReLU", inside["hook_sae_acts_pre"])
          .panel("after it", inside["hook_sae_acts_post"]));
}

inline void sparsity(const Reading& at, Report& report) {
  const DecoderOutputs sample(at.body, {{Task::add, 7, 8}}, at.threads);
  Claim on{.claim = "features that are on: one question, all validation items",
           .unit = "%",
           .definition =
               "share of f > 0 over features and tokens, for B7+8E and its answer; and "
               "over all validation items"};
  const std::vector<double> shares{
      percent(share_on(features_of(at.sae, sample))),
      percent((share_on(at.on_validation.f.add) + share_on(at.on_validation.f.concatenate)) / 2.0)};
  const bool is_studied = at.sae.options().architecture == hooked::SaeArchitecture::standard;
  if (is_studied && at.lambda == 0.0) {
    on.study_says = {97, nullptr};
    report.add(judge(std::move(on), shares, {{{90.0, 100.0}, {50.0, 100.0}}, {}}));
  } else if (at.lambda == 0.01) {
    on.study_says = {0.1, nullptr};
    report.add(judge(std::move(on), shares, {{{0.01, 0.5}, {0.0, 5.0}}, {}}));
  } else {
    report.add(hooked::report(std::move(on), shares));
  }
  const auto of = [&](const DecoderOutputs& outputs) {
    return hooked::feature_statistics(at.sae, outputs.h());
  };
  const auto add = of(at.validation.add), concatenate = of(at.validation.concatenate);
  double dead = 0.0;
  for (Index k = 0; k < at.sae.options().d_sae; ++k) {
    dead += add.density(k) == 0.0 && concatenate.density(k) == 0.0 ? 1.0 : 0.0;
  }
  report.add(hooked::report(
      {.claim = "features on at once; variance explained, in additions and concatenations; dead",
       .unit = "-, -, %, %, -",
       .definition = "means over all tokens of the answers of validation items; dead are those on "
                     "in none"},
      std::vector<double>{add.l0, concatenate.l0, percent(add.variance_explained),
                          percent(concatenate.variance_explained), dead}));
  draw_activations(at, {Task::add, 7, 8}, report);
}

}  // namespace add_concat
