// What TransformerLens' ActivationCache gives for the same models (tests/golden/analyses.json).
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "hooked/interp/accumulated_resid.hpp"
#include "hooked/interp/full_resid_decomposition.hpp"
#include "hooked/interp/logit_attrs.hpp"
#include "hooked/io/config_json.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

/// f(start), f(start + 1), ... in this shape.
template <class F>
Tensor<double> numbers(const Shape& shape, F f) {
  Tensor<double> x(shape);
  for (Index i = 0; i < x.numel(); ++i) x.data()[i] = f(static_cast<double>(i + 1));
  return x;
}

/// Every analysis of make_analyses.py by its name there.
std::map<std::string, std::function<ResidualStack<double>()>> analyses(
    const Transformer<double>& model, const ActivationCache<double>& cache,
    const Tensor<Token>& tokens) {
  const auto one = numbers({6}, [](double x) { return std::cos(x); });
  const auto two = numbers({6, 2}, [](double x) { return std::sin(x); });
  const auto accumulated = [&](AccumulatedResidOptions options) {
    return [&, options] { return accumulated_resid(model, cache, options); };
  };
  const auto decomposed = [&](DecomposeResidOptions options) {
    return [&, options] { return decompose_resid(model, cache, options); };
  };
  const auto heads = [&](StackHeadResultsOptions options) {
    return [&, options] { return stack_head_results(model, cache, options); };
  };
  const auto neurons = [&](StackNeuronResultsOptions<double> options) {
    return [&, options] { return stack_neuron_results(model, cache, options); };
  };
  const auto full = [&](FullResidDecompositionOptions<double> options) {
    return [&, options] { return full_resid_decomposition(model, cache, options); };
  };
  const auto logits = [&](LogitAttrsOptions options, Indices batch = {}) {
    return [&, options, batch] {
      auto stack = full_resid_decomposition(model, cache, {.batch = batch});
      stack.values = logit_attrs(model, cache, stack, options);
      return stack;
    };
  };
  return {
      {"accumulated", accumulated({})},
      {"accumulated, norm", accumulated({.apply_ln = true})},
      {"accumulated to 1, norm", accumulated({.layer = 1, .apply_ln = true})},
      {"accumulated, mids, last", accumulated({.incl_mid = true, .positions = {4}})},
      {"accumulated to MLP 1, norm",
       accumulated({.layer = 1, .mlp_input = true, .apply_ln = true})},
      {"decomposed", decomposed({})},
      {"decomposed to 1, norm", decomposed({.layer = 1, .apply_ln = true})},
      {"decomposed to MLP 1, norm", decomposed({.layer = 1, .mlp_input = true, .apply_ln = true})},
      {"attention alone", decomposed({.mode = ResidMode::attn, .incl_embeds = false})},
      {"MLPs alone, norm", decomposed({.mode = ResidMode::mlp, .apply_ln = true})},
      {"heads, norm", heads({.apply_ln = true})},
      {"heads to 1, remainder, last",
       heads({.layer = 1, .incl_remainder = true, .positions = {4}})},
      {"neurons of 1",
       [&] {
         return ResidualStack<double>{
             .labels = {}, .values = neuron_results(model, cache, 1, {.neurons = {3, 1}})};
       }},
      {"neurons, remainder, norm", neurons({.incl_remainder = true, .apply_ln = true})},
      {"neurons, norm, projected", neurons({.apply_ln = true, .project_output_onto = one})},
      {"full", full({})},
      {"full to 1, norm, last", full({.layer = 1, .apply_ln = true, .positions = {4}})},
      {"full, layers, projected", full({.expand_neurons = false, .project_output_onto = two})},
      {"full to MLP 1", full({.layer = 1, .mlp_input = true})},
      {"logits", logits({.tokens = 3, .incorrect_tokens = 5})},
      {"logits of places", logits({.tokens = tokens})},
      {"logits, one of a batch", logits({.tokens = 2}, {1})},
      {"recomputed", [&] {
         return apply_ln_to_stack(model, cache, full_resid_decomposition(model, cache),
                                  {.recompute_ln = true});
       }}};
}

TEST_CASE("TransformerLens takes streams apart in the same way") {
  std::ifstream file(std::string(HOOKED_TESTS_DIR) + "/golden/analyses.json");
  const auto golden = nlohmann::json::parse(file);
  const auto rows = golden["tokens"].get<std::vector<std::vector<Token>>>();
  Tensor<Token> tokens({2, 5});
  for (Index b = 0; b < 2; ++b) {
    for (Index p = 0; p < 5; ++p) tokens(b, p) = rows[std::size_t(b)][std::size_t(p)];
  }
  for (const auto& [name, of_model] : golden["models"].items()) {
    const auto model = golden::model(config_from_json(of_model["config"], name));
    const auto cache = model.run_with_cache(tokens).cache;
    const auto ours = analyses(model, cache, tokens);
    for (const auto& [analysis, expected] : of_model["analyses"].items()) {
      CAPTURE(name, analysis);
      const auto stack = ours.at(analysis)();
      CHECK(stack.labels == expected["labels"].get<Labels>());
      Index expected_numbers = 1;
      for (const Index size : expected["shape"].get<std::vector<Index>>()) expected_numbers *= size;
      CHECK(stack.values.numel() == expected_numbers);
      double squares = 0.0, probe = 0.0;
      for_each_element(stack.values.view(), [&](Index i, const double& x) {
        squares += x * x;
        probe += x / static_cast<double>(i + 1);
      });
      CHECK(std::sqrt(squares) == Approx(expected["summary"][0].get<double>()).epsilon(1e-12));
      CHECK(probe == Approx(expected["summary"][1].get<double>()).epsilon(1e-12).margin(1e-12));
    }
  }
}

}  // namespace
}  // namespace hooked
