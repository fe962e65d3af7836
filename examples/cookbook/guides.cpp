// The right-hand sides of the tables in docs/from_pytorch.md and docs/from_transformer_lens.md:
// what stands behind "// py: " goes to the left, and the code below it to the right.
#include <cmath>
#include <hooked/hooked.hpp>

#include "cookbook.hpp"

namespace {

void torch_tensors() {
  const hooked::Tensor<float> w({3, 4}, 0.5f);
  const hooked::Tensor<hooked::Index> i({2, 1}, {2, 0});
  // [torch_tensors]
  // py: x = torch.zeros(2, 3)
  auto x = hooked::zeros<float>({2, 3});
  // py: y = torch.full((2, 3), 1.5)
  const auto y = hooked::full<float>({2, 3}, 1.5);
  // py: a = torch.tensor([[1., 2.], [3., 4.]])
  const hooked::Tensor<float> a({2, 2}, {1, 2, 3, 4});
  // py: x.shape, x.numel()
  x.shape(), x.numel();
  // py: x[1, 2] = 5
  x(1, 2) = 5;
  // py: x[0] = x[1]
  x.select(0, 0) = x.select(0, 1);
  // py: x[:, 0:2]
  const auto part = x.slice(1, 0, 2);
  // py: x.T, x.permute(1, 0), x.reshape(3, 2)
  x.transpose(), x.permute({1, 0}), x.reshape({3, 2});
  // py: x.clone()
  hooked::Tensor<float> copy = x;
  // py: x * y + 1
  const auto sum = x * y + 1.0f;
  // py: x @ w
  const auto product = hooked::matmul(x, w);
  // py: torch.einsum("ij,jk->ik", x, w)
  const auto same_product = hooked::einsum("ij,jk->ik", x, w);
  // py: x.mean(-1, keepdim=True)
  const auto mean = hooked::mean(x, -1, hooked::Keep::yes);
  // py: x.softmax(-1), x.argmax(-1)
  hooked::softmax(x, -1), hooked::argmax(x, -1);
  // py: values, indices = x.topk(2)
  const auto [values, indices] = hooked::topk(x, 2);
  // py: x.gather(1, i)
  const auto picked = hooked::take_along_axis(x, i, 1);
  // py: torch.where(x > 1, x, 0)
  const auto large = hooked::where(x > 1, x, 0.0f);
  // py: torch.cat([x, y]), torch.stack([x, y])
  hooked::concat(std::vector{x, y}, 0), hooked::stack(std::vector{x, y}, 0);
  // py: x.norm().item(), x.abs().max().item()
  hooked::l2_norm(x).item(), hooked::max_norm(x).item();
  // [end]
  check(x(0, 2) == 5 && copy(0, 2) == 5 && part(0, 1) == 0 && a(1, 0) == 3, "tensors");
  check(sum(0, 2) == 8.5f && product(0, 3) == 2.5f && same_product(1, 1) == 2.5f, "products");
  check(std::abs(mean(1, 0) - 5.0f / 3) < 1e-6f && values(0, 0) == 5 && indices(0, 0) == 2,
        "reductions");
  check(picked(0, 0) == 5 && picked(1, 0) == 0 && large(0, 2) == 5 && large(0, 1) == 0, "picks");
}

void torch_autograd() {
  const hooked::Tensor<float> start({2, 3}, 0.5f), target({2, 3}, 1.0f), w({3, 4}, 0.25f),
      b({4}, 1.0f);
  const hooked::Tensor<hooked::Token> labels({2}, {1, 2});
  // [torch_autograd]
  // py: x.requires_grad_()
  hooked::Tape<float> tape;
  const auto x = tape.input(start);
  // py: F.linear(x, w.T, b), F.relu(x), F.layer_norm(x, (3,))
  hooked::linear(x, w, b), hooked::relu(x), hooked::layer_norm(x);
  // py: y = (x ** 2).sum()
  const auto y = hooked::sum(x * x);
  // py: F.cross_entropy(x, labels)
  const auto loss = hooked::cross_entropy(x, labels.view());
  // py: F.mse_loss(x, target), loss.item()
  hooked::mean(hooked::pow(x - target, 2.0)), loss.item();
  // py: y.backward()
  tape.backward(y);
  // py: x.grad
  const auto slope = tape.gradient(x);
  // py: x.detach()
  const auto fixed = x.detach();
  // py: x.detach().clone()
  const hooked::Tensor<float> numbers(x.value());
  // [end]
  check(slope(1, 2) == 1.0f && !fixed.wants_gradient() && numbers(0, 0) == 0.5f, "2 x");
  check(std::abs(loss.item() - std::log(3.0f)) < 1e-5f, "uniform over three");
}

void torch_training(const hooked::Transformer<float>& learnt, const hooked::Dataset& data) {
  hooked::Transformer<float> model = learnt;
  // [torch_training]
  // py: model.blocks[0].mlp.W_in.data
  model["blocks.0.mlp.W_in"];
  // py: model.state_dict().keys()
  model.parameters().names();
  // py: p.requires_grad = False
  model.parameters().freeze("blocks.0.mlp.*");
  // py: copy.deepcopy(model)
  hooked::Transformer<float> other = model;
  // py: torch.optim.AdamW(model.parameters(), lr=1e-3)
  hooked::Optimizer optimizer(hooked::AdamW{.lr = 1e-3}, model);
  // py: optimizer.zero_grad()
  hooked::Pass pass(model);
  pass.begin({.gradients = true, .positions = {3}});
  // py: logits = model(tokens)
  const auto logits = model.forward(pass, data.tokens);
  // py: loss = F.cross_entropy(logits, labels)
  const auto loss = hooked::cross_entropy(logits, data.labels);
  // py: loss.backward()
  pass.backward(loss);
  // py: model.blocks[1].mlp.W_in.grad
  pass.gradient("blocks.1.mlp.W_in");
  // py: clip_grad_norm_(model.parameters(), 1.0)
  pass.clip_gradient_norm(1.0);
  // py: optimizer.step()
  optimizer.step(model, pass);
  // py: the loop, with DataLoader(batch_size=100, shuffle=True), clip_grad_norm_, CosineAnnealingLR
  hooked::train(model, data,
                {.optimizer = hooked::AdamW{.lr = 1e-3},
                 .schedule = hooked::Schedule::cosine(10),
                 .steps = 10,
                 .batch_size = 100,
                 .max_grad_norm = 1.0});
  // py: torch.save(model.state_dict(), "mine.pt")
  hooked::save_safetensors(model, "mine.safetensors");
  // py: model.load_state_dict(torch.load("mine.pt"))
  hooked::load_safetensors(other, "mine.safetensors");
  // [end]
  const auto moved = [&](const std::string& name) {
    return hooked::max_norm(model[name] - learnt[name]).item() > 0;
  };
  check(!moved("blocks.0.mlp.W_in") && moved("blocks.1.mlp.W_in"), "what is not frozen moves");
  check(hooked::max_norm(model["unembed.W_U"] - other["unembed.W_U"]).item() == 0, "a copy");
}

void lens_runs() {
  const hooked::Tensor<hooked::Token> tokens({1, 4}, {3, 1, 4, 1});
  // [lens_runs]
  // py: cfg = HookedTransformerConfig(n_layers=2, d_model=32, n_ctx=8, d_head=16, d_vocab=50,
  // act_fn="gelu")
  const hooked::TransformerConfig cfg{.n_layers = 2,
                                      .d_model = 32,
                                      .n_ctx = 8,
                                      .d_head = 16,
                                      .d_vocab = 50,
                                      .act_fn = hooked::Activation::gelu};
  // py: model = HookedTransformer(cfg)
  hooked::Transformer<float> model(cfg, hooked::Seed{0});
  // py: logits = model(tokens)
  const auto logits = model(tokens);
  // py: model(tokens, return_type="loss")
  model.loss(tokens);
  // py: model(tokens, return_type="loss", loss_per_token=True)
  const auto losses = model.loss_per_token(tokens);
  // py: model(tokens, attention_mask=mask)
  const hooked::Tensor<std::uint8_t> mask({1, 4}, {0, 1, 1, 1});
  model(tokens, {.attention_mask = mask});
  // py: resid = model(tokens, stop_at_layer=1)
  const auto resid = model(tokens, {.stop_at_layer = 1});
  // py: model(resid, start_at_layer=1)
  const auto from_there = model.run_from_layer(1, resid);
  // py: model.generate(tokens, max_new_tokens=3, do_sample=False, stop_at_eos=False,
  // use_past_kv_cache=False)
  const auto longer = hooked::generate(model, tokens, {.max_new_tokens = 3, .do_sample = false});
  // py: model.blocks[0].attn.W_Q, model.W_Q
  model["blocks.0.attn.W_Q"], model.stacked("attn.W_Q");
  // [end]
  check(hooked::max_norm(from_there - logits).item() < 1e-5f, "the rest of the layers");
  check(losses.shape() == hooked::Shape{1, 3} && longer.shape() == hooked::Shape{1, 7}, "shapes");
}

void lens_caches(const hooked::Transformer<float>& model) {
  const hooked::Tensor<hooked::Token> tokens({1, 4}, {2, 7, 5, 10});
  // [lens_caches]
  // py: logits, cache = model.run_with_cache(tokens)
  const auto [logits, cache] = model.run_with_cache(tokens);
  // py: _, few = model.run_with_cache(tokens, names_filter=lambda name: name.endswith("hook_z"))
  const auto few = model.run_with_cache(tokens, {.names = {"*.hook_z"}, .logits = false}).cache;
  // py: cache["pattern", 0], cache["blocks.0.attn.hook_pattern"]
  cache.at("pattern", 0), cache["blocks.0.attn.hook_pattern"];
  // py: cache["scale", 0, "ln1"]
  cache.at("scale", 0, "ln1");
  // py: cache.stack_activation("z")
  const auto z = cache.stack_activation("z");
  // py: utils.get_act_name("q", 3)
  hooked::act_name("q", 3);
  // py: cfg.use_attn_result = True, then cache["result", 0]
  model.run_with_cache(tokens, {.names = {"blocks.*.attn.hook_result"}}).cache.at("result", 0);
  // py: logits[0, -1, 7].backward(), with bwd hooks
  const auto slopes =
      model.run_with_cache(tokens, {.names = {"z0"}, .gradient_of = [](hooked::Variable<float> l) {
                                      return hooked::element(l, {0, -1, 7});
                                    }});
  slopes.cache["z0_grad"];
  // [end]
  check(few.size() == 2 && z.shape() == hooked::Shape{2, 1, 4, 2, 16}, "two sites, stacked");
  check(hooked::act_name("q", 3) == "blocks.3.attn.hook_q" && logits.rank() == 3, "names");
  check(slopes.cache["z0_grad"].shape() == cache.at("z", 0).shape(), "a gradient");
}

void lens_analyses(const hooked::Transformer<float>& model) {
  const hooked::Tensor<hooked::Token> tokens({1, 4}, {2, 7, 5, 10});
  const auto [logits, cache] = model.run_with_cache(tokens);
  // [lens_analyses]
  // py: resid, labels = cache.accumulated_resid(incl_mid=True, apply_ln=True, return_labels=True)
  const auto resid = hooked::accumulated_resid(model, cache, {.incl_mid = true, .apply_ln = true});
  // py: resid[labels.index("0_mid")]
  resid["0_mid"];
  // py: cache.decompose_resid(layer=1, mode="attn", pos_slice=-1)
  const auto layers = hooked::decompose_resid(
      model, cache, {.layer = 1, .mode = hooked::ResidMode::attn, .positions = {-1}});
  // py: cache.stack_head_results(layer=1, incl_remainder=True)
  const auto heads = hooked::stack_head_results(model, cache, {.layer = 1, .incl_remainder = true});
  // py: cache.compute_head_results(), then cache["result", 0]
  const auto results = hooked::head_results(model, cache, 0);
  // py: cache.get_neuron_results(0, neuron_slice=[3, 5])
  const auto neurons = hooked::neuron_results(model, cache, 0, {.neurons = {3, 5}});
  // py: cache.stack_neuron_results(layer=1, apply_ln=True)
  const auto normed = hooked::stack_neuron_results(model, cache, {.layer = 1, .apply_ln = true});
  // py: cache.get_full_resid_decomposition(expand_neurons=False)
  const auto parts = hooked::full_resid_decomposition(model, cache, {.expand_neurons = false});
  // py: cache.apply_ln_to_stack(stack, layer=1, mlp_input=True)
  const auto read =
      hooked::apply_ln_to_stack(model, cache, layers, {.layer = 1, .mlp_input = true});
  // py: cache.logit_attrs(stack, tokens=7, incorrect_tokens=5)
  const auto attrs = hooked::logit_attrs(model, cache, parts, {.tokens = 7, .incorrect_tokens = 5});
  // py: detect_head(model, text, "previous_token_head", exclude_bos=True)
  const auto scores =
      hooked::detect_head(model, tokens, hooked::HeadKind::previous_token, {.exclude_bos = true});
  // [end]
  check(resid.labels.back() == "final_post" && layers.labels.back() == "0_attn_out", "labels");
  check(heads.labels.size() == 3 && heads.labels.back() == "remainder", "heads");
  check(results.shape() == hooked::Shape{1, 4, 2, 32} && neurons.size(2) == 2, "results");
  check(normed.normalized && read.normalized && attrs.size(0) == 9, "norms");
  check(scores.shape() == hooked::Shape{2, 2} && logits.rank() == 3, "[layer, head]");
}

void lens_hooks(hooked::Transformer<float> model) {
  const hooked::Tensor<hooked::Token> tokens({1, 4}, {2, 7, 5, 10});
  const hooked::Tensor<hooked::Token> corrupted({1, 4}, {2, 3, 5, 10});
  const auto clean_cache = model.run_with_cache(tokens).cache;
  const auto metric = [](hooked::Variable<float> l) { return hooked::element(l, {0, -1, 7}); };
  const auto before = model(tokens);
  // [lens_hooks]
  // py: def zero_head(z, hook): z[:, :, 1] = 0; return z
  const hooked::Hook<float> zero_head = hooked::zero("blocks.0.attn.hook_z", {.heads = {1}});
  // py: model.run_with_hooks(tokens, fwd_hooks=[("blocks.0.attn.hook_z", zero_head)])
  const auto ablated = model.run_with_hooks(tokens, {zero_head});
  // py: def double(resid, hook): return 2 * resid
  const hooked::Hook<float> twice(
      "blocks.0.hook_resid_post",
      [](hooked::Variable<float> resid, const hooked::HookPoint&) { return 2.0 * resid; });
  // py: with model.hooks(fwd_hooks=[...]):
  {
    const auto scope = model.hooks({zero_head, twice});
    model(tokens);
  }
  // py: model.add_hook(name, double)
  model.add_hook(twice);
  // py: model.reset_hooks()
  model.reset_hooks();
  // py: patching.get_act_patch_resid_pre(model, corrupted, clean_cache, metric)
  const auto by_position = hooked::patch_resid_pre(model, tokens, corrupted, metric);
  // py: patching.get_act_patch_attn_head_out_all_pos(model, corrupted, clean_cache, metric)
  const std::vector<hooked::Place> heads{{.layer = 0, .head = 0}, {.layer = 0, .head = 1}};
  const auto by_head = hooked::sweep(model, corrupted, "z", heads, clean_cache, metric);
  // [end]
  check(hooked::max_norm(ablated - before).item() > 1e-3f, "the head is gone");
  check(hooked::max_norm(model(tokens) - before).item() == 0, "no hook stays");
  check(by_position.shape() == hooked::Shape{2, 4} && by_head.numel() == 2, "[layer, pos]");
}

}  // namespace

void guides() {
  torch_tensors();
  torch_autograd();
  torch_training(largest_digit(), digits());
  lens_runs();
  lens_caches(largest_digit());
  lens_analyses(largest_digit());
  lens_hooks(largest_digit());
}
