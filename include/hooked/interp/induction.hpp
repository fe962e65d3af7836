// Induction on random tokens that come twice: which heads do it, and how well the model does.
// (Olsson et al., "In-context learning and induction heads", 2022.)
#pragma once

#include <optional>
#include <string>

#include "hooked/core/random.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/hooks/cache.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Sequences of random tokens that come twice.
struct RepeatedTokensOptions {
  Index batch = 10;               ///< how many sequences
  Index period = -1;              // random tokens in each; -1: as many as n_ctx has room for
  std::optional<Token> bos = {};  ///< a token that stands before them, and nowhere else
  Seed seed = {};
};

namespace detail {

/// The length of what comes twice. Throws ConfigError for lengths at which nothing can be seen.
inline Index period_of(const TransformerConfig& c, const RepeatedTokensOptions& o) {
  const Index room = (c.n_ctx - (o.bos ? 1 : 0)) / 2;
  const Index period = o.period == -1 ? room : o.period;
  if (period < 2 || period > room) {
    fail<ConfigError>("repeated_tokens: period is ", period, ", it must be from 2 to ", room,
                      ", what n_ctx ", c.n_ctx, " has room for twice");
  }
  return period;
}

}  // namespace detail

/// Random tokens of the model's vocabulary, and the same again: [batch, 2 period], or with `bos`
/// [batch, 1 + 2 period]. They are drawn evenly, from the stream "repeated_tokens" of the seed, and
/// `bos` is not among them. Throws ConfigError for a period that n_ctx has no room for twice, a
/// batch of none, a `bos` outside the vocabulary or a vocabulary with nothing beside it.
template <Scalar T>
Tensor<Token> repeated_tokens(const Transformer<T>& model,
                              const RepeatedTokensOptions& options = {}) {
  const TransformerConfig& c = model.config();
  const Index period = detail::period_of(c, options), first = options.bos ? 1 : 0;
  if (options.batch < 1) fail<ConfigError>("repeated_tokens: batch is ", options.batch);
  if (options.bos && (*options.bos < 0 || *options.bos >= c.d_vocab || c.d_vocab == 1)) {
    fail<ConfigError>("repeated_tokens: bos is ", *options.bos, ", the vocabulary is 0..",
                      c.d_vocab - 1, ", and other tokens are wanted");
  }
  Random random(options.seed, "repeated_tokens");
  Tensor<Token> tokens({options.batch, first + 2 * period}, options.bos.value_or(0));
  for (Index b = 0; b < options.batch; ++b) {
    for (Index p = first; p < first + period; ++p) {
      auto token = static_cast<Token>(random.below(c.d_vocab - first));
      if (options.bos && token >= *options.bos) ++token;
      tokens(b, p) = tokens(b, p + period) = token;
    }
  }
  return tokens;
}

/// How much each head attends from a token's second appearance to what followed the first,
/// [layer, head]: the mean of pattern[query, query - (period - 1)] over the second half of
/// repeated_tokens (contract, 12). 1: a perfect induction head. Throws as repeated_tokens.
template <Scalar T>
Tensor<double> induction_scores(const Transformer<T>& model,
                                const RepeatedTokensOptions& options = {}) {
  const TransformerConfig& c = model.config();
  const Tensor<Token> tokens = repeated_tokens(model, options);
  const Index period = detail::period_of(c, options), length = tokens.size(1);
  const auto cache =
      model.run_with_cache(tokens, {.names = {"blocks.*.attn.hook_pattern"}, .logits = false})
          .cache;
  Tensor<double> scores({c.n_layers, c.n_heads});
  const auto count = static_cast<double>(tokens.size(0) * period);
  for (Index l = 0; l < c.n_layers; ++l) {
    const Tensor<T>& pattern = cache.at("pattern", static_cast<int>(l));
    for (Index h = 0; h < c.n_heads; ++h) {
      for (Index b = 0; b < tokens.size(0); ++b) {
        for (Index q = length - period; q < length; ++q) {
          scores(l, h) += static_cast<double>(pattern(b, h, q, q - (period - 1))) / count;
        }
      }
    }
  }
  return scores;
}

/// Mean loss in nats of the predictions made in the second half of repeated_tokens, whose right
/// answers all stand in the first half: low in a model that can do induction (contract, 12).
/// Throws ConfigError as repeated_tokens, and where the output vocabulary is not that of the input.
template <Scalar T>
double induction_loss(const Transformer<T>& model, const RepeatedTokensOptions& options = {}) {
  const TransformerConfig& c = model.config();
  if (c.d_vocab_out != c.d_vocab) {
    fail<ConfigError>("induction_loss: the model predicts ", c.d_vocab_out, " tokens, but reads ",
                      c.d_vocab);
  }
  const Tensor<T> losses = model.loss_per_token(repeated_tokens(model, options));
  const Index last = losses.size(1), predictions = detail::period_of(c, options) - 1;
  return mean(cast<double>(losses.slice(1, last - predictions, last))).item();
}

}  // namespace hooked
