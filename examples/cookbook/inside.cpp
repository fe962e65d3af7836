// Recipes that look inside one run. `./dev docs` copies what stands between marks to
// docs/cookbook.md.
#include <cmath>
#include <hooked/hooked.hpp>
#include <hooked/interp/fits.hpp>
#include <iostream>

#include "cookbook.hpp"

namespace {

const hooked::Tensor<hooked::Token> prompt({1, 4}, {2, 7, 5, 10});

void attention_patterns(const hooked::Transformer<float>& model) {
  // [patterns]
  const auto cache =
      model.run_with_cache(prompt, {.names = {"blocks.*.attn.hook_pattern"}, .logits = false})
          .cache;
  const auto pattern = cache.at("pattern", 0);             // [batch, head, query, key]
  std::cout << pattern.select(0, 0).select(0, 1) << "\n";  // of head 1: [query, key]
  const auto from_last = pattern.select(2, -1);            // [batch, head, key]
  // [end]
  check(std::abs(hooked::sum(from_last, -1)(0, 1) - 1) < 1e-5, "a query's attention sums to 1");
  check(pattern(0, 0, 1, 2) == 0, "nobody looks ahead");
}

void logit_lens(const hooked::Transformer<float>& model) {
  // [logit_lens]
  const auto [logits, cache] = model.run_with_cache(prompt, {.names = {"blocks.*.hook_resid_*"}});
  // At "=", the stream before and between all layers, each through the final norm of its own.
  const auto stack = hooked::accumulated_resid(
      model, cache, {.incl_mid = true, .apply_ln = true, .positions = {3}});
  const auto lens = hooked::einsum("cbpd,dv->cbpv", stack.values, model["unembed.W_U"]) +
                    model["unembed.b_U"];  // [component, batch, pos, token]
  for (std::size_t i = 0; i < stack.labels.size(); ++i) {
    const auto says = hooked::argmax(lens.select(0, hooked::Index(i)), -1);
    std::cout << stack.labels[i] << ": " << says.item() << "\n";
  }
  // [end]
  const auto last = lens.select(0, -1), real = logits.slice(1, 3, 4);
  check(hooked::max_norm(last - real).item() < 1e-4f, "after all blocks it is the model");
  check(hooked::max_norm(lens.select(0, 2) - real).item() > 0.1f, "after one block it is not");
}

void direct_logit_attribution(const hooked::Transformer<float>& model) {
  // [attribution]
  // Which heads and MLPs speak for 7 and against 5 at "="?
  const auto [logits, cache] = model.run_with_cache(prompt);
  const hooked::LogitAttrsOptions seven_not_five{.tokens = 7, .incorrect_tokens = 5};
  const auto heads = hooked::stack_head_results(model, cache, {.positions = {3}});
  const auto by_head = hooked::logit_attrs(model, cache, heads, seven_not_five);
  for (std::size_t i = 0; i < heads.labels.size(); ++i) {
    std::cout << heads.labels[i] << ": " << by_head(hooked::Index(i), 0, 0) << "\n";
  }
  const auto layers = hooked::decompose_resid(model, cache, {.positions = {3}});
  const auto by_layer = hooked::logit_attrs(model, cache, layers, seven_not_five);
  std::cout << "MLP of block 1: " << by_layer(5, 0, 0) << "\n";  // layers.labels[5]: 1_mlp_out
  // [end]
  const auto b_U = model["unembed.b_U"];
  const float whole = logits(0, 3, 7) - logits(0, 3, 5) - (b_U(7) - b_U(5));
  check(layers.labels[5] == "1_mlp_out" && heads.labels[1] == "L0H1", "labels");
  check(whole > 1, "the model says 7");
  // The norms are LNPre, which have no weight and bias.
  check(std::abs(hooked::sum(by_layer).item() - whole) < 1e-3f * whole, "layers sum to the logits");
}

void full_decomposition(const hooked::Transformer<float>& model) {
  // [decomposition]
  // The stream before block 1 at "=" as heads, neurons, embeddings and biases; and which neuron of
  // block 0 moves it most along the direction in which the digits' unembeddings rise.
  const auto cache = model.run_with_cache(prompt).cache;
  const auto parts = hooked::full_resid_decomposition(model, cache, {.layer = 1, .positions = {3}});
  std::cout << parts.labels.front() << " to " << parts.labels.back()
            << ", of head L0H1: " << hooked::l2_norm(parts["L0H1"]).item() << "\n";
  const auto W_U = model["unembed.W_U"];
  const hooked::Tensor<float> up = W_U.select(1, 9) - W_U.select(1, 0);  // [d_model]
  const auto neurons = hooked::stack_neuron_results(
      model, cache, {.layer = 1, .positions = {3}, .project_output_onto = up});
  const auto most = hooked::argmax(neurons.values, 0).item();  // of [neuron, batch, pos]
  std::cout << neurons.labels[std::size_t(most)] << "\n";
  const auto results = hooked::head_results(model, cache, 0);  // hook_result, from z and W_O
  // [end]
  check(results.shape() == hooked::Shape{1, 4, 2, 32}, "what every head adds");
  const auto stream = cache["resid_pre1"].slice(1, 3, 4);
  check(hooked::max_norm(hooked::sum(parts.values, 0) - stream).item() < 1e-4f, "it is a sum");
  check(parts.labels.size() == 2 + 64 + 3 && parts.labels.back() == "bias", "labels");
  const auto one = hooked::neuron_results(model, cache, 0, {.neurons = {most}, .positions = {3}});
  check(std::abs(hooked::sum(one * up).item() - hooked::max(neurons.values).item()) < 1e-4f,
        "neuron by neuron it is the same");
}

void circuits(const hooked::Transformer<float>& model) {
  // [circuits]
  // Of block 1, norms and positions left out: what a head writes into the logits for a token that
  // it attends to, and how much a query's token attends to a key's.
  const auto W_E = model["embed.W_E"], W_U = model["unembed.W_U"];
  const auto W_Q = model["blocks.1.attn.W_Q"], W_K = model["blocks.1.attn.W_K"];
  const auto W_V = model["blocks.1.attn.W_V"], W_O = model["blocks.1.attn.W_O"];
  const auto OV = hooked::einsum("vm,hmd,hdn,nu->hvu", W_E, W_V, W_O, W_U);  // [head, in, out]
  const auto QK = hooked::einsum("qm,hmd,hnd,kn->hqk", W_E, W_Q, W_K, W_E);  // [head, query, key]
  const auto copying = hooked::einsum("hvv->h", OV) / 24.0f - hooked::mean(OV, {1, 2});
  std::cout << "logit of the token itself above others, by head: " << copying << "\n";
  // [end]
  check(OV.shape() == hooked::Shape{4, 24, 24} && QK.shape() == OV.shape(), "[head, token, token]");
  check(hooked::max(copying).item() > 1, "a head of block 1 copies tokens");
}

void head_detectors(const hooked::Transformer<float>& model) {
  // [detectors]
  // How much of its attention does each head spend on the token before, and on what followed the
  // last time? [layer, head], a mean over the sequences.
  const auto tokens = hooked::repeated_tokens(model, {.batch = 50});
  const hooked::DetectHeadOptions options{.exclude_bos = true};
  std::cout << hooked::detect_head(model, tokens, hooked::HeadKind::previous_token, options) << "\n"
            << hooked::detect_head(model, tokens, hooked::HeadKind::induction, options) << "\n";
  // A pattern of one's own: the token two before.
  hooked::Tensor<double> two_before({24, 24});
  for (int query = 2; query < 24; ++query) two_before(query, query - 2) = 1;
  std::cout << hooked::detect_head(model, tokens, two_before) << "\n";
  // [end]
  const auto induction = hooked::detect_head(model, tokens, hooked::HeadKind::induction, options);
  const auto best = hooked::max(induction, 1);
  check(best(1) > 0.3 && best(0) < best(1), "block 1 has an induction head");
  const auto D = hooked::detection_matrix(hooked::HeadKind::induction, tokens.select(0, 0));
  check(D(13, 2) == 1, "behind the first appearance of the token");
}

void induction(const hooked::Transformer<float>& model) {
  // [induction]
  // Random tokens, twice: how much does each head attend from a token to the one that followed it
  // the first time, and how well is the second half predicted?
  const hooked::RepeatedTokensOptions twice{.batch = 50, .period = 12};
  std::cout << "induction scores: " << hooked::induction_scores(model, twice) << "\n"
            << "loss of the second half: " << hooked::induction_loss(model, twice) << "\n";
  // [end]
  const auto scores = hooked::induction_scores(model, twice);
  const auto best = hooked::max(scores, 1);
  check(best(1) > 0.5 && best(0) < best(1), "block 1 has an induction head");
  check(hooked::induction_loss(model, twice) < 1.0, "it predicts, out of 24 tokens");
}

void gradients(const hooked::Transformer<float>& model) {
  // [gradients]
  // How does the logit of 7 against 5 at "=" change with the stream before block 1?
  const auto margin = [](hooked::Variable<float> logits) {
    return hooked::element(logits, {0, 3, 7}) - hooked::element(logits, {0, 3, 5});
  };
  const auto cache =
      model.run_with_cache(prompt, {.names = {"blocks.1.hook_resid_pre"}, .gradient_of = margin})
          .cache;
  const auto slope = cache["resid_pre1_grad"];  // [batch, pos, d_model]
  // [end]
  const auto resid = cache["resid_pre1"];
  const auto margin_at = [&](float h) {
    const auto logits = model.run_from_layer(1, resid + h * slope);
    return logits(0, 3, 7) - logits(0, 3, 5);
  };
  const float h = 1e-2f / hooked::l2_norm(slope).item();
  const float expected = hooked::sum(slope * slope).item();
  const float found = (margin_at(h) - margin_at(-h)) / (2 * h);
  check(std::abs(found - expected) < 0.02f * expected, "the gradient is the slope");
}

void probe(const hooked::Transformer<float>& model) {
  // [probe]
  // Can the largest digit be read off the stream at "=" by a straight line? Fit on every other
  // example, judge on the rest. (hooked/interp/fits.hpp)
  const auto cache =
      hooked::collect_at(model, digits().tokens, 3, {"blocks.0.hook_resid_mid"}).cache;
  const auto& x = cache["blocks.0.hook_resid_mid"];  // [1000, d_model]
  const auto y = hooked::map(digits().labels, [](hooked::Token t) { return double(t); });
  const auto fit = hooked::fit_linear(x.slice(0, 0, 1000, 2), y.slice(0, 0, 1000, 2));
  const auto r2 = hooked::r_squared(y.slice(0, 1, 1000, 2), fit.predict(x.slice(0, 1, 1000, 2)));
  std::cout << "variance explained on held-out examples: " << r2(0) << "\n";
  // [end]
  const auto at_input = hooked::collect_at(model, digits().tokens, 3, {"blocks.0.hook_resid_pre"});
  const auto& constant = at_input.cache["blocks.0.hook_resid_pre"];
  const auto none = hooked::fit_linear(constant, y);
  check(r2(0) > 0.8, "it can be read off after attention");
  check(none.r2(0) < 0.01, "and not before, where \"=\" knows nothing");
}

}  // namespace

void look_inside() {
  attention_patterns(largest_digit());
  logit_lens(largest_digit());
  direct_logit_attribution(largest_digit());
  full_decomposition(largest_digit());
  gradients(largest_digit());
  probe(largest_digit());
  circuits(repeater());
  head_detectors(repeater());
  induction(repeater());
}
