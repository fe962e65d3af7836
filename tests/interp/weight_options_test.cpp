// Processing of models with parts that HookedTransformer's processing gets wrong.
#include <string>

#include "catch.hpp"
#include "hooked/interp/circuits.hpp"
#include "hooked/interp/weight_processing.hpp"
#include "interp/checks.hpp"
#include "nn/golden_model.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;

template <class Change>
Transformer<double> golden_with(Change change) {
  TransformerConfig config = golden::config();
  change(config);
  return golden::model(config);
}

double processing_error(const Transformer<double>& model, ProcessingOptions options = {}) {
  return process_weights(model, options).report.log_probs_error;
}

TEST_CASE("Positions that are added behind ln1 keep it from being folded") {  // D4
  const auto model =
      golden_with([](auto& c) { c.positional_embedding = PositionalEmbedding::shortformer; });
  CHECK_THAT(refusal<ConfigError>([&] { return process_weights(model); }),
             ContainsSubstring("shortformer"));
  // They are not in the stream, so that they keep their mean when what is written loses it.
  const auto centered = center_writing_weights(model);
  check_same(centered(golden::tokens()), model(golden::tokens()));
  CHECK(to_vector(centered["pos_embed.W_pos"]) == to_vector(model["pos_embed.W_pos"]));
}

TEST_CASE("Other positions, and windows, are as good as learned positions") {
  for (const auto positions :
       {PositionalEmbedding::alibi, PositionalEmbedding::sinusoidal, PositionalEmbedding::none}) {
    const auto model = golden_with([&](auto& c) {
      c.positional_embedding = positions;
      c.use_local_attn = true;
      c.window_size = 3;
      c.attn_types = {AttentionType::global, AttentionType::local};
      c.attn_scores_soft_cap = 2;
    });
    CHECK(processing_error(model, {.refactor_factored_attn_matrices = true}) < 1e-13);
  }
}

TEST_CASE("A gated MLP is folded where nothing is lost") {  // D5
  const auto rms = golden_with([](auto& c) {
    c.gated_mlp = true;
    c.normalization = Normalization::RMS;
  });
  CHECK(processing_error(rms, {.center_writing_weights = false}) < 1e-13);
  auto with_ln = golden_with([](auto& c) { c.gated_mlp = true; });
  CHECK_THAT(refusal<ConfigError>([&] { return process_weights(with_ln); }),
             ContainsSubstring("blocks.0.ln2.b is not 0, and blocks.0.mlp.W_gate of a gated MLP"));
  for (const char* name : {"blocks.0.ln2.b", "blocks.1.ln2.b"}) with_ln[name].fill(0);
  CHECK(processing_error(with_ln) < 1e-13);
}

TEST_CASE("SoLU with a norm of its own is folded into W_out, and without one as any other") {  // D6
  for (const auto act_fn : {Activation::solu, Activation::solu_ln}) {
    for (const auto norm : {Normalization::LN, Normalization::LNPre, Normalization::RMS}) {
      const auto model = golden_with([&](auto& c) {
        c.act_fn = act_fn;
        c.normalization = norm;
      });
      CHECK(processing_error(model, {.center_writing_weights = norm != Normalization::RMS}) <
            1e-13);
    }
  }
}

TEST_CASE("Shared keys and values are folded as shared, and cannot be refactored") {
  const auto model = golden_with([](auto& c) {
    c.n_heads = 4;
    c.n_key_value_heads = 2;
  });
  CHECK(processing_error(model) < 1e-13);
  CHECK(max_norm(fold_value_biases(model)["blocks.0.attn._b_V"]).item() == 0);
  CHECK_THAT(refusal<ConfigError>([&] { return refactor_factored_attn_matrices(model); }),
             ContainsSubstring("heads share their keys and values"));
  const Tensor<double> W_K(model["blocks.1.attn._W_K"].select(0, 1).transpose());
  check_same(QK(model, 1, 2).AB(), matmul(model["blocks.1.attn.W_Q"].select(0, 2), W_K));
}

TEST_CASE("A tied unembedding gets a weight of its own where it would change") {
  const auto model = golden_with([](auto& c) { c.tied_embeddings = true; });
  check_same(unembedding(model), model["embed.W_E"].transpose());
  const auto [processed, report] = process_weights(model);
  CHECK(report.log_probs_error < 1e-13);
  CHECK_FALSE(processed.config().tied_embeddings);
  CHECK(fold_value_biases(model).config().tied_embeddings);
}

TEST_CASE("Capped logits and rotary positions do not take every step") {
  const auto capped = golden_with([](auto& c) { c.output_logits_soft_cap = 5; });
  CHECK_THAT(refusal<ConfigError>([&] { return process_weights(capped); }),
             ContainsSubstring(".center_unembed = false"));
  CHECK(processing_error(capped, {.center_unembed = false}) < 1e-13);
  const auto rotary =
      golden_with([](auto& c) { c.positional_embedding = PositionalEmbedding::rotary; });
  CHECK(processing_error(rotary) < 1e-13);
  CHECK_THAT(refusal<ConfigError>([&] { return refactor_factored_attn_matrices(rotary); }),
             ContainsSubstring("rotary"));
}

}  // namespace
}  // namespace hooked
