// What is made of cached activations. Which calls, with which options, analyses.py says.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hooked/interp/accumulated_resid.hpp"
#include "hooked/interp/decompose_resid.hpp"
#include "hooked/interp/full_resid_decomposition.hpp"
#include "hooked/interp/head_detectors.hpp"
#include "hooked/interp/head_results.hpp"
#include "hooked/interp/logit_attrs.hpp"
#include "hooked/interp/neuron_results.hpp"
#include "hooked/nn/transformer.hpp"
#include "results.hpp"

namespace hooked::parity {

/// One call of an analysis: its options by name.
class Call {
 public:
  explicit Call(const nlohmann::ordered_json& json) : json_(json) {}

  std::string text(const char* key) const { return json_.at(key); }
  bool is(const char* key) const { return json_.value(key, false); }
  bool has(const char* key) const { return json_.contains(key); }
  std::optional<Index> layer() const {
    return has("layer") ? std::optional<Index>(json_.at("layer")) : std::nullopt;
  }
  Indices indices(const char* key) const {
    return has(key) ? Indices(json_.at(key).get<std::vector<Index>>()) : Indices();
  }
  Token token(const char* key) const { return json_.at(key); }
  bool is_number(const char* key) const { return json_.at(key).is_number(); }

 private:
  const nlohmann::ordered_json& json_;
};

/// Onto the first directions of the unembedding, or onto none.
template <Scalar T>
Tensor<T> projection(const Transformer<T>& model, const Call& call) {
  if (!call.has("project_output_onto")) return {};
  const View<const T> W_U = model["unembed.W_U"];
  return Tensor<T>(call.token("project_output_onto") == 1 ? W_U.select(1, 0) : W_U.slice(1, 0, 2));
}

template <Scalar T>
ResidualStack<T> stack_of(const Transformer<T>& model, const ActivationCache<T>& cache,
                          const Call& call) {
  const std::string function = call.text("function");
  const Indices positions = call.indices("positions");
  if (function == "accumulated_resid") {
    return accumulated_resid(model, cache,
                             {.layer = call.layer(),
                              .incl_mid = call.is("incl_mid"),
                              .mlp_input = call.is("mlp_input"),
                              .apply_ln = call.is("apply_ln"),
                              .positions = positions});
  }
  if (function == "decompose_resid") {
    const std::map<std::string, ResidMode> modes{
        {"all", ResidMode::all}, {"mlp", ResidMode::mlp}, {"attn", ResidMode::attn}};
    return decompose_resid(model, cache,
                           {.layer = call.layer(),
                            .mlp_input = call.is("mlp_input"),
                            .mode = modes.at(call.text("mode")),
                            .incl_embeds = call.is("incl_embeds"),
                            .apply_ln = call.is("apply_ln"),
                            .positions = positions});
  }
  if (function == "stack_head_results") {
    return stack_head_results(model, cache,
                              {.layer = call.layer(),
                               .incl_remainder = call.is("incl_remainder"),
                               .apply_ln = call.is("apply_ln"),
                               .positions = positions});
  }
  if (function == "stack_neuron_results") {
    return stack_neuron_results(model, cache,
                                {.layer = call.layer(),
                                 .neurons = call.indices("neurons"),
                                 .incl_remainder = call.is("incl_remainder"),
                                 .apply_ln = call.is("apply_ln"),
                                 .positions = positions,
                                 .project_output_onto = projection(model, call)});
  }
  return full_resid_decomposition(model, cache,
                                  {.layer = call.layer(),
                                   .mlp_input = call.is("mlp_input"),
                                   .expand_neurons = call.is("expand_neurons"),
                                   .apply_ln = call.is("apply_ln"),
                                   .positions = positions,
                                   .project_output_onto = projection(model, call)});
}

/// Of the parts that embeddings and layers write.
template <Scalar T>
Tensor<T> attribution(const Transformer<T>& model, const ActivationCache<T>& cache,
                      const Inputs& inputs, const Call& call) {
  const auto tokens = [&](const char* key) {
    return call.is_number(key) ? TokenIds(call.token(key)) : TokenIds(inputs.tokens);
  };
  std::optional<TokenIds> incorrect;
  if (call.has("incorrect_tokens")) incorrect = tokens("incorrect_tokens");
  return logit_attrs(model, cache, decompose_resid(model, cache),
                     {.tokens = tokens("tokens"), .incorrect_tokens = incorrect});
}

inline HeadKind kind_of(const Call& call) {
  const std::map<std::string, HeadKind> kinds{{"previous_token_head", HeadKind::previous_token},
                                              {"duplicate_token_head", HeadKind::duplicate_token},
                                              {"induction_head", HeadKind::induction}};
  return kinds.at(call.text("kind"));
}

template <Scalar T>
void analyses(const Transformer<T>& model, const Inputs& inputs, Results& results) {
  const auto cache =
      model.run_with_cache(inputs.tokens, {.run = {.attention_mask = inputs.mask}}).cache;
  for (const auto& json : inputs.facts.at("calls")) {
    const Call call(json);
    const std::string function = call.text("function"), name = call.text("name");
    if (function == "logit_attrs") {
      results.add(function, name, attribution(model, cache, inputs, call));
    } else if (function == "detect_head") {
      const bool abs = call.text("error_measure") == "abs";
      results.add(abs ? "detect_head, abs" : "detect_head, mul", name,
                  detect_head(model, inputs.tokens.view(), kind_of(call),
                              {.exclude_bos = call.is("exclude_bos"),
                               .exclude_current_token = call.is("exclude_current_token"),
                               .error_measure = abs ? ErrorMeasure::abs : ErrorMeasure::mul}));
    } else {
      const auto stack = stack_of(model, cache, call);
      for (std::size_t i = 0; i < stack.labels.size(); ++i) {
        results.add(function, name + ": " + stack.labels[i],
                    std::as_const(stack.values).select(0, static_cast<Index>(i)));
      }
    }
  }
}

}  // namespace hooked::parity
