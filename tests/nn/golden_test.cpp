// Published numbers of HookedTransformer in float64, for one small model that any language can
// rebuild from a rule, and files of numbers that TransformerLens computed (tests/golden).
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "golden_model.hpp"
#include "hooked/hooks/edits.hpp"
#include "hooked/io/config_json.hpp"
#include "hooked/nn/generate.hpp"
#include "nn/golden_numbers.hpp"

namespace hooked {
namespace {

using golden::next_token_loss;

/// Fits a number printed with ten significant digits: half a unit of the tenth.
Approx printed(double x) { return Approx(x).epsilon(5.001e-10).margin(1e-15); }
/// Fits a number printed with six decimals.
Approx rounded(double x) { return Approx(x).epsilon(0).margin(5.001e-7); }

void check(View<const double> x, const std::vector<double>& expected) {
  REQUIRE(x.numel() == static_cast<Index>(expected.size()));
  for_each_element(x, [&](Index i, const double& value) {
    CAPTURE(i);
    CHECK(value == printed(expected[static_cast<std::size_t>(i)]));
  });
}

double norm(View<const double> x) {
  double sum = 0.0;
  for_each_element(x, [&](Index, const double& value) { sum += value * value; });
  return std::sqrt(sum);
}

double first(View<const double> x) { return *x.data(); }

/// logit[3] - logit[5] at the last position of the first sequence.
double logit_difference(const Tensor<double>& logits) {
  return logits(0, -1, 3) - logits(0, -1, 5);
}

TEST_CASE("The golden model's parameters follow the rule") {
  const auto model = golden::model();
  std::vector<std::string> names = model.parameters().names();
  std::sort(names.begin(), names.end());
  CHECK(names.size() == 38);
  CHECK(model.n_params_total() == 1346);
  CHECK(model.config().n_params() == 896);
  CHECK(names[32] == "embed.W_E");
  check(model["embed.W_E"].select(0, 0).slice(0, 0, 3),
        {-0.5211398959, -0.7471854143, -0.4793509942});
  check(model["ln_final.w"].slice(0, 0, 2), {1.160853149, 1.143454519});
  check(model["unembed.b_U"].slice(0, 0, 2), {0.1705603153, 0.02368758051});
}

TEST_CASE("The golden model gives the published loss and logits") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  CHECK(model.loss(tokens) == printed(2.899086987));
  check(model.loss_per_token(tokens).select(0, 0),
        {1.836632552, 2.13413417, 6.244295496, 1.465792381, 2.189647179, 1.453913927, 4.741735471});
  check(model(tokens).select(0, 0).select(0, -1),
        {0.2400703233, 2.160979365, 0.2609079473, 1.130041716, -1.230290743, 0.3383166928,
         -0.8507163473, -1.069768587, 1.266386731, 0.5181376172});
}

TEST_CASE("The golden model gives the published activations") {
  const auto model = golden::model();
  const auto cache = model.run_with_cache(golden::tokens()).cache;
  check(cache["blocks.1.hook_resid_post"].select(0, 0).select(0, -1).slice(0, 0, 4),
        {-0.6278335385, -0.04276238614, -1.608154101, 3.184395355});
  CHECK(cache["blocks.0.ln1.hook_scale"](0, 0, 0) == printed(0.6186758314));
  check(cache["blocks.0.ln1.hook_normalized"].select(0, 0).select(0, 0).slice(0, 0, 2),
        {-1.418221332, -0.2678303648});
  CHECK(cache["ln_final.hook_scale"](0, -1, 0) == printed(2.101661514));
  check(cache["blocks.0.attn.hook_q"].select(0, 0).select(0, 3).select(0, 1),
        {0.4323797279, -2.307339779, 0.3994336256, 0.3143287904});
  const auto scores =
      cache["blocks.0.attn.hook_attn_scores"].select(0, 0).select(0, 1).select(0, 3);
  check(scores.slice(0, 0, 4), {-3.077204875, 4.151606894, -1.303049627, -1.601403608});
  CHECK(scores(4) == -std::numeric_limits<double>::infinity());
  check(cache["blocks.1.attn.hook_pattern"].select(0, 0).select(0, 0).select(0, 7),
        {0.1742178195, 0.3242043261, 0.03725266759, 0.03231002606, 0.02286404611, 0.09792639075,
         0.05406724024, 0.2571574836});
  check(cache["blocks.0.mlp.hook_pre"].select(0, 0).select(0, 2).slice(0, 0, 3),
        {1.55533748, 1.429044708, -2.306148014});
  check(cache["blocks.0.mlp.hook_post"].select(0, 0).select(0, 2).slice(0, 0, 3),
        {1.46212166, 1.319728944, -0.02433258653});
}

TEST_CASE("The golden model gives the published gradients of the loss") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  Pass<double> pass(model.parameters());
  pass.begin({.gradients = true});
  pass.backward(next_token_loss<double>(tokens)(model.forward(pass, tokens)));
  const auto check_gradient = [&](const std::string& name, double length, double element) {
    CAPTURE(name);
    CHECK(norm(pass.gradient(name)) == printed(length));
    CHECK(first(pass.gradient(name)) == printed(element));
  };
  check_gradient("embed.W_E", 0.7688340554, 0.05399706368);
  check_gradient("pos_embed.W_pos", 0.666075104, -0.04202892958);
  check_gradient("blocks.0.attn.W_Q", 0.367054362, -0.0003244503951);
  check_gradient("blocks.1.attn.W_V", 0.5144458264, 0.02527135599);
  check_gradient("blocks.1.attn.W_O", 0.5070464332, 0.0001783713839);
  check_gradient("blocks.0.mlp.W_in", 0.5307339539, 0.01829550699);
  check_gradient("blocks.1.mlp.b_out", 0.1053340341, 0.01237701152);
  check_gradient("blocks.0.ln1.w", 0.3744706558, 0.161144315);
  check_gradient("ln_final.b", 0.4098158609, 0.02969563894);
  check_gradient("unembed.W_U", 1.024009058, -0.0683499538);
  // Adding a number to every score of a query changes no pattern.
  CHECK(norm(pass.gradient("blocks.0.attn.b_K")) < 1e-15);
}

TEST_CASE("The golden model gives the published gradients at sites") {
  const auto model = golden::model();
  const auto tokens = golden::tokens();
  const auto cache =
      model
          .run_with_cache(tokens,
                          {.names = {"blocks.0.attn.hook_pattern", "blocks.1.hook_resid_pre"},
                           .gradient_of = next_token_loss<double>(tokens)})
          .cache;
  CHECK(norm(cache["blocks.0.attn.hook_pattern_grad"]) == printed(1.037235265));
  CHECK(norm(cache["blocks.1.hook_resid_pre_grad"]) == printed(0.1666312637));
}

TEST_CASE("The golden model gives the published logit lens") {
  // Every residual stream goes through ln_final and the unembedding by itself.
  const auto model = golden::model();
  const auto cache = model.run_with_cache(golden::tokens(), {.names = {"*hook_resid_*"}}).cache;
  const std::vector<std::pair<std::string, double>> lens{{"blocks.0.hook_resid_pre", -0.361420804},
                                                         {"blocks.0.hook_resid_mid", 1.721928674},
                                                         {"blocks.1.hook_resid_pre", -0.1200619884},
                                                         {"blocks.1.hook_resid_mid", 0.600901362},
                                                         {"blocks.1.hook_resid_post", 1.130041716}};
  for (const auto& [name, logit] : lens) {
    CAPTURE(name);
    CHECK(model.run_from_layer(2, cache[name])(0, -1, 3) == printed(logit));
  }
}

TEST_CASE("Ablating a head of the golden model gives the published loss") {
  auto model = golden::model();
  const auto loss_without = [&](Index layer, Index head) {
    const auto scope =
        model.hooks({zero(act_name("z", static_cast<int>(layer)), {.heads = {head}})});
    return model.loss(golden::tokens());
  };
  CHECK(loss_without(0, 0) == printed(2.568183189));
  CHECK(loss_without(1, 1) == printed(3.030072715));
}

TEST_CASE("Patching the golden model gives the published logit differences") {
  const auto model = golden::model();
  const Tensor<Token> clean({1, 8}, {1, 2, 3, 4, 1, 2, 3, 4});
  const Tensor<Token> corrupted({1, 8}, {1, 2, 3, 4, 5, 2, 3, 4});
  const auto [logits, cache] = model.run_with_cache(clean);
  CHECK(logit_difference(logits) == printed(0.7917250231));
  CHECK(logit_difference(model(corrupted)) == printed(0.6627814858));

  const auto patched = [&, &cache = cache](const std::string& name, Units units) {
    return logit_difference(model.run_with_hooks(corrupted, {patch(name, cache, units)}));
  };
  const std::vector<double> at_0{0.662781, 0.662781, 0.662781, 0.662781,
                                 0.791725, 0.662781, 0.662781, 0.662781};
  const std::vector<double> at_1{0.662781, 0.662781, 0.662781, 0.662781,
                                 0.571460, 0.665543, 0.671726, 0.846315};
  for (Index pos = 0; pos < 8; ++pos) {
    CAPTURE(pos);
    const auto i = static_cast<std::size_t>(pos);
    CHECK(patched("blocks.0.hook_resid_pre", {.positions = {pos}}) == rounded(at_0[i]));
    CHECK(patched("blocks.1.hook_resid_pre", {.positions = {pos}}) == rounded(at_1[i]));
  }
  CHECK(patched("blocks.0.attn.hook_z", {.heads = {0}}) == rounded(0.808413));
  CHECK(patched("blocks.0.attn.hook_z", {.heads = {1}}) == rounded(0.715036));
  CHECK(patched("blocks.1.attn.hook_z", {.heads = {0}}) == rounded(0.691104));
  CHECK(patched("blocks.1.attn.hook_z", {.heads = {1}}) == rounded(0.649233));
}

TEST_CASE("The golden model goes on with the published tokens") {
  const auto model = golden::model();
  const Tensor<Token> prompt({1, 3}, {1, 2, 3});
  const Tensor<Token> text = generate(model, prompt, {.max_new_tokens = 6, .do_sample = false});
  CHECK(std::vector<Token>(text.data(), text.data() + text.numel()) ==
        std::vector<Token>{1, 2, 3, 7, 3, 8, 3, 8, 1});
}

TEST_CASE("Variants of the golden model give the published losses and logits") {
  const auto check_variant = [](const char* what, const TransformerConfig& config, double loss,
                                double logit) {
    CAPTURE(what);
    const auto model = golden::model(config);
    CHECK(model.loss(golden::tokens()) == printed(loss));
    CHECK(model(golden::tokens())(0, -1, 0) == printed(logit));
  };
  TransformerConfig c = golden::config();
  c.attn_only = true;
  check_variant("attn_only", c, 3.9204392, 0.04912715096);
  c = golden::config(), c.normalization = Normalization::none;
  check_variant("normalization none", c, 10.90705431, 1.497791066);
  c = golden::config(), c.final_rms = true;
  check_variant("final_rms", c, 2.858358982, -2.404019541);
  c = golden::config(), c.act_fn = Activation::gelu_new;
  check_variant("gelu_new", c, 2.899112864, 0.2398199809);
  c.act_fn = Activation::gelu_fast;  // the same to ten digits
  check_variant("gelu_fast", c, 2.899112864, 0.2398199809);
  c = golden::config(), c.act_fn = Activation::relu;
  check_variant("relu", c, 2.95992509, 0.2346327297);
  c = golden::config(), c.act_fn = Activation::silu;
  check_variant("silu", c, 2.840949912, 0.323991615);
  c = golden::config(), c.attention_dir = AttentionDirection::bidirectional;
  check_variant("bidirectional", c, 2.991305345, 0.4842661982);
  c = golden::config(), c.use_attn_scale = false;
  check_variant("use_attn_scale false", c, 2.819176193, 0.322712276);
}

// The files of tests/golden.

using Json = nlohmann::ordered_json;

TEST_CASE("TransformerLens computes the same activations, losses and gradients") {
  const std::string name =
      GENERATE("rms", "rms_pre", "ln_pre_final_rms", "parallel", "inverse_layer_scale", "split_qkv",
               "left_padding", "right_padding", "shortformer", "shortformer_split", "rotary",
               "rotary_grouped", "ungrouped", "ungrouped_split", "ungrouped_plain", "alibi",
               "local", "soft_caps", "gated", "solu_ln", "solu_ln_rms");
  CAPTURE(name);
  std::ifstream file(std::string(HOOKED_TESTS_DIR) + "/golden/" + name + ".json");
  const Json golden = Json::parse(file);
  const auto model = golden::model(config_from_json(golden["config"], name));
  const Tensor<Token> tokens = golden::table<Token>(golden["tokens"]);
  RunOptions run;
  const bool masked = golden["attention_mask"].is_array();
  if (masked) run.attention_mask = golden::table<std::uint8_t>(golden["attention_mask"]);
  const Tensor<Token> labels =
      next_token_labels(tokens, masked ? run.attention_mask.data() : nullptr);
  const auto loss = [&](Variable<double> logits) { return cross_entropy(logits, labels.view()); };

  CHECK(model.loss(tokens, run) == Approx(golden["loss"].get<double>()).epsilon(1e-12));
  check(model.loss_per_token(tokens, run), golden::flat<double>(golden["loss_per_token"]));
  check(model(tokens, run), golden::flat<double>(golden["logits"]));

  std::vector<std::string> names;
  for (const auto& [site, numbers] : golden["activations"].items()) names.push_back(site);
  const auto cache =
      model
          .run_with_cache(tokens,
                          {.names = {names.begin(), names.end()}, .gradient_of = loss, .run = run})
          .cache;
  for (const auto& [site, numbers] : golden["gradients"].items()) names.push_back(site + "_grad");
  std::vector<std::string> found = cache.names();
  std::erase_if(found, [](const std::string& site) { return site.find(':') != site.npos; });
  CHECK(found == names);  // the order counts
  for (const auto& [site, numbers] : golden["activations"].items()) {
    CAPTURE(site);
    golden::check_summary(cache[site], numbers, 1e-12);
    golden::check_summary(cache[site + "_grad"], golden["gradients"][site], 1e-12);
  }

  Pass<double> pass(model.parameters());
  pass.begin({.gradients = true});
  pass.backward(loss(model.forward(pass, tokens, run)));
  CHECK(model.parameters().names().size() == golden["parameter_gradients"].size());
  for (const auto& [parameter, numbers] : golden["parameter_gradients"].items()) {
    CAPTURE(parameter);
    golden::check_summary(pass.gradient(parameter), numbers, 1e-12);
  }
}

}  // namespace
}  // namespace hooked
