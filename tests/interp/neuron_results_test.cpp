// What neurons write to the stream.
#include "hooked/interp/neuron_results.hpp"

#include "hooked/core/creation.hpp"
#include "hooked/core/einsum.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

TEST_CASE("Results of neurons sum to what the MLP writes") {
  for (const auto& [name, config] : makes()) {
    if (config.attn_only) continue;
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    for (Index l = 0; l < config.n_layers; ++l) {
      CAPTURE(name, l);
      const auto results = neuron_results(model, cache, l);
      REQUIRE(results.shape() == Shape{2, 8, 12, 8});
      CHECK(results(1, 3, 5, 2) == Approx(cache.at("post", int(l))(1, 3, 5) *
                                          model[text("blocks.", l, ".mlp.W_out")](5, 2))
                                       .epsilon(1e-14));
      CHECK(relative_error(sum(results, 2) + model[text("blocks.", l, ".mlp.b_out")],
                           cache.at("mlp_out", int(l))) < 1e-14);
    }
  }
}

TEST_CASE("Some neurons, examples and positions are those of all") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto all = neuron_results(model, cache, 1);
  const auto some =
      neuron_results(model, cache, -1, {.neurons = {7, -1}, .batch = {1}, .positions = {-2}});
  REQUIRE(some.shape() == Shape{1, 1, 2, 8});
  CHECK(relative_error(some.select(2, 0), all.slice(0, 1, 2).slice(1, 6, 7).select(2, 7)) == 0);
  CHECK(relative_error(some.select(2, 1), all.slice(0, 1, 2).slice(1, 6, 7).select(2, 11)) == 0);

  const auto stack =
      stack_neuron_results(model, cache, {.neurons = {7, -1}, .incl_remainder = true});
  CHECK(stack.labels == Labels{"L0N7", "L0N11", "L1N7", "L1N11", "remainder"});
  CHECK(relative_error(stack["L1N7"], all.select(2, 7)) == 0);
  CHECK(relative_error(total(stack), cache["resid_post1"]) < 1e-14);
}

TEST_CASE("Neurons stand layer by layer, and what else is in the stream comes last") {
  for (const auto& [name, config] : makes()) {
    if (config.attn_only) continue;
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    for (Index layer = 0; layer <= config.n_layers; ++layer) {
      CAPTURE(name, layer);
      const std::string stream = stream_site(config, layer);
      const auto all = stack_neuron_results(model, cache, {.layer = layer, .incl_remainder = true});
      REQUIRE(all.values.shape() == Shape{12 * layer + 1, 2, 8, 8});
      CHECK(all.labels.back() == "remainder");
      if (layer > 0) CHECK(all.labels[size_t(12 * layer - 1)] == text("L", layer - 1, "N11"));
      CHECK(relative_error(total(all), cache[stream]) < 1e-14);
      CHECK(stack_neuron_results(model, cache, {.layer = layer}).values.shape() ==
            Shape{12 * layer, 2, 8, 8});

      const auto read = stack_neuron_results(
          model, cache, {.layer = layer, .incl_remainder = true, .apply_ln = true});
      const std::string normalized = normalized_site(config, layer, false);
      CHECK(relative_error(total(read), cache[normalized.empty() ? stream : normalized]) < 1e-13);
    }
  }
}

TEST_CASE(
    "Projecting neurons as they are made is projecting what was made, with a norm and without") {
  const auto one = randn<double>({8}, Seed{5}), two = randn<double>({8, 2}, Seed{6});
  for (const auto& [name, config] : makes()) {
    if (config.attn_only) continue;
    const auto model = golden::model(config);
    const auto cache = cache_of(model);
    for (const Index layer : {Index{0}, Index{1}, config.n_layers}) {
      for (const bool apply_ln : {false, true}) {
        CAPTURE(name, layer, apply_ln);
        const auto stack = [&](const Tensor<double>& onto) {
          return stack_neuron_results(model, cache,
                                      {.layer = layer,
                                       .neurons = {0, 4, 11},
                                       .incl_remainder = true,
                                       .apply_ln = apply_ln,
                                       .positions = {3, 7},
                                       .project_output_onto = onto});
        };
        const auto whole = stack({});
        const auto along = stack(one), along_both = stack(two);
        CHECK(along.labels == whole.labels);
        CHECK(along.normalized == apply_ln);
        CHECK(relative_error(along.values, einsum("cbpd,d->cbp", whole.values, one)) < 1e-13);
        CHECK(relative_error(along_both.values, einsum("cbpd,do->cbpo", whole.values, two)) <
              1e-13);
      }
    }
    CHECK(relative_error(neuron_results(model, cache, 1, {.project_output_onto = one}),
                         einsum("bpnd,d->bpn", neuron_results(model, cache, 1), one)) < 1e-13);
    CHECK(neuron_results(model, cache, 1, {.project_output_onto = two}).shape() ==
          Shape{2, 8, 12, 2});
  }
}

TEST_CASE("A projected neuron behind a norm is what the contract says") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  const auto p = randn<double>({8}, Seed{5});
  const auto stack =
      stack_neuron_results(model, cache, {.apply_ln = true, .project_output_onto = p});
  const auto W_out = model["blocks.1.mlp.W_out"].select(0, 3);
  double along = 0, mean = 0, sum_of_p = 0;  // (a / s) (W_out p - mean(W_out) sum(p))
  for (Index d = 0; d < 8; ++d) along += W_out(d) * p(d), mean += W_out(d) / 8, sum_of_p += p(d);
  const double a = cache["post1"](1, 6, 3), s = cache["ln_final.hook_scale"](1, 6, 0);
  CHECK(stack["L1N3"](1, 6) == Approx(a / s * (along - mean * sum_of_p)).epsilon(1e-12));
}

TEST_CASE("Reading neurons says what is wrong") {
  const auto model = golden::model();
  const auto cache = cache_of(model);
  CHECK_THROWS_WITH(neuron_results(model, cache, 2),
                    "neuron_results: there is no block 2, the model has 2");
  CHECK_THROWS_WITH(neuron_results(model, cache, 0, {.neurons = {12}}),
                    "neuron_results: neurons: 12 is outside of 12");
  CHECK_THROWS_WITH(stack_neuron_results(model, cache, {.neurons = Indices(std::vector<Index>{})}),
                    "stack_neuron_results: neurons: none are chosen");
  CHECK_THROWS_WITH(
      stack_neuron_results(model, cache, {.project_output_onto = Tensor<double>({7, 2})}),
      "stack_neuron_results: project_output_onto is [7, 2], it must be [8] or [8, output]");
  const auto few = model.run_with_cache(golden::tokens(), {.names = {"post1"}}).cache;
  CHECK_THROWS_WITH(
      stack_neuron_results(model, few),
      "stack_neuron_results: the cache does not hold \"blocks.0.mlp.hook_post\": keep "
      "it by run_with_cache's .names = {\"blocks.*.mlp.hook_post\"}");
  CHECK(neuron_results(model, few, 1).numel() > 0);
  CHECK_THROWS_AS(neuron_results(model, few, 0), NameError);

  TransformerConfig config = golden::config();
  config.attn_only = true;
  const auto attention = golden::model(config);
  CHECK_THROWS_WITH(stack_neuron_results(attention, cache_of(attention)),
                    "stack_neuron_results: there are no MLPs, hence no neurons");
}

}  // namespace
}  // namespace hooked
