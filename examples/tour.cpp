// The code of docs/start.md, part by part: `./dev docs` copies it there.
#include <hooked/hooked.hpp>
#include <iostream>

int main() {
  // [tensors]
  hooked::Tensor<float> x({2, 3, 4}, 1.0f);
  auto part = x.select(0, 1).slice(0, 0, 2);  // a View [2, 4]: no copy
  part.matrix() *= 2.0f;                      // Eigen's matrices, no copy either
  std::cout << x << hooked::einsum("abc,dbc->ad", x, x) << hooked::mean(x, 2);

  // [numpy]
  auto y = hooked::randn<float>({3, 4}, hooked::Seed{0});  // zeros, ones, arange, eye, one_hot, ...
  y -= hooked::mean(y, -1, hooked::Keep::yes);             // += -= *= /= write in place
  y = hooked::where(y > 0, y, 0.1f * y);                   // comparisons: ones and zeros
  for (auto row : y) row /= hooked::max(row);              // along the first axis
  hooked::print(y.transpose().reshape({2, -1}), {.digits = 2});

  // [model]
  hooked::Transformer<double> model(
      {.n_layers = 2, .d_model = 64, .n_ctx = 32, .d_head = 16, .d_vocab = 100}, hooked::Seed{1});
  std::cout << model["blocks.0.attn.W_Q"].shape();  // [head, d_model, d_head]
  model.parameters().freeze("*.b_*");               // these keep their values in training

  // [running]
  const hooked::Tensor<hooked::Token> tokens({1, 4}, {3, 1, 4, 1});
  const auto logits = model(tokens);                       // [batch, pos, d_vocab_out]
  const double loss = model.loss(tokens);                  // next-token loss, in nats
  const auto last = model(tokens, {.positions = {3}});     // only what is wanted is computed
  const auto [out, cache] = model.run_with_cache(tokens);  // every activation
  const auto few =
      model.run_with_cache(tokens, {.names = {"blocks.*.attn.hook_pattern"}, .logits = false})
          .cache;
  std::cout << loss << few.at("pattern", 1);  // block 1
  const auto text = hooked::generate(model, tokens, {.max_new_tokens = 5, .do_sample = false});

  // [hooks]
  const hooked::Hook<double> watch("blocks.*.hook_resid_post", [](hooked::View<const double> resid,
                                                                  const hooked::HookPoint& point) {
    std::cout << point.name() << " " << resid.matrix().norm() << "\n";
  });
  model.run_with_hooks(tokens, {watch, hooked::zero("blocks.1.attn.hook_z", {.heads = {2}})});
  model.run_with_hooks(tokens,
                       {hooked::patch("blocks.0.hook_resid_post", cache, {.positions = {2}})});
  {
    const auto scope = model.hooks({hooked::scale("blocks.0.mlp.hook_post", 0.5)});
    model(tokens);  // with the hook
  }
  model(tokens);  // without

  // [gradients]
  const auto gradients = model
                             .run_with_cache(tokens, {.names = {"blocks.0.hook_resid_pre"},
                                                      .gradient_of =
                                                          [](hooked::Variable<double> l) {
                                                            return hooked::element(l, {0, -1, 7});
                                                          }})
                             .cache;
  std::cout << gradients["blocks.0.hook_resid_pre_grad"];

  // [pass]
  hooked::Pass<double> pass(model.parameters());
  pass.begin({.gradients = true});
  pass.backward(hooked::mean(model.forward(pass, tokens)));
  std::cout << pass.gradient("blocks.0.attn.W_Q").shape();

  // [variables]
  // The toy model of superposition: five features in two dimensions, relu(W^T W x + b).
  hooked::Tensor<double> W({5, 2}), dW(W.shape()), b({5}), db(b.shape()), features({64, 5});
  hooked::Random random(hooked::Seed{0}, "toy");
  hooked::for_each_element(W.view(), [&](auto, double& w) { w = 0.3 * random.normal(); });
  hooked::for_each_element(features.view(), [&](auto, double& f) {
    f = random.uniform() < 0.1 ? random.uniform() : 0.0;
  });
  hooked::Tape<double> tape;
  for (int step = 0; step < 200; ++step) {
    tape.reset();
    const auto w = tape.leaf(W, dW), bias = tape.leaf(b, db), f = tape.constant(features);
    const auto seen = hooked::relu(hooked::matmul(hooked::matmul(f, w), w.transpose()) + bias);
    tape.backward(hooked::mean(hooked::pow(seen - f, 2.0)));
    W.array() -= 1.0 * dW.array();
    b.array() -= 1.0 * db.array();
  }

  // [kl]
  const auto kl_from_logits = [&](hooked::Variable<double> l) {  // KL(p || q) of two runs
    const auto log_p = hooked::log_softmax(l.tape().constant(logits));
    return hooked::sum(hooked::exp(log_p) * (log_p - hooked::log_softmax(l)));
  };
  const auto slopes = model
                          .run_with_cache(tokens, {.names = {"blocks.1.hook_resid_pre"},
                                                   .gradient_of = kl_from_logits})
                          .cache;
  std::cout << slopes["blocks.1.hook_resid_pre_grad"].shape();

  // [data]
  const hooked::Dataset data{
      .tokens = tokens, .labels = hooked::Tensor<hooked::Token>({1, 1}, {5}), .positions = {3}};

  // [training]
  const auto result =
      hooked::train(model, data,
                    {.optimizer = hooked::AdamW{.lr = 1e-3, .weight_decay = 1.0},
                     .schedule = hooked::Schedule::warmup(10).then(hooked::Schedule::cosine(90)),
                     .steps = 100,
                     .batch_size = 256,
                     .directory = "tour-run",
                     .checkpoint_every = 50,
                     .resume = true});
  // [end]
  std::cout << "trained " << result.steps << " steps, loss " << result.loss << "\n";
}
