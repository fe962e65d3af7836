// EncoderDecoder<T>: a model that reads a source and says a target, and what it says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "hooked/core/random.hpp"
#include "hooked/hooks/hook.hpp"
#include "hooked/hooks/plan.hpp"
#include "hooked/nn/decoder_cache.hpp"
#include "hooked/nn/encoder_decoder_config.hpp"
#include "hooked/nn/encoder_decoder_network.hpp"
#include "hooked/nn/generate.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/pass.hpp"
#include "hooked/nn/run_options.hpp"
#include "hooked/nn/source_and_target.hpp"

namespace hooked {

/// A Model of EncoderDecoderNetwork: `model({source, target, source_mask})` gives logits [batch,
/// target pos, d_vocab_target]. It is trained on SequencePairs (train/sequence_pairs.hpp), and its
/// sites are listed in docs/sites.md.
template <Scalar T>
class EncoderDecoder : public Model<EncoderDecoderNetwork<T>> {
  using Base = Model<EncoderDecoderNetwork<T>>;

 public:
  /// Validates the config, lays out and draws the parameters. Throws ConfigError.
  explicit EncoderDecoder(const EncoderDecoderConfig& config, Seed seed = {})
      : Base(seed, config.init, config.resolved()) {}

  /// With every derived value filled in.
  const EncoderDecoderConfig& config() const { return this->network().config(); }

  /// Reads target tokens [batch, pos] that follow those in `past`, and adds them to it: their
  /// logits, at options.positions of theirs alone if given. The first run reads the source, too;
  /// from then on, sites of the encoder and hook_k and hook_v of cross-attention do not fire. Hooks
  /// see the new tokens as queries. Throws ShapeError for another batch than `past` has and for
  /// more tokens than fit; ConfigError for other options; Error for the cache of another model.
  Tensor<T> run_with_past(View<const Token> tokens, DecoderCache<T>& past,
                          std::vector<Hook<T>> hooks = {}, const RunOptions& options = {}) const;
};

namespace detail {

/// Logits of target tokens [batch, pos] at `positions` of theirs (empty: all).
template <Scalar T>
Tensor<T> decode_on(const EncoderDecoder<T>& model, View<const Token> tokens, DecoderCache<T>& past,
                    HookPlan<T>& plan, const std::vector<Token>& positions) {
  Tensor<T> logits;
  model.workspace().run(model.parameters(), 1, 1, [&](Pass<T>& pass, Index) {
    pass.begin({.positions = positions}, &plan);
    const auto within = pass.within(model.parameters());
    logits = Tensor<T>(model.network().after(past, pass, tokens).value());
  });
  return logits;
}

}  // namespace detail

template <Scalar T>
Tensor<T> EncoderDecoder<T>::run_with_past(View<const Token> tokens, DecoderCache<T>& past,
                                           std::vector<Hook<T>> hooks,
                                           const RunOptions& options) const {
  if (options.stop_at_layer || options.attention_mask.numel() > 0) {
    fail<ConfigError>(
        "run_with_past: stop_at_layer and attention_mask would change nothing; the cache has the "
        "mask of its source");
  }
  if (past.target().n_ctx() > config().n_ctx_target) {
    fail<ShapeError>("run_with_past: the cache has room for ", past.target().n_ctx(),
                     " tokens, the model's n_ctx_target is ", config().n_ctx_target);
  }
  HookPlan<T> plan = this->plan(std::move(hooks));
  Tensor<T> logits = detail::decode_on(*this, tokens, past, plan, options.positions);
  plan.check_all_fired();
  past.keep(tokens.size(1));
  return logits;
}

/// source [batch, source pos], prompt [batch, pos] (what every target begins with) -> [batch, pos +
/// new tokens], the prompt included. options.attention_mask is the source's. With use_past_kv_cache
/// the source and every token are read once: then hooks of the model act on the source in the first
/// step, and in every step they see the new token as the only query. Throws ConfigError for
/// impossible options, and ShapeError when the target outgrows n_ctx_target, for a source that does
/// not fit the prompt or the model, and for a mask that does not fit the source.
template <Scalar T>
Tensor<Token> generate(const EncoderDecoder<T>& model, View<const Token> source,
                       View<const Token> prompt, const GenerateOptions& options = {}) {
  const Index n_ctx = model.config().n_ctx_target;
  detail::check_generate(options, prompt.shape(), n_ctx);
  const View<const std::uint8_t> mask = options.attention_mask;
  SourceAndTarget{source, prompt, mask}.check();
  const Index most = std::min(prompt.size(1) + options.max_new_tokens, n_ctx);
  DecoderCache<T> past(source, most, mask);
  HookPlan<T> plan = model.plan();
  return detail::go_on(prompt, options, [&](View<const Token> so_far) -> Tensor<T> {
    const Index known = past.target().length(), length = so_far.size(1);
    const std::vector<Token> last{static_cast<Token>(length - 1 - known)};
    if (!options.use_past_kv_cache) {
      return model({source, so_far, mask}, {.positions = last});
    }
    const bool is_first = !past.knows_source();
    Tensor<T> logits = detail::decode_on(model, so_far.slice(1, known, length), past, plan, last);
    if (is_first) plan.check_all_fired();
    past.keep(length - known);
    return logits;
  });
}

}  // namespace hooked
