// Where heads look: on the tokens at hand, and on random tokens that come twice.
#pragma once

#include <algorithm>
#include <cstdio>
#include <utility>

#include "hooked/core/select.hpp"
#include "hooked/interp/head_detectors.hpp"
#include "hooked/interp/induction.hpp"
#include "hooked/nn/transformer.hpp"
#include "options.hpp"

namespace inspect {

/// Kinds of heads and what they are called here.
inline constexpr std::pair<hooked::HeadKind, const char*> kKinds[]{
    {hooked::HeadKind::previous_token, "previous token"},
    {hooked::HeadKind::duplicate_token, "duplicate token"},
    {hooked::HeadKind::induction, "induction"}};

/// The heads with the highest of scores [layer, head], as "layer.head score".
inline void print_highest(const char* name, const Tensor<double>& scores, Index count) {
  std::printf("%-16s", name);
  const hooked::View<const double> all = scores.view_as({scores.numel()});
  const auto top = hooked::topk(all, std::min(count, scores.numel()));
  for (Index k = 0; k < top.indices.numel(); ++k) {
    const Index head = top.indices(k);
    std::printf("  %3td.%-2td %5.3f", head / scores.size(1), head % scores.size(1), top.values(k));
  }
  std::printf("\n");
}

/// Which heads look most as each kind does: the share of their attention on `tokens`.
inline void print_head_scores(const hooked::ActivationCache<float>& cache,
                              const Tensor<Token>& tokens, Index count) {
  std::printf("\nheads: share of attention on these tokens, layer.head\n");
  for (const auto& [kind, name] : kKinds) {
    print_highest(name, hooked::detect_head(cache, tokens, kind), count);
  }
}

/// The same on random tokens that come twice, for every head; and whether the model does induction.
inline void print_detectors(const hooked::Transformer<float>& model,
                            const hooked::RunOptions& run) {
  const hooked::TransformerConfig& c = model.config();
  const Index period = std::min<Index>(50, c.n_ctx / 2);
  if (period < 2) fail<ConfigError>("--detect: n_ctx ", c.n_ctx, " has no room for tokens twice");
  const hooked::RepeatedTokensOptions repeated{.batch = 4, .period = period};
  const Tensor<Token> tokens = hooked::repeated_tokens(model, repeated);
  const auto cache =
      model
          .run_with_cache(tokens,
                          {.names = {"blocks.*.attn.hook_pattern"}, .logits = false, .run = run})
          .cache;
  std::printf("\ndetectors on %td random sequences of %td tokens that come twice\n", repeated.batch,
              period);
  if (c.d_vocab_out == c.d_vocab) {
    std::printf("loss where induction would help %.4f, by chance %.4f\n",
                hooked::induction_loss(model, repeated), std::log(static_cast<double>(c.d_vocab)));
  }
  for (const auto& [kind, name] : kKinds) {
    const Tensor<double> scores = hooked::detect_head(cache, tokens, kind);
    std::printf("%s\n", name);
    for (Index l = 0; l < c.n_layers; ++l) {
      std::printf("%5td", l);
      for (Index h = 0; h < c.n_heads; ++h) std::printf(" %5.3f", scores(l, h));
      std::printf("\n");
    }
  }
}

}  // namespace inspect
