// A sparse autoencoder as a model: its sites, files and mistakes, spliced in, and its features
// ablated.
#include "hooked/nn/sparse_autoencoder.hpp"

#include "catch.hpp"
#include "core/check.hpp"
#include "hooked/autograd/select.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/io/model.hpp"
#include "hooked/nn/ablate_features.hpp"
#include "hooked/nn/generate.hpp"
#include "hooked/nn/splice.hpp"
#include "hooked/testing/bits.hpp"
#include "io/scratch.hpp"
#include "nn/golden_model.hpp"

using namespace hooked;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr SaeArchitecture kAll[] = {SaeArchitecture::standard, SaeArchitecture::topk,
                                    SaeArchitecture::batchtopk, SaeArchitecture::gated,
                                    SaeArchitecture::jumprelu};

SparseAutoencoderOptions options_of(SaeArchitecture architecture) {
  SparseAutoencoderOptions options{.d_in = 8, .d_sae = 20, .architecture = architecture};
  const bool counts =
      architecture == SaeArchitecture::topk || architecture == SaeArchitecture::batchtopk;
  if (counts) options.k = 4;
  return options;
}

/// One with numbers in all parameters.
SparseAutoencoder<double> filled(SaeArchitecture architecture) {
  SparseAutoencoder<double> sae(options_of(architecture));
  golden::fill_parameters(sae.parameters());
  if (architecture == SaeArchitecture::batchtopk) sae["threshold"].fill(0.1);
  return sae;
}

const std::string kSite = "blocks.1.hook_resid_pre";

double furthest(View<const double> a, View<const double> b) { return max_norm(a - b).item(); }

}  // namespace

TEST_CASE("A sparse autoencoder has the names of SAELens, and fires its sites in order") {
  const auto standard = filled(SaeArchitecture::standard), gated = filled(SaeArchitecture::gated);
  CHECK(standard.parameters().names() ==
        std::vector<std::string>{"W_enc", "b_enc", "W_dec", "b_dec"});
  CHECK(gated.parameters().names() ==
        std::vector<std::string>{"W_enc", "b_gate", "r_mag", "b_mag", "W_dec", "b_dec"});
  CHECK(filled(SaeArchitecture::batchtopk).parameters().contains("threshold"));
  CHECK(filled(SaeArchitecture::jumprelu).parameters().contains("log_threshold"));
  CHECK(gated.sites().names() == std::vector<std::string>{"hook_sae_input", "hook_sae_gate_pre",
                                                          "hook_sae_acts_pre", "hook_sae_acts_post",
                                                          "hook_sae_recons", "hook_sae_error"});
  const Tensor<double> x({2, 3, 8}, 0.5);
  const auto [recons, cache] = standard.run_with_cache(x);
  CHECK(cache.names() == std::vector<std::string>{"hook_sae_input", "hook_sae_acts_pre",
                                                  "hook_sae_acts_post", "hook_sae_recons"});
  CHECK(cache["hook_sae_acts_post"].shape() == Shape{2, 3, 20});
  CHECK(testing::bit_difference(cache["hook_sae_recons"], recons) == "");
  CHECK(testing::bit_difference(standard.encode(x), cache["hook_sae_acts_post"]) == "");
  // Nobody adds the error in a run of its own.
  CHECK_THAT(::error_of<Error>([&] { (void)standard.run_with_hooks(x, {zero("hook_sae_error")}); }),
             ContainsSubstring("never fired"));
}

TEST_CASE("Options that do not fit a sparse autoencoder are refused") {
  const auto refused = [](const SparseAutoencoderOptions& options) {
    return ::error_of<ConfigError>([&] { SparseAutoencoder<float>{options}; });
  };
  using enum SaeArchitecture;
  CHECK(refused({.d_in = 0, .d_sae = 4}) ==
        "a sparse autoencoder has d_in 0 and d_sae 4: both must be at least 1");
  CHECK(refused({.d_in = 2, .d_sae = 4, .architecture = topk}) ==
        "a topk or batchtopk autoencoder needs k");
  for (const Index k : {Index{0}, Index{-3}, Index{5}}) {
    CHECK(refused({.d_in = 2, .d_sae = 4, .architecture = batchtopk, .k = k}) ==
          text("k is ", k, ", it must be from 1 to d_sae, which is 4"));
  }
  CHECK(refused({.d_in = 2, .d_sae = 4, .k = 2}) == "k is 2, but only topk and batchtopk have a k");
  CHECK(refused({.d_in = 2, .d_sae = 4, .architecture = gated, .bandwidth = 0.1}) ==
        "bandwidth is 0.1, but only jumprelu has one to choose");
  CHECK(refused({.d_in = 2, .d_sae = 4, .architecture = jumprelu, .threshold = 0.0}) ==
        "threshold is 0, it must be above 0");
  CHECK(SparseAutoencoder<double>(
            {.d_in = 2, .d_sae = 4, .architecture = jumprelu})["log_threshold"](3) ==
        std::log(1e-3));
}

TEST_CASE("A file keeps all of a sparse autoencoder, thresholds too") {
  const scratch::Directory directory;
  const Tensor<double> x(
      {3, 8}, {1, -1, 2, 0, 1, 3, -2, 1, 0, 0, 1, 1, 0, 2, 1, -1, 3, 1, 0, 1, -1, -1, 0, 2});
  for (const SaeArchitecture architecture : kAll) {
    CAPTURE(static_cast<int>(architecture));
    const auto sae = filled(architecture);
    save_safetensors(sae, directory / "sae.safetensors");
    SparseAutoencoder<double> read(options_of(architecture), Seed{7});
    load_safetensors(read, directory / "sae.safetensors");
    CHECK(testing::bit_difference(read.parameters().slab(), sae.parameters().slab()) == "");
    CHECK(testing::bit_difference(read(x), sae(x)) == "");
  }
}

TEST_CASE("A spliced autoencoder with its error term changes what its hooks change, and no more") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const Tensor<double> clean = model(tokens);
  for (const SaeArchitecture architecture : kAll) {
    CAPTURE(static_cast<int>(architecture));
    const auto sae = filled(architecture);
    const auto h = model.run_with_cache(tokens, {.names = {kSite}}).cache[kSite];
    const Tensor<double> f = sae.encode(h);
    const auto run = [&](const SpliceOptions<double>& options) {
      return model.run_with_hooks(tokens, {splice(kSite, sae, options)});
    };
    CHECK(furthest(run({}), clean) > 1e-2);
    CHECK(furthest(run({.error_term = true}), clean) < 1e-12);

    Tensor<double> error;
    const Hook<double> watch("hook_sae_error", [&](View<const double> x, const HookPoint&) {
      error = Tensor<double>(x);
    });
    CHECK(furthest(run({.hooks = {watch}, .error_term = true}), clean) < 1e-12);
    CHECK(furthest(error, h - sae(h)) < 1e-13);

    // h' = h - f_S W_dec[S] by hand, by hooks inside, and by ablate_features.
    const std::vector<Index> S{3, 11, -2};
    Tensor<double> without(h);
    for (const Index j : {3, 11, 18}) {
      for_each_element(without.view(), [&](Index i, double& number) {
        number -= f.data()[i / 8 * 20 + j] * sae["W_dec"](j, i % 8);
      });
    }
    const Tensor<double> expected = model.run_with_hooks(tokens, {replace(kSite, without)});
    CHECK(furthest(expected, clean) > 1e-3);
    CHECK(furthest(run({.hooks = {zero("hook_sae_acts_post", {.neurons = S})}, .error_term = true}),
                   expected) < 1e-12);
    CHECK(furthest(model.run_with_hooks(tokens, {ablate_features(kSite, sae, S)}), expected) <
          1e-12);
  }
}

TEST_CASE("Features that are ablated in turn are encoded anew from what is left") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto sae = filled(SaeArchitecture::standard);
  Tensor<double> h = model.run_with_cache(tokens, {.names = {kSite}}).cache[kSite];
  const std::vector<Index> S{3, 11, 18};
  const auto in_turn = model.run_with_hooks(tokens, ablate_features_in_turn(kSite, sae, S));
  const auto at_once = model.run_with_hooks(tokens, {ablate_features(kSite, sae, S)});
  for (const Index j : S) {
    const Tensor<double> f = sae.encode(h);
    for_each_element(h.view(), [&](Index i, double& number) {
      number -= f.data()[i / 8 * 20 + j] * sae["W_dec"](j, i % 8);
    });
  }
  CHECK(furthest(in_turn, model.run_with_hooks(tokens, {replace(kSite, h)})) < 1e-12);
  CHECK(furthest(in_turn, at_once) > 1e-4);
  CHECK(testing::bit_difference(model.run_with_hooks(tokens, {ablate_features(kSite, sae, {})}),
                                model(tokens)) == "");
  CHECK(::error_of<ShapeError>([&] { (void)ablate_features(kSite, sae, {20}); }) ==
        "ablate_features: there is no feature 20, the autoencoder has 20");
  CHECK(::error_of<ShapeError>([&] {
          (void)ablate_features(kSite, sae, {19, -1});
        }) == "ablate_features: feature 19 is there twice");
}

TEST_CASE("Hooks of the spliced model act, gradients flow through its features, text is changed") {
  auto model = golden::model();
  const auto tokens = golden::tokens();
  auto sae = filled(SaeArchitecture::standard);
  const auto spliced = model.run_with_hooks(tokens, {splice(kSite, sae)});
  sae.add_hook(zero("hook_sae_acts_post"));
  CHECK(furthest(model.run_with_hooks(tokens, {splice(kSite, sae)}), spliced) > 1e-3);
  // The error is that of the model without its hooks.
  CHECK(furthest(model.run_with_hooks(tokens, {splice(kSite, sae, {.error_term = true})}),
                 model(tokens)) > 1e-3);
  sae.reset_hooks();

  // With the error term the gradient that passes is that of x' alone.
  const auto gradient = [&](std::vector<Hook<double>> hooks) {
    return model
        .run_with_cache(tokens, {.names = {"blocks.0.hook_resid_pre"},
                                 .hooks = std::move(hooks),
                                 .gradient_of =
                                     [](Variable<double> l) {
                                       return element(l, {0, -1, 3});
                                     }})
        .cache["blocks.0.hook_resid_pre_grad"];
  };
  CHECK(max_norm(gradient({splice(kSite, sae, {.error_term = true})})).item() > 1e-6);
  CHECK(furthest(gradient({splice(kSite, sae, {.error_term = true})}), gradient({})) > 1e-3);

  const GenerateOptions greedy{.max_new_tokens = 4, .do_sample = false};
  const auto prompt = Tensor<Token>({1, 4}, {1, 2, 3, 4});
  const Tensor<Token> before = generate(model, prompt, greedy);
  std::vector<Index> all(20);
  for (Index j = 0; j < 20; ++j) all[static_cast<std::size_t>(j)] = j;
  const auto scope = model.hooks({ablate_features(kSite, sae, all)});
  Tensor<Token> after = generate(model, prompt, greedy);
  const Tensor<Token> uncached = generate(
      model, prompt, {.max_new_tokens = 4, .do_sample = false, .use_past_kv_cache = false});
  CHECK(testing::bit_difference(cast<double>(after), cast<double>(uncached)) == "");
  CHECK(max_norm(cast<double>(after) - cast<double>(before)).item() > 0);
}

TEST_CASE("Rows of another width are refused, with the place") {
  const auto model = golden::model();
  const SparseAutoencoder<double> sae({.d_in = 6, .d_sae = 10});
  CHECK(::error_of<ShapeError>([&] {
          (void)sae(Tensor<double>({2, 5}));
        }) == "a sparse autoencoder of d_in 6 is given [2, 5]: it takes rows [..., 6]");
  const auto wrong = [&](const Hook<double>& hook) {
    return ::error_of<ShapeError>([&] { (void)model.run_with_hooks(golden::tokens(), {hook}); });
  };
  const std::string expected =
      "a sparse autoencoder of d_in 6 is given [2, 8, 8]: it takes rows [..., 6]; at " + kSite;
  CHECK(wrong(splice(kSite, sae)) == expected);
  CHECK(wrong(ablate_features(kSite, sae, {1})) == expected);
  CHECK_THAT(
      ::error_of<NameError>([&] { (void)splice(kSite, sae, {.hooks = {zero("hook_features")}}); }),
      ContainsSubstring("no hook point is named \"hook_features\""));
}
