// Any data, any objective, any model: weights and label smoothing, auxiliary losses, data drawn
// fresh, several models in one run, and what is refused.
#include "hooked/train/objective.hpp"

#include <array>
#include <functional>

#include "catch.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/core/softmax.hpp"
#include "hooked/io/safetensors.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/train/train.hpp"
#include "io/scratch.hpp"
#include "train/sums.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;
using scratch::error_of;
using testing::bit_difference;

Transformer<float> tiny_model() { return Transformer<float>(sums::config(), Seed{1}); }

/// x -> x W: the smallest network there is.
struct Matrix {
  ParameterId W, b;
  explicit Matrix(const Builder& builder)
      : W(builder.parameter("W_map", {3, 3})), b(builder.parameter("b_map", {3})) {}
  Variable<float> operator()(Pass<float>& pass, Variable<float> x) const {
    return record<Linear>({}, x, pass[W], pass[b]);
  }
};

Tensor<float> rows(Index count) {
  Tensor<float> x({count, 3});
  Random random(Seed{3});
  for (Index i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<float>(random.normal());
  return x;
}

/// The objective of the tests: cross-entropy with weights, and the L1 norm of the hidden layer.
struct Sparse {
  const Transformer<float>& model;
  CrossEntropyLoss loss = {};

  Variable<float> operator()(Pass<float>& pass, const Dataset& batch) const {
    const Variable<float> wrong = loss(model, pass, batch);  // runs the model, so it comes first
    return wrong + 1e-3 * sum(record<L1Norm>({}, pass.activation("blocks.0.mlp.hook_post")));
  }
  double divisor(const Dataset& batch) const { return loss.divisor(batch); }
};

struct OnStep {
  std::function<void(const StepInfo&)> call;
  void on_step(const StepInfo& info) { call(info); }
};

TEST_CASE("A weight counts an example so many times") {
  Dataset weighted = sums::data();
  weighted.weights = Tensor<float>({16}, 1.0f);
  weighted.weights(3) = 2.0f;
  weighted.weights(5) = 0.0f;
  std::vector<Index> repeated{3};
  for (Index i = 0; i < 16; ++i) {
    if (i != 5) repeated.push_back(i);
  }
  const Dataset copies = subset(sums::data(), repeated);
  const auto model = tiny_model();
  const Evaluation a = evaluate(model, weighted), b = evaluate(model, copies);
  CHECK(a.loss == Approx(b.loss).epsilon(1e-6));
  CHECK(a.accuracy == Approx(b.accuracy).epsilon(1e-12));

  const auto trained = [](const Dataset& data) {
    auto learner = tiny_model();
    TrainOptions options = sums::plain(1);
    options.optimizer = Sgd{.lr = 0.1};
    train(learner, data, options);
    return learner.parameters().slab();
  };
  const Tensor<float> of_weights = trained(weighted), of_copies = trained(copies);
  const Tensor<float> of_plain = trained(sums::data());
  CHECK((of_weights.array() - of_copies.array()).abs().maxCoeff() < 1e-6f);
  CHECK((of_plain.array() - of_copies.array()).abs().maxCoeff() > 1e-4f);
}

TEST_CASE("Label smoothing mixes the label with all tokens") {
  const auto model = tiny_model();
  const Dataset data = sums::data();
  const Tensor<float> log_p = log_softmax(model(data.tokens, {.positions = {2}}));
  double expected = 0.0;
  for (Index i = 0; i < 16; ++i) {
    expected -= 0.9 * static_cast<double>(log_p(i, 0, data.labels(i, 0)));
    for (Index k = 0; k < 4; ++k) expected -= 0.1 / 4 * static_cast<double>(log_p(i, 0, k));
  }
  const CrossEntropyLoss smooth{.label_smoothing = 0.1};
  CHECK(evaluate(model, data, smooth).loss == Approx(expected / 16).epsilon(1e-6));
  CHECK(error_of<ConfigError>([&] { evaluate(model, data, CrossEntropyLoss{1.0}); }) ==
        "label_smoothing is 1, it must be in [0, 1)");
}

TEST_CASE("Each label can have a weight of its own") {
  Dataset data = sums::data();
  data.labels = Tensor<Token>({data.size(), data.tokens.size(1)}, 1);
  data.positions = {};
  const auto weighted = [&](float first, float others) {
    Dataset with = data;
    with.weights = Tensor<float>(data.labels.shape(), others);
    for (Index i = 0; i < data.size(); ++i) with.weights(i, 0) = first;
    return with;
  };
  const auto model = tiny_model();
  const auto plain = evaluate(model, data), of_first = evaluate(model, weighted(1.0f, 0.0f)),
             all_alike = evaluate(model, weighted(2.0f, 2.0f));
  CHECK(plain.loss_at.size() == static_cast<std::size_t>(data.labels.size(1)));
  CHECK(of_first.loss == Approx(plain.loss_at[0]));
  CHECK(all_alike.loss == Approx(plain.loss));
  Dataset wrong = data;
  wrong.weights = Tensor<float>({data.size(), data.labels.size(1) + 1}, 1.0f);
  CHECK_THROWS_WITH(evaluate(model, wrong), ContainsSubstring("or one for each label"));
}

TEST_CASE("An objective with weights and an auxiliary loss calls the heap not once from step 2") {
  if (!testing::AllocGuard::counting()) return;
  auto model = tiny_model();
  Dataset data = sums::data();
  data.weights = Tensor<float>({16}, 1.0f);
  data.weights(2) = 0.5f;
  TrainOptions options = sums::plain(12);
  options.batch_size = GENERATE(0, 6);
  options.lanes = 2;
  options.activations = {"blocks.0.mlp.hook_post"};
  const testing::AllocGuard guard;
  std::array<long, 12> calls{};
  train(model, data, Sparse{model}, options, OnStep{[&](const StepInfo& info) {
          calls[static_cast<std::size_t>(info.step - 1)] = guard.calls();
        }});
  for (std::size_t step = 1; step < calls.size(); ++step) {
    CAPTURE(step + 1);
    CHECK(calls[step] - calls[step - 1] == 0);
  }
}

TEST_CASE("An auxiliary loss acts, and its run is the same for threads, kills and resuming") {
  const auto trained = [](TrainOptions options) {
    auto model = tiny_model();
    Dataset data = sums::data();
    options.batch_size = 6;
    options.lanes = 3;
    options.activations = {"post0"};
    train(model, data, Sparse{model}, options);
    return model;
  };
  const auto whole = trained(sums::plain(20));
  TrainOptions two = sums::plain(20);
  two.threads = 2;
  CHECK(bit_difference(trained(two).parameters().slab(), whole.parameters().slab()) == "");
  const scratch::Directory directory;
  TrainOptions half = sums::plain(9);
  half.directory = directory.path();
  half.checkpoint_every = 3;
  trained(half);
  half.steps = 20;
  half.resume = true;
  CHECK(bit_difference(trained(half).parameters().slab(), whole.parameters().slab()) == "");
  auto without = tiny_model();
  TrainOptions options = sums::plain(20);
  options.batch_size = 6;
  options.lanes = 3;
  train(without, sums::data(), options);
  const auto activity = [](const Transformer<float>& model) {
    const auto cache = model.run_with_cache(sums::data().tokens, {.names = {"post0"}}).cache;
    return cache["post0"].array().abs().sum();
  };
  CHECK(activity(whole) < activity(without));
}

// ---- Models and data of one's own.

TEST_CASE("Any network learns, and evaluates without labels") {
  Model<Matrix> model(Seed{0});
  const Tensor<float> x = rows(100);
  const double before = evaluate(model, x, Reconstruction{}).loss;
  TrainOptions options = sums::plain(1000);
  options.validation = &x;
  const TrainResult result = train(model, x, Reconstruction{}, options);
  CHECK(before > 0.1);
  CHECK(result.evaluation->loss < 1e-3);
  CHECK(std::isnan(result.evaluation->accuracy));
  CHECK(result.evaluation->loss == evaluate(model, x, Reconstruction{}).loss);
  const auto W = model["W_map"].matrix();
  CHECK((W - W.Identity(3, 3)).cwiseAbs().maxCoeff() < 0.05f);
}

TEST_CASE("Data that is drawn is that of seed and step, whatever happens between") {
  const auto fresh = draw([](Random& random, Index examples) {
    Tensor<float> x({examples, 3});
    for (Index i = 0; i < x.numel(); ++i) x.data()[i] = static_cast<float>(random.uniform());
    return x;
  });
  const scratch::Directory directory;
  const auto trained = [&](Index steps, bool resume, int threads) {
    Model<Matrix> model(Seed{0});
    TrainOptions options = sums::plain(steps);
    options.batch_size = 24;
    options.lanes = 3;
    options.threads = threads;
    if (resume) {
      options.directory = directory.path();
      options.checkpoint_every = 4;
      options.resume = true;
    }
    train(model, fresh, Reconstruction{}, options);
    return model.parameters().slab();
  };
  const auto whole = trained(15, false, 1);
  CHECK(bit_difference(trained(15, false, 2), whole) == "");
  trained(6, true, 1);
  CHECK(bit_difference(trained(15, true, 2), whole) == "");
  CHECK(bit_difference(trained(14, false, 1), whole) != "");
}

TEST_CASE("A run may train one model on what another, frozen one makes") {
  auto model = tiny_model();
  model.add_hook(scale("blocks.0.mlp.hook_post", 1.0));  // one that acts in the frozen model
  const Tensor<float> before = model.parameters().slab();
  struct Decoder {
    ParameterId W, b;
    explicit Decoder(const Builder& builder)
        : W(builder.parameter("W_D", {8, 4})), b(builder.parameter("b_D", {4})) {}
    Variable<float> operator()(Pass<float>& pass, Variable<float> x) const {
      return record<Linear>({}, x, pass[W], pass[b]);
    }
  };
  Model<Decoder> decoder(Seed{0});
  const auto objective = [&](Pass<float>& pass, const Dataset& batch) {
    (void)model.forward(pass, batch.tokens);
    const auto stream = pass.activation("blocks.0.hook_resid_post");
    const auto at_equals = at_positions(stream, batch.positions);
    return sum(CrossEntropyLoss{}.losses(decoder.forward(pass, at_equals), batch));
  };
  const scratch::Directory directory;
  TrainOptions options = sums::plain(600);
  options.activations = {"blocks.0.hook_resid_post"};
  options.directory = directory.path();
  options.checkpoint_every = 50;
  const TrainResult result = train(together(frozen("lm", model), trained("decoder", decoder)),
                                   sums::data(), objective, options);
  CHECK(bit_difference(model.parameters().slab(), before) == "");
  CHECK(result.loss < 1.25);  // ln 4 = 1.386 knows nothing
  CHECK(std::filesystem::exists(directory / "decoder/model.safetensors"));
  CHECK(std::filesystem::exists(directory / "lm/config.json"));
  CHECK(SafetensorsFile(directory / "checkpoint.safetensors").contains("model.decoder.W_D"));
}

// ---- What cannot be.

struct Pairs {
  Tensor<float> x;
  Tensor<Token> label;
  static constexpr std::tuple parts{&Pairs::x, &Pairs::label};
};

TEST_CASE("Data and objectives that do not fit are errors that say what would") {
  Model<Matrix> model(Seed{0});
  const auto refused = [&](const auto& data, const auto& objective, TrainOptions options) {
    const Tensor<float> before = model.parameters().slab();
    const std::string message = error_of<Error>([&] { train(model, data, objective, options); });
    CHECK(bit_difference(model.parameters().slab(), before) == "");
    return message;
  };
  const auto anything = [&](Pass<float>& pass, const auto&) {
    return sum(model.forward(pass, rows(2)));
  };
  CHECK(refused(Pairs{rows(4), Tensor<Token>({5})}, anything, sums::plain(1)) ==
        "train: the training set has parts [4, 3] and [5]: their first axes, which count examples, "
        "must agree");
  CHECK(refused(Pairs{}, anything, sums::plain(1)) == "train: the training set is empty");

  TrainOptions drawn = sums::plain(3);
  CHECK(refused(draw([](Random&, Index n) { return rows(n); }), Reconstruction{}, drawn) ==
        "train: batch_size is 0, but data that is drawn needs one");
  drawn.batch_size = 4;
  CHECK(refused(draw([](Random&, Index n) { return rows(n + 1); }), Reconstruction{}, drawn) ==
        "train: in step 1 the source drew 5 examples, asked for 4");
  drawn.steps = 0, drawn.epochs = 2;
  CHECK(refused(draw([](Random&, Index n) { return rows(n); }), Reconstruction{}, drawn) ==
        "train: data that is drawn fresh has no epochs: give steps");

  const auto no_scalar = [&](Pass<float>& pass, const Tensor<float>& x) {
    return model.forward(pass, x);
  };
  CHECK(refused(rows(4), no_scalar, sums::plain(1)) ==
        "the objective gave [1, 3], it must give a scalar: the sum over the examples of its batch");
  const auto no_parameter = [](Pass<float>& pass, const Tensor<float>& x) {
    return sum(pass.tape().constant(x));
  };
  CHECK(refused(rows(4), no_parameter, sums::plain(1)) ==
        "the objective does not depend on any parameter that is trained");
  TrainOptions unknown = sums::plain(1);
  unknown.activations = {"hook_nothing"};
  CHECK_THAT(refused(rows(4), anything, unknown), ContainsSubstring("no hook point is named"));
  const auto not_kept = [&](Pass<float>& pass, const Tensor<float>&) {
    return sum(pass.activation("hook_nothing"));
  };
  CHECK_THAT(
      refused(rows(4), not_kept, sums::plain(1)),
      ContainsSubstring("\"hook_nothing\" is not among the activations that this run keeps"));
  TrainOptions other_set = sums::plain(1);
  const Dataset tokens = sums::data();
  other_set.validation = &tokens;
  CHECK(refused(rows(4), Reconstruction{}, other_set) ==
        "train: the validation set is of another type than the batches of the data");

  Model<Matrix> other(Seed{1});
  const auto nothing_to_do = [&] {
    train(together(frozen("a", model), frozen("b", other)), rows(4), anything, sums::plain(1));
  };
  CHECK(error_of<ConfigError>(nothing_to_do) ==
        "train: every model is frozen, there is nothing to do");
  CHECK(error_of<ConfigError>([&] { together(trained("a", model), trained("a", other)); }) ==
        "train: two models are called \"a\": their files and checkpoints would be mixed up");
  CHECK(error_of<ConfigError>([&] { together(trained("a", model), frozen("b", model)); }) ==
        "train: \"a\" and \"b\" are one and the same model");
}

}  // namespace
}  // namespace hooked
