// What a model computes: activations, gradients, losses, text.
#pragma once

#include <string>
#include <vector>

#include "hooked/nn/generate.hpp"
#include "hooked/nn/transformer.hpp"
#include "results.hpp"

namespace hooked::parity {

template <Scalar T>
Metric<T> next_token_loss(const Inputs& inputs) {
  const std::uint8_t* const mask = inputs.mask.numel() == 0 ? nullptr : inputs.mask.data();
  return [labels = next_token_labels(inputs.tokens, mask)](Variable<T> logits) {
    return cross_entropy(logits, labels.view());
  };
}

/// Every site that fires, the optional ones that the config switches on among them.
inline std::vector<SiteSelector> all_sites(const Inputs& inputs) {
  std::vector<SiteSelector> names{"*"};
  for (const std::string site : inputs.facts.at("optional_sites")) names.emplace_back(site);
  return names;
}

/// Earlier calls of a site that fires several times, "NAME:0", which HookedTransformer does not
/// keep.
inline bool is_call(const std::string& name) { return name.find(':') != std::string::npos; }

template <Scalar T>
void sites(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  const auto [logits, cache] = model.run_with_cache(
      inputs.tokens, {.names = all_sites(inputs), .run = {.attention_mask = inputs.mask}});
  for (const auto& [name, value] : cache)
    results.add(is_call(name) ? "site call" : "site", name, value);
  results.add("logits", "cached", logits);
}

template <Scalar T>
void gradients_at_sites(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  const auto cache = model
                         .run_with_cache(inputs.tokens, {.names = all_sites(inputs),
                                                         .gradient_of = next_token_loss<T>(inputs),
                                                         .run = {.attention_mask = inputs.mask}})
                         .cache;
  constexpr std::string_view kEnd = "_grad";
  for (const auto& [name, value] : cache) {
    if (!name.ends_with(kEnd)) continue;
    results.add(is_call(name) ? "site call gradient" : "site gradient",
                name.substr(0, name.size() - kEnd.size()), value);
  }
}

/// Of a plain run, which computes as little as it can.
template <Scalar T>
void losses(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  const RunOptions options{.attention_mask = inputs.mask};
  results.add("logits", "plain", model(inputs.tokens, options));
  results.add("loss", "mean", model.loss(inputs.tokens, options));
  results.add("loss", "per token", model.loss_per_token(inputs.tokens, options));
}

template <Scalar T>
void parameter_gradients(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  Pass<T> pass(model.parameters());
  pass.begin({.gradients = true});
  const auto logits = model.forward(pass, inputs.tokens, {.attention_mask = inputs.mask});
  pass.backward(next_token_loss<T>(inputs)(logits));
  for (const std::string& name : model.parameters().names()) {
    results.add("parameter gradient", name, pass.gradient(name));
  }
}

/// The likeliest token, again and again, after a prompt that may be padded on the left.
template <Scalar T>
void greedy(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  if (!inputs.file.contains("prompt")) return;
  const auto prompt = inputs.file.read<Token>("prompt");
  GenerateOptions options{.max_new_tokens = inputs.facts.at("new_tokens"), .do_sample = false};
  const auto both_ways = [&](const std::string& name) {
    options.use_past_kv_cache = true;
    results.add("greedy", name, generate(model, prompt.view(), options));
    options.use_past_kv_cache = false;
    results.add("greedy", name + ", no cache", generate(model, prompt.view(), options));
  };
  both_ways("prompt");
  options.attention_mask = inputs.file.read<std::uint8_t>("prompt_mask");
  both_ways("padded prompt");
}

/// The tokens in two parts, the second after the keys and values of the first.
template <Scalar T>
void parts(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  if (model.config().attention_dir != AttentionDirection::causal) return;
  const View<const Token> tokens = inputs.tokens.view();
  const Index length = tokens.size(1), middle = inputs.facts.at("middle_position");
  KeyValueCache<T> past(tokens.size(0), model.config().n_ctx);
  Tensor<std::uint8_t> seen;
  if (inputs.mask.numel() > 0) {
    seen = Tensor<std::uint8_t>(inputs.mask.view().slice(1, 0, middle));
  }
  results.add("logits", "first part",
              model.run_with_past(tokens.slice(1, 0, middle), past, {}, {.attention_mask = seen}));
  results.add("logits", "second part",
              model.run_with_past(tokens.slice(1, middle, length), past, {},
                                  {.attention_mask = inputs.mask}));
}

/// To the middle of the model, and on from there.
template <Scalar T>
void stretches(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  const Index middle = inputs.facts.at("middle_layer");
  const auto stream =
      model(inputs.tokens, {.stop_at_layer = middle, .attention_mask = inputs.mask});
  results.add("layer range", "stop", stream);
  results.add("layer range", "start",
              model.run_from_layer(middle, stream, {}, {.attention_mask = inputs.mask}));
}

}  // namespace hooked::parity
