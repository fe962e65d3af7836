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
  const auto [logits, cache] =
      model.run_with_cache(prompt, {.names = {"blocks.*.hook_resid_post"}});
  const hooked::Index n_layers = model.config().n_layers;
  for (int layer = 0; layer < n_layers; ++layer) {
    // The final norm and the unembedding, after this block already.
    const auto lens = model.run_from_layer(n_layers, cache.at("resid_post", layer));
    std::cout << "after block " << layer << ": " << hooked::argmax(lens.select(1, 3), -1) << "\n";
  }
  // [end]
  const auto last = model.run_from_layer(n_layers, cache.at("resid_post", -1));
  const auto first = model.run_from_layer(n_layers, cache.at("resid_post", 0));
  check(hooked::max_norm(last - logits).item() < 1e-4f, "after all blocks it is the model");
  check(hooked::max_norm(first - logits).item() > 0.1f, "after one block it is not");
}

void direct_logit_attribution(const hooked::Transformer<float>& model) {
  // [attribution]
  // Which parts of the stream at "=" speak for 7 and against 5? The model has LNPre norms: a part
  // is centred and divided by the scale that the whole stream has.
  const auto [logits, cache] = model.run_with_cache(
      prompt, {.names = {"hook_embed", "hook_pos_embed", "blocks.*.attn.hook_result",
                         "blocks.*.hook_mlp_out", "ln_final.hook_scale"}});
  const hooked::Tensor<float> W_U(model["unembed.W_U"]), b_U(model["unembed.b_U"]);
  const auto direction = W_U.select(1, 7) - W_U.select(1, 5);  // [d_model]
  const float scale = cache["ln_final.hook_scale"](0, 3, 0);
  const auto part = [&](hooked::View<const float> x) {  // x [d_model]
    return hooked::sum((x - hooked::mean(x)) * direction).item() / scale;
  };
  float total = part(cache["hook_embed"].select(0, 0).select(0, 3)) +
                part(cache["hook_pos_embed"].select(0, 0).select(0, 3)) + b_U(7) - b_U(5);
  for (int layer = 0; layer < 2; ++layer) {
    for (int head = 0; head < 2; ++head) {
      const float of_head =
          part(cache.at("result", layer).select(0, 0).select(0, 3).select(0, head));
      std::cout << "head " << layer << "." << head << ": " << of_head << "\n";
      total += of_head;
    }
    const float of_mlp = part(cache.at("mlp_out", layer).select(0, 0).select(0, 3));
    std::cout << "mlp " << layer << ": " << of_mlp << "\n";
    total += of_mlp + part(model[hooked::text("blocks.", layer, ".attn.b_O")]);
  }
  // [end]
  const float whole = logits(0, 3, 7) - logits(0, 3, 5);
  check(whole > 1, "the model says 7");
  check(std::abs(total - whole) < 1e-3f * std::abs(whole), "the parts add up to the logits");
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

void induction_scores(const hooked::Transformer<float>& model) {
  // [induction]
  // 12 random tokens, twice: how much does each head attend from a token to the one that followed
  // it the first time?
  const hooked::Tensor<hooked::Token> tokens = twice_12(50);
  const auto cache =
      model.run_with_cache(tokens, {.names = {"blocks.*.attn.hook_pattern"}, .logits = false})
          .cache;
  hooked::Tensor<float> scores({2, 4});  // [layer, head]
  for (int layer = 0; layer < 2; ++layer) {
    for (int p = 12; p < 24; ++p) {
      const auto here = cache.at("pattern", layer).select(2, p).select(2, p - 11);  // [batch, head]
      scores.select(0, layer).array() += hooked::mean(here, 0).array() / 12.0f;
    }
  }
  std::cout << "induction scores: " << scores << "\n";
  // [end]
  const auto best = hooked::max(scores, 1);
  check(best(1) > 0.5f && best(0) < best(1), "block 1 has an induction head");
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
  gradients(largest_digit());
  probe(largest_digit());
  circuits(repeater());
  induction_scores(repeater());
}
