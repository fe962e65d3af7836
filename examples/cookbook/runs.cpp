// Recipes that change something in a run and compare. `./dev docs` copies what stands between marks
// to docs/cookbook.md.
#include <cmath>
#include <cstdint>
#include <hooked/hooked.hpp>
#include <iostream>

#include "cookbook.hpp"

namespace {

const hooked::Tensor<hooked::Token> clean({1, 4}, {2, 7, 5, 10});
const hooked::Tensor<hooked::Token> corrupted({1, 4}, {2, 3, 5, 10});

void ablate(const hooked::Transformer<float>& model, const hooked::Dataset& data) {
  // [ablate]
  const std::string z = "blocks.0.attn.hook_z";
  const auto cache = model.run_with_cache(data.tokens, {.names = {z}, .logits = false}).cache;
  const auto whole = hooked::evaluate(model, data);
  const auto zero = hooked::evaluate(model, data, {hooked::zero(z, {.heads = {0}})});
  const auto mean =
      hooked::evaluate(model, data, {hooked::mean_ablate(z, cache[z], {.heads = {0}})});
  const hooked::Tensor<float> resampled = model.run_with_hooks(
      data.tokens, {hooked::resample_ablate(z, cache[z], hooked::Seed{0}, {.heads = {0}})});
  // [end]
  check(whole.accuracy > 0.98, "the model has learnt the task");
  check(zero.loss > whole.loss && mean.loss > whole.loss, "without a head it is worse");
  check(resampled.shape() == hooked::Shape{1000, 4, 10}, "logits of every example");
}

void patch(const hooked::Transformer<float>& model) {
  // [patch]
  // `clean` is "2 7 5 =", `corrupted` "2 3 5 =".
  const auto cache = model.run_with_cache(clean).cache;
  const auto patched = model.run_with_hooks(
      corrupted, {hooked::patch("blocks.0.hook_resid_pre", cache, {.positions = {1}})});
  std::cout << "now it says " << hooked::argmax(patched.select(1, 3), -1) << "\n";
  // [end]
  check(hooked::argmax(model(corrupted).select(1, 3), -1)(0) == 5, "the corrupted run says 5");
  check(hooked::max_norm(patched - model(clean)).item() < 1e-4f, "all that differs was patched");
}

void steer(const hooked::Transformer<float>& model) {
  // [steer]
  // Away from 7, towards 9: a vector added to the last stream at "=".
  const hooked::Tensor<float> W_U(model["unembed.W_U"]);  // [d_model, d_vocab_out]
  const auto towards_9 = 20.0f * (W_U.select(1, 9) - W_U.select(1, 7));
  const auto steered = model.run_with_hooks(
      clean, {hooked::add("blocks.1.hook_resid_post", towards_9, {.positions = {3}})});
  std::cout << "now it says " << hooked::argmax(steered.select(1, 3), -1) << "\n";
  // [end]
  check(hooked::argmax(model(clean).select(1, 3), -1)(0) == 7, "unsteered it says 7");
  check(hooked::argmax(steered.select(1, 3), -1)(0) == 9, "steered it says 9");
}

void sweeps(const hooked::Transformer<float>& model) {
  // [sweeps]
  const auto margin = [](hooked::Variable<float> logits) {
    return hooked::element(logits, {0, -1, 7}) - hooked::element(logits, {0, -1, 5});
  };
  // The clean stream before each block, at each position, in the corrupted run: [layer, pos].
  const auto by_position = hooked::patch_resid_pre(model, clean, corrupted, margin);
  // Each head's z at "=" in its place.
  std::vector<hooked::Place> heads;
  for (int layer = 0; layer < 2; ++layer) {
    for (int head = 0; head < 2; ++head) heads.push_back({layer, 3, head});
  }
  const auto cache = model.run_with_cache(clean, {.names = {"blocks.*.attn.hook_z"}}).cache;
  const auto by_head = hooked::sweep(model, corrupted, "z", heads, cache, margin);  // [place]
  std::cout << by_position << "\n" << by_head << "\n";
  // [end]
  const auto of = [](const hooked::Tensor<float>& logits) {
    return logits(0, 3, 7) - logits(0, 3, 5);
  };
  check(std::abs(by_position(0, 1) - of(model(clean))) < 1e-3f, "the digit itself: the clean run");
  check(std::abs(by_position(0, 0) - of(model(corrupted))) < 1e-3f, "another: the corrupted run");
  check(hooked::max(by_head).item() > of(model(corrupted)) + 1, "a head carries it");
}

void evaluation_under_hooks(const hooked::Transformer<float>& model, const hooked::Dataset& data) {
  // [evaluation]
  hooked::Tensor<double> without({2, 2});  // [layer, head]: accuracy without this head
  for (int layer = 0; layer < 2; ++layer) {
    for (int head = 0; head < 2; ++head) {
      const auto hook = hooked::zero(hooked::act_name("z", layer), {.heads = {head}});
      without(layer, head) = hooked::evaluate(model, data, {hook}).accuracy;
    }
  }
  std::cout << without << "\n";
  // [end]
  check(hooked::min(without).item() < hooked::evaluate(model, data).accuracy, "heads matter");
}

void hooks_that_last(const hooked::Transformer<float>& learnt) {
  // [lasting]
  hooked::Transformer<float> model = learnt;  // a copy with hooks of its own
  int calls = 0;
  model.add_hook({"blocks.*.hook_resid_post",
                  [&](hooked::View<const float>, const hooked::HookPoint&) { ++calls; }});
  model(clean);  // both blocks
  {
    const auto scope = model.hooks({hooked::zero("blocks.0.hook_mlp_out")});
    model(clean);  // with both hooks
  }
  model(clean);  // the scope is gone
  model.reset_hooks();
  model(clean);  // without any
  // [end]
  check(calls == 6, "three runs, two blocks");
  check(model.n_hooks() == 0, "no hook stays");
}

void divergence(hooked::Transformer<float> model, const hooked::Dataset& data) {
  // [kl]
  // KL(whole || ablated) of the predictions at "=", in nats, mean over examples.
  const hooked::RunOptions at_equals{.positions = {3}};
  const auto p = hooked::log_softmax(model(data.tokens, at_equals), -1);
  const auto q = hooked::log_softmax(
      model.run_with_hooks(data.tokens, {hooked::zero("blocks.0.attn.hook_z", {.heads = {1}})},
                           at_equals),
      -1);
  const double kl = hooked::mean(hooked::sum(hooked::exp(p) * (p - q), -1)).item();
  // [end]
  const auto each = hooked::sum(hooked::exp(p) * (p - q), -1);
  check(hooked::min(each).item() > -1e-5f && kl > 0.01, "it is positive");
  check(hooked::sum(hooked::exp(p) * (p - p)).item() == 0, "and 0 for the same run");

  // [kl_gradient]
  hooked::Pass pass(model);
  pass.begin({.gradients = true, .positions = {3}});
  const auto whole = hooked::log_softmax(model.forward(pass, data.tokens));
  const auto scope = model.hooks({hooked::zero("blocks.0.attn.hook_z", {.heads = {1}})});
  const auto ablated = hooked::log_softmax(model.forward(pass, data.tokens));
  const auto loss = hooked::mean(hooked::sum(hooked::exp(whole) * (whole - ablated), -1));
  pass.backward(loss);
  std::cout << loss.item() << " nats\n" << pass.gradient("unembed.W_U").shape();
  // [end]
  check(std::abs(loss.item() - kl) < 1e-5f, "the same number");
}

void generation(const hooked::Transformer<float>& model) {
  // [generate]
  // Two prompts, the shorter one padded on its left.
  const hooked::Tensor<hooked::Token> prompts({2, 3}, {0, 2, 7, 5, 2, 7});
  const auto text = hooked::generate(
      model, prompts,
      {.max_new_tokens = 1,
       .do_sample = false,
       .attention_mask = hooked::Tensor<std::uint8_t>({2, 3}, {0, 1, 1, 1, 1, 1})});

  // Step by step, with hooks: keys and values of what was read stay in a cache, and a copy of it
  // goes on from the same prefix in another way.
  hooked::KeyValueCache<float> past(1, model.config().n_ctx);
  (void)model.run_with_past(prompts.slice(0, 1, 2), past);  // 5 2 7
  hooked::KeyValueCache<float> other = past;
  const hooked::Tensor<hooked::Token> equals({1, 1}, 10);
  const auto logits = model.run_with_past(equals, past);  // [batch, new tokens, d_vocab_out]
  const auto ablated =
      model.run_with_past(equals, other, {hooked::zero("blocks.0.attn.hook_z", {.heads = {1}})});
  // [end]
  check(text.shape() == hooked::Shape{2, 4}, "a token more");
  check(hooked::argmax(logits, -1)(0, 0) == 7, "the largest digit");
  check(hooked::max_norm(logits - ablated).item() > 0.1f, "the hook acted");
}

}  // namespace

void compare_runs() {
  generation(largest_digit());
  ablate(largest_digit(), digits());
  patch(largest_digit());
  steer(largest_digit());
  sweeps(largest_digit());
  evaluation_under_hooks(largest_digit(), digits());
  hooks_that_last(largest_digit());
  divergence(largest_digit(), digits());
}
