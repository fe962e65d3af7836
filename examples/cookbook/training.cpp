// Recipes of training. `./dev docs` copies what stands between marks to docs/cookbook.md.
#include <cmath>
#include <filesystem>
#include <hooked/hooked.hpp>
#include <hooked/nn/encoder_decoder.hpp>
#include <hooked/train/sequence_pairs.hpp>
#include <iostream>

#include "cookbook.hpp"

namespace {

const hooked::TransformerConfig small{.n_layers = 1,
                                      .d_model = 16,
                                      .n_ctx = 4,
                                      .n_heads = 2,
                                      .d_head = 8,
                                      .d_mlp = 32,
                                      .d_vocab = 11,
                                      .d_vocab_out = 10};

bool same_bits(const hooked::Transformer<float>& a, const hooked::Transformer<float>& b) {
  return hooked::max_norm(a.parameters().slab() - b.parameters().slab()).item() == 0;
}

void own_loss(const hooked::Dataset& data) {
  hooked::Transformer<float> model(small, hooked::Seed{0});
  // [own_loss]
  // The Brier score, sum over classes of (p - [class is the label])^2. An objective gives the sum
  // over the examples of the batch that it is handed.
  const auto brier = [](const auto& m, hooked::Pass<float>& pass, const hooked::Dataset& batch) {
    const auto p = hooked::softmax(m.forward(pass, batch.tokens), -1);  // [batch, 1, 10]
    const auto labels = batch.labels.view().reshape({batch.size(), 1, 1});
    const auto of_label = hooked::take_along_axis(p, labels, -1);
    return hooked::sum(p * p) - 2.0 * hooked::sum(of_label) + static_cast<double>(batch.size());
  };
  hooked::train(model, data, brier,
                {.optimizer = hooked::AdamW{.lr = 3e-3}, .epochs = 20, .batch_size = 100});
  const double score = hooked::evaluate(model, data, brier).loss;
  // [end]
  double by_hand = 0;
  const auto p = hooked::softmax(model(data.tokens, {.positions = {3}}), -1);
  for (hooked::Index i = 0; i < 1000; ++i) {
    for (int c = 0; c < 10; ++c) {
      const double miss = p(i, 0, c) - (data.labels(i, 0) == c ? 1.0 : 0.0);
      by_hand += miss * miss / 1000;
    }
  }
  check(std::abs(score - by_hand) < 1e-4, "the score is that of the definition");
  check(score < 0.5, "training made it small");
}

void own_data() {
  // [own_data]
  // Fresh at every step: four random digits; the answer, at the last position, is the first one.
  const auto data = hooked::draw([](hooked::Random& random, hooked::Index examples) {
    hooked::Dataset batch{hooked::Tensor<hooked::Token>({examples, 4}),
                          hooked::Tensor<hooked::Token>({examples, 1}),
                          {3}};
    for (hooked::Index i = 0; i < examples; ++i) {
      for (int p = 0; p < 4; ++p) batch.tokens(i, p) = static_cast<hooked::Token>(random.below(10));
      batch.labels(i, 0) = batch.tokens(i, 0);
    }
    return batch;
  });
  hooked::Transformer<float> model(small, hooked::Seed{0});
  hooked::train(model, data,
                {.optimizer = hooked::AdamW{.lr = 3e-3}, .steps = 300, .batch_size = 100});
  // [end]
  hooked::Random random(hooked::Seed{99});
  check(hooked::evaluate(model, data.draw(random, 500)).accuracy > 0.9, "it learnt to copy");
}

void own_loop(const hooked::Dataset& data) {
  hooked::Transformer<float> model(small, hooked::Seed{0});
  const double before = hooked::evaluate(model, data).loss;
  // [own_loop]
  hooked::Pass pass(model);
  hooked::Optimizer optimizer(hooked::AdamW{.lr = 3e-3}, model);
  const auto schedule = hooked::Schedule::warmup(10).then(hooked::Schedule::cosine(90));
  std::vector<hooked::Index> order(1000);
  std::iota(order.begin(), order.end(), 0);
  hooked::Random random(hooked::Seed{0}, "order of the examples");
  for (std::size_t step = 0; step < 100; ++step) {
    if (step % 10 == 0) random.permutation(order);  // an epoch is ten batches of 100
    const auto batch = hooked::subset(data, std::span(order).subspan(step % 10 * 100, 100));
    pass.begin({.gradients = true, .positions = {3}});
    const auto logits = model.forward(pass, batch.tokens);
    pass.backward(hooked::cross_entropy(logits, batch.labels));  // the mean, in nats
    pass.clip_gradient_norm(1.0);
    optimizer.step(model, pass, schedule(static_cast<hooked::Index>(step)));
  }
  // [end]
  check(hooked::evaluate(model, data).loss < 0.7 * before, "the loss falls");
}

void freeze(const hooked::Transformer<float>& learnt, const hooked::Dataset& data) {
  // [freeze]
  hooked::Transformer<float> model = learnt;
  model.parameters().freeze("embed.*");
  model.parameters().freeze("*.b_*");
  hooked::train(model, data, {.steps = 5, .batch_size = 100});
  // [end]
  const auto moved = [&](const std::string& name) {
    return hooked::max_norm(model[name] - learnt[name]).item() > 0;
  };
  check(!moved("embed.W_E") && !moved("blocks.0.mlp.b_in"), "frozen parameters stand still");
  check(moved("blocks.0.mlp.W_in"), "the others move");
}

void weights(const hooked::Transformer<float>& model, const hooked::Dataset& data) {
  // [weights]
  // The examples whose first digit is 0 to 4 count for nothing.
  hooked::Dataset weighted = data;
  weighted.weights = hooked::Tensor<float>({1000}, 1.0f);
  weighted.weights.slice(0, 0, 500).array() = 0.0f;
  const double loss = hooked::evaluate(model, weighted).loss;
  // [end]
  std::vector<hooked::Index> rest;
  for (hooked::Index i = 500; i < 1000; ++i) rest.push_back(i);
  const double of_rest = hooked::evaluate(model, hooked::subset(data, rest)).loss;
  check(std::abs(loss - of_rest) < 1e-6, "the loss is that of the others");
}

void checkpoints(const hooked::Dataset& data) {
  struct StopAt30 {
    bool on_step(const hooked::StepInfo& info) const { return info.step < 30; }
  };
  hooked::Transformer<float> model(small, hooked::Seed{0});
  std::filesystem::remove_all("run");
  // [checkpoints]
  const hooked::TrainOptions options{
      .steps = 60, .batch_size = 100, .directory = "run", .checkpoint_every = 20, .resume = true};
  hooked::train(model, data, options, StopAt30{});  // broken off
  hooked::train(model, data, options);              // goes on, with the same bits
  // [end]
  hooked::Transformer<float> straight(small, hooked::Seed{0});
  const auto result = hooked::train(straight, data, {.steps = 60, .batch_size = 100});
  check(result.steps == 60 && same_bits(model, straight), "as if it had not been broken off");
}

void seeds(const hooked::Dataset& data) {
  // [seeds]
  const auto run = [&](hooked::Seed seed, int threads) {
    hooked::Transformer<float> model(small, seed);  // the initial weights
    hooked::train(model, data,
                  {.steps = 20, .batch_size = 100, .seed = seed, .threads = threads});  // the order
    return model;
  };
  const auto a = run(hooked::Seed{1}, 1), b = run(hooked::Seed{1}, 2), c = run(hooked::Seed{2}, 1);
  // [end]
  check(same_bits(a, b), "the same seed, the same bits, for any number of threads");
  check(!same_bits(a, c), "another seed, another model");
}

void encoder_decoder() {
  // [encoder_decoder]
  // Three letters (3, 4, 5, ...) and the same backwards: "begin c b a end". 0 is padding.
  const hooked::Token begin = 1, end = 2;
  hooked::Tensor<hooked::Token> source({512, 4}), text({512, 6});
  for (int i = 0; i < 512; ++i) {
    const int letters[] = {3 + i / 64, 3 + i / 8 % 8, 3 + i % 8};
    text(i, 0) = begin, text(i, 4) = end;
    for (int p = 0; p < 3; ++p) source(i, p) = text(i, 3 - p) = letters[p];
  }
  const auto data = hooked::sequence_pairs(source, text, 0);  // targets, labels and masks of it
  const auto [seen, held_out] = hooked::split(data, 400, hooked::Seed{0});
  hooked::EncoderDecoder<float> model({.d_model = 32, .n_heads = 4, .d_vocab = 11, .n_ctx = 6});
  hooked::train(model, seen,
                {.optimizer = hooked::AdamW{.lr = 3e-3}, .epochs = 40, .batch_size = 50});
  std::cout << "accuracy " << hooked::evaluate(model, held_out).accuracy << "\n";

  // Where in the source does each target token look? [batch, head, target, source]
  const auto cache =
      model.run_with_cache(held_out.input(), {.names = {"*.cross_attn.hook_pattern"}}).cache;
  std::cout << cache["decoder.0.cross_attn.hook_pattern"].select(0, 0) << "\n";
  // What does it say of one source?
  const hooked::Tensor<hooked::Token> one({1, 3}, {7, 4, 9}), from({1, 1}, {begin});
  const auto said = hooked::generate(model, one, from,
                                     {.max_new_tokens = 5, .do_sample = false, .eos_token = end});
  // [end]
  check(hooked::evaluate(model, held_out).accuracy > 0.95, "it learnt to reverse");
  check(cache["decoder.0.cross_attn.hook_pattern"].shape() == hooked::Shape{112, 4, 5, 4},
        "a pattern for each target token");
  check(said.size(1) == 5 && said(0, 1) == 9 && said(0, 3) == 7, "it reverses one");
}

}  // namespace

void train_things() {
  own_loss(digits());
  own_data();
  own_loop(digits());
  freeze(largest_digit(), digits());
  weights(largest_digit(), digits());
  checkpoints(digits());
  seeds(digits());
  encoder_decoder();
}
