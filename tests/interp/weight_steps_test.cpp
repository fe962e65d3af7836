// Processed weights compute what the weights did, by the published numbers.
#include "hooked/interp/weight_steps.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "hooked/core/creation.hpp"
#include "hooked/core/softmax.hpp"
#include "interp/checks.hpp"
#include "nn/golden_model.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;

void check_begins(View<const double> x, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(x(static_cast<Index>(i)) == ten_digits(expected[i]));
  }
}

/// Model G in variants whose sizes or parts have misled others, LN all of them.
std::vector<TransformerConfig> variants_with_ln() {
  std::vector<TransformerConfig> all(6, golden::config());
  all[1].d_mlp = 8;         // D1: as many neurons as d_model
  all[2].d_vocab_out = 8;   // D2: as many outputs as d_model
  all[3].attn_only = true;  // D8
  all[4].parallel_attn_mlp = true;
  all[5].d_head = 12;  // more than the rank of its circuits
  return all;
}

/// The steps in their order, as far as a model without LN everywhere takes them.
template <Scalar T>
Transformer<T> all_but_centered_writes(const Transformer<T>& model) {
  return refactor_factored_attn_matrices(fold_value_biases(center_unembed(fold_layer_norm(model))));
}

TEST_CASE("Folding the norms gives the published weights") {
  const auto folded = fold_layer_norm(golden::model());
  CHECK(folded.config().normalization == Normalization::LNPre);
  check_begins(folded["blocks.0.attn.W_Q"].select(0, 0).select(0, 0), {0.5146314143, 0.1279340578});
  check_begins(folded["blocks.0.attn.b_Q"].select(0, 0), {-0.159828468, -0.1906223784});
  check_begins(folded["blocks.0.mlp.W_in"].select(0, 0), {-0.4173582287, 0.214162666});
  check_begins(folded["blocks.0.mlp.b_in"], {0.1109791813, 0.3548076083});
  check_begins(folded["unembed.W_U"].select(0, 0), {-0.9166848281, -0.9011990003});
  check_begins(folded["unembed.b_U"], {0.03019365844, -0.05713573619});
}

TEST_CASE("Folding keeps the logits, whatever sizes are alike") {
  const auto tokens = golden::tokens();
  auto variants = variants_with_ln();
  variants.push_back(golden::config());
  variants.back().normalization = Normalization::RMS;
  variants.push_back(golden::config());
  variants.back().final_rms = true;  // D3
  for (std::size_t v = 0; v < variants.size(); ++v) {
    CAPTURE(v);
    const auto model = golden::model(variants[v]);
    const auto folded = fold_layer_norm(model);
    check_same(folded(tokens), model(tokens));
    CHECK_FALSE(folded.parameters().has("*ln*"));
    const bool is_rms = variants[v].normalization == Normalization::RMS;
    CHECK(folded.config().normalization == (is_rms ? Normalization::RMSPre : Normalization::LNPre));
    // What reads a centred vector has mean 0 over what it reads; what reads RMS has not.
    const auto mean_of = [&](const char* name) { return max_norm(mean(folded[name], -2)).item(); };
    CHECK((mean_of("blocks.0.attn.W_K") < 1e-15) == !is_rms);
    CHECK((mean_of("unembed.W_U") < 1e-15) == !(is_rms || variants[v].final_rms));
  }
}

TEST_CASE("A folded model has the sites that its parts have, and no others") {  // D8
  auto config = golden::config();
  config.attn_only = true;
  const auto folded = fold_layer_norm(golden::model(config));
  const auto cache = folded.run_with_cache(golden::tokens()).cache;
  CHECK(cache.contains("blocks.0.ln1.hook_scale"));
  CHECK_FALSE(folded.sites().names().empty());
  for (const std::string& name : folded.sites().names()) {
    CHECK(name.find("ln2") == std::string::npos);
  }
}

TEST_CASE("A model whose norms have no weights is folded already") {
  for (const auto kind : {Normalization::LNPre, Normalization::RMSPre, Normalization::none}) {
    auto config = golden::config();
    config.normalization = kind;
    const auto model = golden::model(config), folded = fold_layer_norm(model);
    CHECK(folded.config() == model.config());
    CHECK(to_vector(folded.parameters().slab()) == to_vector(model.parameters().slab()));
  }
}

TEST_CASE("Frozen parameters stay frozen, and biases that take a norm's are not all 0") {
  auto config = golden::config();
  config.freeze_biases = true;
  Transformer<double> model(config);
  model.parameters().freeze("embed.W_E");
  const auto is_frozen = [](const Transformer<double>& m, const char* name) {
    return m.parameters().is_frozen(m.parameters().layout().find(name));
  };
  const auto folded = fold_layer_norm(model);
  CHECK(is_frozen(folded, "embed.W_E"));
  CHECK_FALSE(is_frozen(folded, "unembed.W_U"));
  CHECK_FALSE(folded.config().freeze_biases);
  config.normalization = Normalization::RMS;
  CHECK(fold_layer_norm(Transformer<double>(config)).config().freeze_biases);
}

TEST_CASE("Without their mean the writing weights give the same logits and a centred stream") {
  const auto tokens = golden::tokens();
  for (const auto& config : variants_with_ln()) {
    const auto model = golden::model(config), centered = center_writing_weights(model);
    check_same(centered(tokens), model(tokens));
    const auto cache = centered.run_with_cache(tokens).cache;
    for (const char* site : {"resid_pre0", "resid_post1"}) {
      CHECK(max_norm(mean(cache[site], -1)).item() < 1e-15);
    }
    CHECK(centered.config() == model.config());
  }
}

TEST_CASE("A centred unembedding gives the same probabilities") {
  const auto tokens = golden::tokens();
  const auto model = golden::model(), centered = center_unembed(model);
  const auto logits = centered(tokens);
  check_same(log_softmax(logits), log_softmax(model(tokens)));
  CHECK(max_norm(mean(logits, -1)).item() < 1e-15);
}

TEST_CASE("Folded value biases change v, z and result, and nothing else") {
  const auto tokens = golden::tokens();
  const auto model = golden::model(), folded = fold_value_biases(model);
  CHECK(max_norm(folded["blocks.1.attn.b_V"]).item() == 0);
  const auto before = model.run_with_cache(tokens).cache,
             after = folded.run_with_cache(tokens).cache;
  for (const std::string& name : before.names()) {
    CAPTURE(name);
    const bool is_meant = name.ends_with("hook_v") || name.ends_with("hook_z");
    // -inf in the scores, which is no number to subtract
    if (name.ends_with("attn_scores")) continue;
    CHECK((max_norm(before[name] - after[name]).item() < 1e-14) != is_meant);
  }
}

TEST_CASE("Refactored attention gives the same logits, in factors that are even or orthonormal") {
  const auto tokens = golden::tokens();
  for (const auto& config : variants_with_ln()) {
    const auto model = golden::model(config), refactored = refactor_factored_attn_matrices(model);
    check_same(refactored(tokens), model(tokens), 1e-11);
    const Index k = std::min<Index>(8, config.d_head);
    const auto rows = refactored["blocks.1.attn.W_O"].slice(1, 0, k);
    const auto gram = einsum("hed,hfd->hef", rows, rows);
    check_same(gram, Tensor<double>(eye<double>(k).broadcast(gram.shape())));
    const auto norm = [&](const char* name) { return sum(refactored[name] * refactored[name], 1); };
    check_same(norm("blocks.0.attn.W_Q") + pow(refactored["blocks.0.attn.b_Q"], 2),
               norm("blocks.0.attn.W_K") + pow(refactored["blocks.0.attn.b_K"], 2), 1e-11);
    CHECK(max_norm(refactored["blocks.0.attn.b_V"]).item() == 0);
  }
}

TEST_CASE("In float the steps are as exact as float is") {
  const auto model = golden::model<float>();
  const auto processed = all_but_centered_writes(center_writing_weights(model));
  const auto difference =
      log_softmax(processed(golden::tokens())) - log_softmax(model(golden::tokens()));
  CHECK(max_norm(difference).item() < 2e-5f);
}

TEST_CASE("A step that would change what the model computes is refused") {
  const auto with = [](auto change) {
    TransformerConfig config = golden::config();
    change(config);
    return golden::model(config);
  };
  const auto refused = [](auto f) { return refusal<ConfigError>(f); };
  const auto rms = with([](auto& c) { c.normalization = Normalization::RMS; });
  const auto none = with([](auto& c) { c.normalization = Normalization::none; });
  const auto final_rms = with([](auto& c) { c.final_rms = true; });
  CHECK_THAT(refused([&] { return center_writing_weights(rms); }),
             ContainsSubstring("the norms are RMS, which see the mean of the stream: it needs LN"));
  CHECK_THAT(refused([&] { return center_writing_weights(none); }),
             ContainsSubstring("there are no norms"));
  CHECK_THAT(refused([&] { return center_writing_weights(final_rms); }),
             ContainsSubstring("ln_final is RMS"));
  // All the others are valid whatever the norms are.
  for (const auto& model : {rms, none, final_rms}) {
    const auto tokens = golden::tokens();
    check_same(log_softmax(all_but_centered_writes(model)(tokens)), log_softmax(model(tokens)),
               1e-11);
  }
}

TEST_CASE("A model without blocks has norms and an unembedding to process") {
  auto config = golden::config();
  config.n_layers = 0;
  const auto model = golden::model(config);
  const auto processed = all_but_centered_writes(center_writing_weights(model));
  check_same(log_softmax(processed(golden::tokens())), log_softmax(model(golden::tokens())));
}

}  // namespace
}  // namespace hooked
