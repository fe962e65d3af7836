// Twenty tasks as hooked does them, with one model from its making to its parts;
// coming_from_transformer_lens.py does the same with TransformerLens, and compares the numbers.
// `./dev docs` copies what stands between marks to docs/coming_from_transformer_lens.md.
#include <algorithm>
#include <cmath>
#include <hooked/hooked.hpp>
#include <hooked/interp/circuits.hpp>
#include <hooked/interp/composition.hpp>
#include <hooked/interp/weight_processing.hpp>
#include <hooked/io/npz.hpp>
#include <iostream>

#include "cookbook.hpp"

namespace {
namespace lens {

using Model = hooked::Transformer<float>;
using Tokens = hooked::Tensor<hooked::Token>;

/// What each task found, for Python to compare.
hooked::ActivationCache<float> numbers;
void note(const std::string& name, hooked::Tensor<float> value) {
  numbers.insert(name, std::move(value));
}

const Tokens tokens({2, 8}, {3, 1, 4, 15, 9, 2, 6, 5, 8, 9, 7, 9, 8, 9, 7, 9});
const Tokens corrupted({1, 8}, {3, 1, 4, 15, 9, 2, 3, 5});

Model built() {
  // [build]
  const hooked::TransformerConfig cfg{.n_layers = 2,
                                      .d_model = 32,
                                      .n_ctx = 16,
                                      .d_head = 16,
                                      .d_mlp = 64,
                                      .d_vocab = 20,
                                      .act_fn = hooked::Activation::gelu};
  hooked::Transformer<float> model(cfg, hooked::Seed{0});
  model["blocks.0.attn.W_Q"];                  // [head, d_model, d_head]
  const auto W_Q = model.stacked("attn.W_Q");  // [layer, head, d_model, d_head]
  // [end]
  check(W_Q.shape() == hooked::Shape{2, 2, 32, 16}, "every block has its W_Q");
  return model;
}

void trained(Model& model) {
  // [train]
  // 2000 sequences of eight random tokens that come twice.
  const auto sequences = hooked::repeated_tokens(model, {.batch = 2000});
  const hooked::Dataset data{sequences, hooked::next_token_labels(sequences)};
  hooked::train(model, data,
                {.optimizer = hooked::AdamW{.lr = 3e-3}, .epochs = 20, .batch_size = 50});
  // [end]
  check(hooked::induction_loss(model) < 1.5, "it learns what comes again");
}

void run(const Model& model) {
  // [run]
  const auto logits = model(tokens);  // [batch, pos, d_vocab_out]
  const double loss = model.loss(tokens);
  const auto losses = model.loss_per_token(tokens);  // [batch, pos - 1]
  // [end]
  check(std::abs(hooked::mean(losses).item() - loss) < 1e-5, "the mean");
  note("logits", logits);
  note("losses", losses);
}

void caches(const Model& model) {
  // [cache]
  const auto [logits, cache] = model.run_with_cache(tokens);
  const auto few = model.run_with_cache(tokens, {.names = {"*.hook_z"}, .logits = false}).cache;
  cache["blocks.0.attn.hook_pattern"], cache["pattern0"], cache.at("pattern", 0);
  cache.at("scale", 0, "ln1");
  hooked::act_name("pattern", 0);              // "blocks.0.attn.hook_pattern"
  const auto z = cache.stack_activation("z");  // [layer, batch, pos, head, d_head]
  const auto result =  // what each head writes: it fires because it is named
      model.run_with_cache(tokens, {.names = {"blocks.*.attn.hook_result"}}).cache.at("result", 0);
  // [end]
  check(few.size() == 2 && hooked::act_name("pattern", 0) == "blocks.0.attn.hook_pattern", "names");
  note("pattern", cache.at("pattern", 0));
  note("scale", cache.at("scale", 0, "ln1"));
  note("z", z);
  note("result", result);
}

void hooks(const Model& learnt) {
  hooked::Transformer<float> model = learnt;
  // [hooks]
  hooked::Tensor<float> seen;
  const hooked::Hook<float> read("blocks.0.hook_resid_post",
                                 [&](hooked::View<const float> x, const hooked::HookPoint&) {
                                   seen = hooked::Tensor<float>(x);
                                 });
  const hooked::Hook<float> twice(
      "blocks.0.hook_resid_post",
      [](hooked::Variable<float> x, const hooked::HookPoint&) { return 2.0 * x; });
  const auto doubled = model.run_with_hooks(tokens, {read, twice});

  const hooked::Hook<float> no_head = hooked::zero("blocks.0.attn.hook_z", {.heads = {1}});
  const hooked::Hook<float> no_neurons =
      hooked::zero("blocks.1.mlp.hook_post", {.neurons = {3, 5}});
  model.add_hook(no_head);
  {
    const auto scope = model.hooks({no_neurons});
    model(tokens);  // without the head and without the neurons
  }
  const auto without_head = model(tokens);
  model.reset_hooks();
  // [end]
  note("seen", seen);
  note("doubled", doubled);
  note("without_head", without_head);
  note("without_neurons", model.run_with_hooks(tokens, {no_neurons}));
}

void gradients(const Model& model) {
  // [gradient]
  const auto margin = [](hooked::Variable<float> logits) {
    return hooked::element(logits, {0, -1, 7}) - hooked::element(logits, {0, -1, 5});
  };
  const auto cache =
      model.run_with_cache(tokens, {.names = {"blocks.1.hook_resid_pre"}, .gradient_of = margin})
          .cache;
  const auto gradient = cache["resid_pre1_grad"];  // [batch, pos, d_model]
  // [end]
  note("gradient", gradient);
}

void layers(const Model& model) {
  // [layers]
  const auto before_1 = model(tokens, {.stop_at_layer = 1});  // the stream, [batch, pos, d_model]
  const auto logits = model.run_from_layer(1, before_1);
  // [end]
  note("before_1", before_1);
  check(hooked::max_norm(logits - model(tokens)).item() < 1e-4f, "the rest of the way");
}

void patching(const Model& model) {
  const Tokens clean(tokens.slice(0, 0, 1));
  // [patching]
  const auto metric = [](hooked::Variable<float> logits) {
    return hooked::element(logits, {0, -1, 7}) - hooked::element(logits, {0, -1, 5});
  };
  // The clean stream in the corrupted run, [layer, pos].
  const auto by_position = hooked::patch_resid_pre(model, clean, corrupted, metric);
  // Each head's clean z, at all positions: [place].
  const auto clean_cache = model.run_with_cache(clean).cache;
  std::vector<hooked::Place> heads;
  for (int layer = 0; layer < 2; ++layer) {
    for (int head = 0; head < 2; ++head) heads.push_back({.layer = layer, .head = head});
  }
  const auto by_head = hooked::sweep(model, corrupted, "z", heads, clean_cache, metric);
  // One by one.
  const auto logits = model.run_with_hooks(
      corrupted, {hooked::patch("blocks.0.hook_mlp_out", clean_cache, {.positions = {6}})});
  // [end]
  note("by_position", by_position);
  note("by_head", hooked::Tensor<float>(by_head.reshape({2, 2})));
  note("patched", logits);
}

void lens_of(const Model& model) {
  // [logit_lens]
  const auto cache = model.run_with_cache(tokens).cache;
  const auto resid = hooked::accumulated_resid(model, cache, {.incl_mid = true, .apply_ln = true});
  const auto lens =  // [component, batch, pos, token]
      hooked::matmul(resid.values, model["unembed.W_U"]) + model["unembed.b_U"];
  resid["0_mid"];  // 0_pre, 0_mid, 1_pre, 1_mid, final_post
  // [end]
  check(resid.labels == std::vector<std::string>{"0_pre", "0_mid", "1_pre", "1_mid", "final_post"},
        "labels");
  note("lens", lens);
}

void attribution(const Model& model) {
  // [attribution]
  const auto cache = model.run_with_cache(tokens).cache;
  const hooked::LogitAttrsOptions seven_not_five{.tokens = 7, .incorrect_tokens = 5};
  const auto layers = hooked::decompose_resid(model, cache);  // embed, pos_embed, 0_attn_out, ...
  const auto by_layer = hooked::logit_attrs(model, cache, layers, seven_not_five);
  const auto heads = hooked::stack_head_results(model, cache, {.positions = {-1}});
  const auto by_head = hooked::logit_attrs(model, cache, heads, seven_not_five);
  for (std::size_t i = 0; i < heads.labels.size(); ++i) {
    std::cout << heads.labels[i] << " " << by_head(hooked::Index(i), 0, 0) << "\n";
  }
  // [end]
  note("by_layer", by_layer);
  note("by_head_at_last", by_head);
}

void decomposition(const Model& model) {
  // [decomposition]
  const auto cache = model.run_with_cache(tokens).cache;
  const auto parts = hooked::full_resid_decomposition(model, cache);
  parts["L1H0"];  // L0H0, ..., L0N0, ..., embed, pos_embed, bias: [batch, pos, d_model]
  const auto sum = hooked::sum(parts.values, 0);  // the stream behind the last block
  // Two neurons of block 0, [batch, pos, neuron, d_model], and all as ln2 of block 1 reads them.
  const auto neurons = hooked::neuron_results(model, cache, 0, {.neurons = {3, 5}});
  const auto stack = hooked::stack_neuron_results(model, cache, {.layer = 1});
  const auto read = hooked::apply_ln_to_stack(model, cache, stack, {.layer = 1, .mlp_input = true});
  // [end]
  check(hooked::max_norm(sum - cache["resid_post1"]).item() < 1e-4f, "it is a sum");
  check(parts.labels.size() == 4 + 128 + 3 && parts.labels.back() == "bias", "labels");
  note("parts", parts.values);
  note("neurons", neurons);
  note("read", read.values);
}

void detectors(const Model& model) {
  // [detectors]
  const auto scores = hooked::detect_head(model, tokens, hooked::HeadKind::previous_token,
                                          {.exclude_bos = true});  // [layer, head]
  // [end]
  note("scores", hooked::cast<float>(scores));
}

void induction(const Model& model) {
  // [induction]
  const hooked::RepeatedTokensOptions twice{.batch = 50, .period = 8};
  const double loss = hooked::induction_loss(model, twice);
  const auto scores = hooked::induction_scores(model, twice);  // [layer, head]
  // [end]
  note("twice", hooked::cast<float>(hooked::repeated_tokens(model, twice)));
  note("induction_loss", hooked::Tensor<float>({1}, float(loss)));
  note("induction_scores", hooked::cast<float>(scores));
}

void circuits(const Model& model) {
  // [circuits]
  const auto OV = hooked::OV(model, 1, 0), QK = hooked::QK(model, 1, 0);  // FactoredMatrix
  OV.AB(), OV.norm(), OV.transpose(), OV.get_corner(3), OV.make_even(), OV.collapse_l(),
      OV.collapse_r();
  const auto [U, S, V] = OV.svd();
  const auto eigenvalues = OV.eigenvalues();
  const auto from_token_to_logits =
      hooked::matmul(hooked::matmul(model["embed.W_E"], OV), model["unembed.W_U"]);
  const auto copying = hooked::copying_score(from_token_to_logits);
  // What the head writes most, as logits: its first three singular vectors, [d_vocab_out, 3].
  const auto directions = hooked::OV_singular_logits(model, 1, 0, 3);
  hooked::W_in_singular_logits(model, 0, 3), hooked::W_out_singular_logits(model, 0, 3);
  // [end]
  check(eigenvalues.numel() == 16, "as many as d_head");
  note("OV", OV.AB());
  note("QK", QK.AB());
  note("S", S);
  note("copying", hooked::Tensor<float>({1}, float(copying.item())));
  note("directions", hooked::abs(directions));  // their signs are arbitrary
}

void composition(const Model& model) {
  // [composition]
  const auto scores = hooked::composition_scores(model, hooked::Composition::K);
  scores(0, 1, 1, 0);  // of head L0H1 with the keys of L1H0
  const auto chance = hooked::random_composition_scores(32, 16);  // d_model, d_head
  // [end]
  check(scores(1, 0, 0, 0) == 0 && chance.numel() > 0, "later heads read earlier ones");
  note("composition", scores);
}

void processing(const Model& model) {
  // [processing]
  const auto [processed, report] = hooked::process_weights(model);
  std::cout << report;  // what each step changed, and by how much the probabilities moved
  // [end]
  check(report.log_probs_error < 1e-3, "the same probabilities");
  note("processed_W_E", hooked::Tensor<float>(processed["embed.W_E"]));
  note("processed_W_in", hooked::Tensor<float>(processed["blocks.0.mlp.W_in"]));
  note("processed_logits", processed(tokens));
}

void generation(const Model& model) {
  // [generation]
  const auto text = hooked::generate(model, tokens, {.max_new_tokens = 4, .do_sample = false});
  // Step by step, with keys and values of what was read.
  hooked::KeyValueCache<float> past(2, 16);  // batch, the most tokens
  model.run_with_past(tokens, past);
  const auto next = model.run_with_past(text.slice(1, 8, 9), past);  // [batch, 1, d_vocab_out]
  // [end]
  note("text", hooked::cast<float>(text));
  note("next", next);
}

void padding(const Model& model) {
  // [padding]
  const hooked::Tensor<hooked::Token> padded({2, 6}, {0, 0, 3, 1, 4, 15, 8, 9, 7, 9, 8, 9});
  const hooked::Tensor<std::uint8_t> mask({2, 6}, {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  const auto logits = model(padded, {.attention_mask = mask});
  const double loss = model.loss(padded, {.attention_mask = mask});
  // [end]
  note("masked_logits", hooked::Tensor<float>(logits.slice(1, 2, 6)));
  note("masked_loss", hooked::Tensor<float>({1}, float(loss)));
}

}  // namespace lens
}  // namespace

void coming_from_transformer_lens() {
  auto model = lens::built();
  lens::trained(model);
  lens::run(model);
  lens::caches(model);
  lens::hooks(model);
  lens::gradients(model);
  lens::layers(model);
  lens::patching(model);
  lens::lens_of(model);
  lens::attribution(model);
  lens::decomposition(model);
  lens::detectors(model);
  lens::induction(model);
  lens::circuits(model);
  lens::composition(model);
  lens::processing(model);
  lens::generation(model);
  lens::padding(model);
  hooked::save_model(model, "lens-model");
  hooked::save_npz(lens::numbers, "lens-numbers.npz");
}
