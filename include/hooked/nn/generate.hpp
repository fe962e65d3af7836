// generate: token after token from the model's own predictions (contract, 7).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/key_value_cache.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// How tokens are chosen, and when to stop.
struct GenerateOptions {
  Index max_new_tokens = 10;            ///< beyond the prompt
  bool do_sample = true;                // false, or temperature 0: the likeliest token
  double temperature = 1.0;             ///< what logits are divided by
  double repetition_penalty = 1.0;      // divides logits of tokens that were there, if positive
  double freq_penalty = 0.0;            // times how often a token stands in prompt and output
  std::optional<Index> top_k = {};      // only the k largest logits (ties with the last are kept)
  std::optional<double> top_p = {};     // without top_k: the likeliest until they sum to over p
  std::optional<Token> eos_token = {};  // a finished row goes on with it; all finished: stop
  Seed seed = {};
  bool use_past_kv_cache = true;             ///< read every token once, not at every step
  Tensor<std::uint8_t> attention_mask = {};  // [batch, pos] of the prompt, 0 for padding
};

namespace detail {

/// The next token from one row of logits. Order of the rules: repetition penalty, temperature,
/// frequency penalty, top_k or else top_p, draw.
template <Scalar T>
Token next_token(View<const T> logits, View<const Token> so_far, const GenerateOptions& options,
                 Random& random) {
  const auto n = static_cast<std::size_t>(logits.numel());
  std::vector<double> score(logits.data(), logits.data() + n);
  const double penalty = options.repetition_penalty;
  if (penalty != 1.0) {  // once for each token, however often it was there (Keskar et al., 2019)
    std::vector<bool> was_there(n, false);
    for_each_element(so_far, [&](Index, const Token& token) {
      const auto t = static_cast<std::size_t>(token);
      if (t >= n || was_there[t]) return;
      was_there[t] = true;
      score[t] = score[t] > 0 ? score[t] / penalty : score[t] * penalty;
    });
  }
  if (!options.do_sample || options.temperature == 0.0) {
    return static_cast<Token>(std::max_element(score.begin(), score.end()) - score.begin());
  }
  for (double& s : score) s /= options.temperature;
  for_each_element(so_far, [&](Index, const Token& token) {
    const auto t = static_cast<std::size_t>(token);
    if (t < n) score[t] -= options.freq_penalty;
  });
  std::vector<double> sorted = score;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  double least = -std::numeric_limits<double>::infinity();
  if (options.top_k) {
    const auto k = std::clamp<std::size_t>(static_cast<std::size_t>(*options.top_k), 1, n);
    least = sorted[k - 1];
  } else if (options.top_p) {
    double total = 0.0, sum = 0.0;
    for (const double s : sorted) total += std::exp(s - sorted[0]);
    for (std::size_t i = 0; i < n && sum <= *options.top_p * total; ++i) {
      sum += std::exp(sorted[i] - sorted[0]);
      least = sorted[i];
    }
  }
  double total = 0.0;
  for (double& s : score) total += s = s < least ? 0.0 : std::exp(s - sorted[0]);
  double left = random.uniform() * total;
  for (std::size_t i = 0; i < n; ++i) {
    if (score[i] > 0.0 && (left -= score[i]) < 0.0) return static_cast<Token>(i);
  }
  return static_cast<Token>(std::max_element(score.begin(), score.end()) - score.begin());
}

/// Logits [batch, 1, d_vocab_out] after tokens [batch, pos], of which `past` may know the first.
template <Scalar T>
Tensor<T> last_logits(const Transformer<T>& model, View<const Token> so_far, KeyValueCache<T>& past,
                      const GenerateOptions& options) {
  const Index length = so_far.size(1), known = past.length();
  // Where tokens see those after them, all must be read anew.
  const bool reads_on =
      options.use_past_kv_cache && model.config().attention_dir == AttentionDirection::causal;
  RunOptions run;
  if (options.attention_mask.numel() > 0) {  // what was generated is visible
    run.attention_mask = Tensor<std::uint8_t>(so_far.shape(), std::uint8_t{1});
    const View<const std::uint8_t> mask = options.attention_mask.view();
    copy(mask, run.attention_mask.slice(1, 0, mask.size(1)));
  }
  run.positions = {static_cast<Token>(length - 1 - known)};
  if (!reads_on) return model(so_far, run);  // and nothing is ever known
  return model.run_with_past(so_far.slice(1, known, length), past, {}, run);
}

/// Throws ShapeError unless the mask fits a prompt [batch, pos] whose last tokens are visible.
inline void check_prompt_mask(const Tensor<std::uint8_t>& mask, const Shape& prompt) {
  if (mask.numel() == 0) return;
  if (mask.shape() != prompt) {
    fail<ShapeError>("generate: attention_mask is ", mask.shape(), ", the prompt is ", prompt);
  }
  for (Index b = 0; b < prompt[0]; ++b) {
    if (mask(b, -1) != 0) continue;
    fail<ShapeError>("generate: prompt ", b,
                     " ends in padding: pad on the left, so that the new "
                     "tokens follow the last one");
  }
}

/// Throws for options that are impossible, for a prompt that is, and for a text that outgrows
/// n_ctx.
inline void check_generate(const GenerateOptions& options, const Shape& prompt, Index n_ctx) {
  if (prompt.rank() != 2 || prompt[1] < 1) {
    fail<ShapeError>("generate: the prompt is ", prompt, ", it must be [batch, pos]");
  }
  if (options.temperature < 0) {
    fail<ConfigError>("generate: temperature is ", options.temperature, ", it cannot be negative");
  }
  if (options.top_k && *options.top_k < 1) {
    fail<ConfigError>("generate: top_k is ", *options.top_k, ", it must be at least 1");
  }
  if (options.top_p && !(*options.top_p > 0 && *options.top_p <= 1)) {
    fail<ConfigError>("generate: top_p is ", *options.top_p, ", it must be in (0, 1]");
  }
  if (!(options.repetition_penalty > 0)) {
    fail<ConfigError>("generate: repetition_penalty is ", options.repetition_penalty,
                      ", it must be positive");
  }
  if (options.max_new_tokens < 0 || prompt[1] + options.max_new_tokens - 1 > n_ctx) {
    fail<ShapeError>("generate: a prompt of ", prompt[1], " tokens and ", options.max_new_tokens,
                     " new ones do not fit n_ctx ", n_ctx);
  }
}

/// The prompt [batch, pos] and what follows it, token after token. `last_logits(so_far)` gives
/// logits [batch, 1, d_vocab_out].
template <class LastLogits>
Tensor<Token> go_on(View<const Token> prompt, const GenerateOptions& options,
                    const LastLogits& last_logits) {
  const Index batch = prompt.size(0);
  Tensor<Token> all({batch, prompt.size(1) + options.max_new_tokens});
  copy(prompt, all.slice(1, 0, prompt.size(1)));
  std::vector<bool> finished(static_cast<std::size_t>(batch), false);
  Random random(options.seed, "generate");
  for (Index length = prompt.size(1); length < all.size(1); ++length) {
    const View<const Token> so_far = std::as_const(all).slice(1, 0, length);
    const auto logits = last_logits(so_far);
    for (Index b = 0; b < batch; ++b) {
      const auto row = static_cast<std::size_t>(b);
      all(b, length) = finished[row] ? *options.eos_token
                                     : next_token(logits.select(0, b).select(0, 0),
                                                  so_far.select(0, b), options, random);
      if (options.eos_token && all(b, length) == *options.eos_token) finished[row] = true;
    }
    if (std::all_of(finished.begin(), finished.end(), [](bool f) { return f; })) {
      return Tensor<Token>(std::as_const(all).slice(1, 0, length + 1));
    }
  }
  return all;
}

}  // namespace detail

/// tokens [batch, pos] (or [pos]) -> [batch, pos + new tokens], the prompt included. Only the
/// logits of the last position are computed, and with use_past_kv_cache every token is read once.
/// Hooks of the model act in every step; with the cache they see the new token as the only query.
/// Padding stands on the left, so that new tokens follow the last one. Throws ConfigError for
/// impossible options, and ShapeError when the text outgrows n_ctx, for a mask that does not fit,
/// and for padding at the end of a prompt.
template <Scalar T>
Tensor<Token> generate(const Transformer<T>& model, View<const Token> tokens,
                       const GenerateOptions& options = {}) {
  if (tokens.rank() == 1) tokens = tokens.view_as({1, tokens.size(0)});
  const Index n_ctx = model.config().n_ctx;
  detail::check_generate(options, tokens.shape(), n_ctx);
  detail::check_prompt_mask(options.attention_mask, tokens.shape());
  KeyValueCache<T> past(tokens.size(0), std::min(tokens.size(1) + options.max_new_tokens, n_ctx));
  return detail::go_on(tokens, options, [&](View<const Token> so_far) {
    return detail::last_logits(model, so_far, past, options);
  });
}

#ifdef HOOKED_COMPILED
extern template Tensor<Token> generate(const Transformer<float>&, View<const Token>,
                                       const GenerateOptions&);
extern template Tensor<Token> generate(const Transformer<double>&, View<const Token>,
                                       const GenerateOptions&);
#endif

}  // namespace hooked
