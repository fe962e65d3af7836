// Training as a whole: what it learns, that the bits depend on nothing but seed and lanes, that a
// killed run goes on as if nothing had happened, and what it says when it cannot.
#include "hooked/train/train.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <functional>
#include <sstream>
#include <thread>

#include "catch.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/train/loop.hpp"
#include "io/scratch.hpp"
#include "train/sums.hpp"

using namespace hooked;
using Catch::Matchers::ContainsSubstring;
using hooked::testing::AllocGuard;
using hooked::testing::bit_difference;
using scratch::error_of;

namespace {

/// One listener for all tests, so that train() is compiled once.
struct Listener {
  std::function<bool(const StepInfo&)> step = {};
  std::function<bool(const EvaluationInfo&)> evaluation = {};
  std::function<void(const std::filesystem::path&)> checkpoint = {};

  bool on_step(const StepInfo& info) { return !step || step(info); }
  bool on_evaluation(const EvaluationInfo& info) { return !evaluation || evaluation(info); }
  void on_checkpoint(const std::filesystem::path& path) {
    if (checkpoint) checkpoint(path);
  }
};

template <Scalar T>
TrainResult run(Transformer<T>& model, const TrainOptions& options, Listener listener = {},
                const Dataset& data = sums::data()) {
  return train(model, data, options, listener);
}

template <Scalar T = double>
Tensor<T> trained(const TrainOptions& options, Listener listener = {}) {
  Transformer<T> model(sums::config(), Seed{1});
  run(model, options, std::move(listener));
  return model.parameters().slab();
}

/// The lanes of a run on the whole of a data set.
template <Scalar T>
struct LanesOf {
  LanesOf(Transformer<T>& model, const Dataset& data, int count)
      : models({trained("model", model)}),
        job(model, batches_of(data, 0, Seed{}), objective),
        lanes(models, job, none, count) {}

  BatchResult gradient(ThreadPool& pool) { return lanes.gradient(0, pool); }

  const CrossEntropyLoss objective = {};
  const std::vector<SiteSelector> none = {};
  Together<T> models;
  hooked::detail::JobOf<T, Model<TransformerNetwork<T>>, Batches<Dataset>, CrossEntropyLoss> job;
  Lanes<T> lanes;
};

}  // namespace

// ---- Learning.

TEST_CASE("A run learns a task and says how it went", "[train]") {
  const Dataset data = sums::data();
  Transformer<double> model(sums::config(), Seed{1});
  const double before = evaluate(model, data).loss;
  TrainOptions options = sums::plain(150);
  options.validation = &data;
  options.schedule = Schedule::warmup(10, 0.1);
  std::vector<StepInfo> steps;
  const TrainResult result = run(model, options, {.step = [&](const StepInfo& info) {
                                   steps.push_back(info);
                                   return true;
                                 }});
  REQUIRE(steps.size() == 150);
  CHECK(steps[0].step == 1);
  CHECK(steps[0].total_steps == 150);
  CHECK(steps[0].epoch == 0);
  CHECK(steps[149].epoch == 149);
  CHECK(steps[0].loss == Approx(before).epsilon(1e-12));
  CHECK(steps[0].lr == Approx(1e-3).epsilon(1e-15));
  CHECK(steps[10].lr == 1e-2);
  CHECK(before > 1.0);  // about ln 4 = 1.386
  CHECK(steps[149].loss < 0.05);
  CHECK(result.loss == steps[149].loss);
  CHECK(result.steps == 150);
  CHECK(!result.stopped_early);
  CHECK(result.seconds > 0.0);
  CHECK(result.evaluation->accuracy == 1.0);
  CHECK(result.evaluation->loss == evaluate(model, data).loss);
}

TEST_CASE("A step of SGD is lr against the gradient of the mean loss", "[train]") {
  Transformer<double> model(sums::config(), Seed{1});
  const Tensor<double> before = model.parameters().slab();
  const Dataset data = sums::data();
  ThreadPool pool(1);
  LanesOf<double> one(model, data, 1);
  const BatchResult batch = one.gradient(pool);
  Lanes<double>& lanes = one.lanes;
  TrainOptions options = sums::plain(1);
  options.optimizer = Sgd{.lr = 0.5};
  options.lanes = 1;
  SECTION("as it is") {}
  SECTION("clipped to a norm") { options.max_grad_norm = batch.gradient_norm / 4; }
  SECTION("not clipped, the norm being smaller") {
    options.max_grad_norm = batch.gradient_norm * 4;
  }
  const double factor =
      options.max_grad_norm > 0 ? std::min(1.0, options.max_grad_norm / batch.gradient_norm) : 1.0;
  run(model, options);
  const auto step = model.parameters().slab().array() - before.array();
  CHECK((step + 0.5 * factor * lanes.gradients().array()).abs().maxCoeff() < 1e-15);
  CHECK(step.abs().maxCoeff() > 1e-3);
}

TEST_CASE("The gradient of several lanes is that of one", "[train]") {
  Transformer<double> model(sums::config(), Seed{1});
  Dataset data = sums::data();
  data.labels(3, 0) = data.labels(15, 0) = CrossEntropy::kIgnored;
  ThreadPool pool(2);
  LanesOf<double> alone(model, data, 1);
  Lanes<double>& one = alone.lanes;
  const BatchResult expected = alone.gradient(pool);
  CHECK(expected.gradient_norm == Approx(one.gradients().array().matrix().norm()).epsilon(1e-14));
  const int count = GENERATE(2, 3, 8, 20);  // 20: more lanes than examples
  LanesOf<double> several(model, data, count);
  Lanes<double>& lanes = several.lanes;
  CHECK(lanes.count() == count);
  const BatchResult found = several.gradient(pool);
  CHECK(found.loss == Approx(expected.loss).epsilon(1e-12));
  CHECK(found.gradient_norm == Approx(expected.gradient_norm).epsilon(1e-12));
  const auto difference = lanes.gradients().array() - one.gradients().array();
  CHECK(difference.abs().maxCoeff() < 1e-12 * one.gradients().array().abs().maxCoeff());
}

TEST_CASE("Labels that are ignored change neither loss nor gradient", "[train]") {
  Transformer<double> model(sums::config(), Seed{1});
  Dataset data = sums::data();
  for (Index i = 8; i < 16; ++i) data.labels(i, 0) = CrossEntropy::kIgnored;
  const Dataset first_half{
      Tensor<Token>(data.tokens.slice(0, 0, 8)), Tensor<Token>(data.labels.slice(0, 0, 8)), {2}};
  ThreadPool pool(1);
  LanesOf<double> whole(model, data, 2), half(model, first_half, 2);
  const BatchResult a = whole.gradient(pool);
  const BatchResult b = half.gradient(pool);
  CHECK(a.loss == Approx(b.loss).epsilon(1e-14));
  CHECK((whole.lanes.gradients().array() - half.lanes.gradients().array()).abs().maxCoeff() <
        1e-15);

  data.labels.fill(CrossEntropy::kIgnored);
  CHECK(error_of<ShapeError>([&] { whole.gradient(pool); }) ==
        "the loss of the batch is divided by 0: nothing in it counts (every label ignored, every "
        "weight 0?)");
}

TEST_CASE("Lanes follow from the batch unless they are chosen", "[train]") {
  CHECK(Lanes<float>::default_count(1, 1) == 1);
  CHECK(Lanes<float>::default_count(1, 10'000) == 1);
  CHECK(Lanes<float>::default_count(15, 1) == 1);
  CHECK(Lanes<float>::default_count(16, 1) == 2);
  CHECK(Lanes<float>::default_count(256, 2) == 2);
  CHECK(Lanes<float>::default_count(256, 4) == 4);
  CHECK(Lanes<float>::default_count(4, 1000) == 4);
  CHECK(Lanes<float>::default_count(100'000, 1) == 8);
  Transformer<double> model(sums::config());
  const Dataset data = sums::data();
  CHECK(error_of<ConfigError>([&] { LanesOf<double>(model, data, 0); }) ==
        "lanes is 0, it must be at least 1");
}

TEST_CASE("Groups and freezing decide what moves, to the bit", "[train]") {
  Transformer<double> model(sums::config(), Seed{1});
  for (const std::string& name : model.parameters().names()) {
    if (name.find("b_") == std::string::npos) continue;
    for_each_element(model[name],
                     [](Index i, double& b) { b = 0.01 * static_cast<double>(i + 1); });
  }
  const Transformer<double> before = model;
  model.parameters().freeze("*b_*");
  TrainOptions options = sums::plain(5);
  options.groups = {{.names = "*.W_O", .lr_factor = 0.0}, {.names = "embed.*", .lr_factor = 0.1}};
  run(model, options);
  for (const std::string& name : model.parameters().names()) {
    CAPTURE(name);
    const bool stays = name.find("b_") != std::string::npos || name.ends_with(".W_O");
    CHECK(stays == bit_difference(model[name], before[name]).empty());
  }
}

TEST_CASE("Biases that the config freezes stay at zero", "[train]") {
  TransformerConfig config = sums::config();
  config.freeze_biases = true;
  Transformer<double> model(config, Seed{1});
  run(model, sums::plain(5));
  CHECK(model["unembed.b_U"].array().abs().maxCoeff() == 0.0);
  CHECK(model["blocks.0.attn.b_Q"].array().abs().maxCoeff() == 0.0);
  CHECK(model["blocks.0.ln1.b"].array().abs().maxCoeff() > 0.0);
}

TEST_CASE("Hooks of the model act in training, in one lane", "[train]") {
  const Dataset data = sums::data();
  TrainOptions options = sums::plain(6);
  options.threads = 2;
  options.validation = &data;
  Transformer<double> model(sums::config(), Seed{1});
  SECTION("one that looks is called in every step and changes nothing") {
    int calls = 0;
    model.add_hook({"blocks.0.mlp.hook_post", [&](View<const double> x, const HookPoint&) {
                      CHECK(x.shape() == Shape{16, 3, 16});
                      ++calls;
                    }});
    run(model, options);
    CHECK(calls == 7);  // six steps and the evaluation
    const Tensor<double> without = trained(options);
    const auto difference = model.parameters().slab().array() - without.array();
    CHECK(difference.abs().maxCoeff() < 1e-9);
  }
  SECTION("one that ablates takes the gradient away too") {
    const Tensor<double> before(model["blocks.0.mlp.W_in"]);
    model.add_hook(zero("blocks.0.mlp.hook_post"));
    options.optimizer = Sgd{.lr = 0.1};
    const TrainResult result = run(model, options);
    CHECK(bit_difference(model["blocks.0.mlp.W_in"], before) == "");
    const double ablated = evaluate(model, data).loss;
    CHECK(result.evaluation->loss == ablated);
    model.reset_hooks();
    CHECK(evaluate(model, data).loss != ablated);
  }
  SECTION("one that overwrites values is refused, since it has no gradient") {
    model.add_hook({"blocks.0.mlp.hook_post", [](View<double>, const HookPoint&) {}});
    CHECK_THAT(error_of<Error>([&] { run(model, options); }),
               ContainsSubstring("the hook at blocks.0.mlp.hook_post overwrites values"));
  }
}

// ---- Callbacks, evaluations, metrics.

namespace {

struct CountsSteps {
  int steps = 0;
  void on_step(const StepInfo&) { ++steps; }
};
struct StopsAtThird {
  bool on_step(const StepInfo& info) { return info.step < 3; }
};
struct HearsTheRest {
  std::vector<Index> evaluated;
  int checkpoints = 0;
  std::optional<TrainResult> result;
  void on_evaluation(const EvaluationInfo& info) { evaluated.push_back(info.step.step); }
  void on_checkpoint(const std::filesystem::path&) { ++checkpoints; }
  void on_end(const TrainResult& r) { result = r; }
};
struct HearsNothing {};
static_assert(TrainCallback<CountsSteps> && TrainCallback<StopsAtThird&> &&
              TrainCallback<HearsTheRest> && !TrainCallback<HearsNothing>);

}  // namespace

TEST_CASE("Any type with some of the callback functions listens, and any may stop the run",
          "[train]") {
  const scratch::Directory directory;
  const Dataset data = sums::data();
  Transformer<double> model(sums::config(), Seed{1});
  TrainOptions options = sums::plain(10);
  options.validation = &data;
  options.evaluate_every = 2;
  options.directory = directory / "run";
  options.checkpoint_every = 2;
  CountsSteps counts;
  HearsTheRest rest;
  const TrainResult result = train(model, data, options, counts, StopsAtThird{}, rest);
  CHECK(counts.steps == 3);
  CHECK(rest.evaluated == std::vector<Index>{2, 3});
  CHECK(rest.checkpoints == 2);  // after steps 2 and 3
  CHECK(result.steps == 3);
  CHECK(result.stopped_early);
  CHECK(rest.result->steps == 3);
  CHECK(rest.result->evaluation->loss == result.evaluation->loss);

  // What stopped early goes on where it stood.
  Transformer<double> resumed(sums::config(), Seed{9});
  options.resume = true;
  CHECK(run(resumed, options).steps == 10);
  CHECK(bit_difference(resumed.parameters().slab(), trained(sums::plain(10))) == "");
}

TEST_CASE("An evaluation may stop the run", "[train]") {
  const Dataset data = sums::data();
  Transformer<double> model(sums::config(), Seed{1});
  TrainOptions options = sums::plain(100);
  options.validation = &data;
  options.evaluate_every = 5;
  const TrainResult result = run(model, options, {.evaluation = [](const EvaluationInfo& info) {
                                   return info.evaluation.accuracy < 0.9;
                                 }});
  CHECK(result.stopped_early);
  CHECK(result.steps % 5 == 0);
  CHECK(result.evaluation->accuracy >= 0.9);
}

TEST_CASE("metrics.csv has a row for each evaluation, to the last bit", "[train]") {
  const scratch::Directory directory;
  const Dataset data = sums::data();
  Transformer<double> model(sums::config(), Seed{1});
  TrainOptions options = sums::plain(10);
  options.batch_size = 8;
  options.validation = &data;
  options.evaluate_every = 4;
  options.directory = directory.path();
  std::ostringstream expected;
  expected.precision(17);
  expected << "step,epoch,lr,train_loss,gradient_norm,loss,accuracy,loss_at_0,accuracy_at_0\n";
  std::vector<Index> steps;
  run(model, options, {.evaluation = [&](const EvaluationInfo& info) {
        const auto& [step, total, epoch, loss, lr, norm] = info.step;
        const Evaluation& e = info.evaluation;
        steps.push_back(step);
        CHECK(epoch == (step - 1) / 2);
        expected << step << ',' << epoch << ',' << lr << ',' << loss << ',' << norm << ',' << e.loss
                 << ',' << e.accuracy << ',' << e.loss_at[0] << ',' << e.accuracy_at[0] << '\n';
        return true;
      }});
  CHECK(steps == std::vector<Index>{4, 8, 10});
  CHECK(read_file(directory / "metrics.csv") == expected.str());
  CHECK(directory.files() == 3);
  CHECK(bit_difference(load_model<double>(directory.path()).parameters().slab(),
                       model.parameters().slab()) == "");
}

TEST_CASE("keep_best ends with the weights of the lowest validation loss", "[train]") {
  const Dataset data = sums::data();
  Transformer<double> model(sums::config(), Seed{1});
  TrainOptions options = sums::plain(40);
  options.schedule = Schedule::linear(40, 100.0);  // the loss falls, and then jumps about
  options.validation = &data;
  options.evaluate_every = 1;
  options.keep_best = true;
  std::vector<double> losses;
  Tensor<double> best;
  const TrainResult result =
      run(model, options, {.evaluation = [&](const EvaluationInfo& info) {
            losses.push_back(info.evaluation.loss);
            if (losses.back() == *std::min_element(losses.begin(), losses.end())) {
              best = model.parameters().slab();
            }
            return true;
          }});
  const double lowest = *std::min_element(losses.begin(), losses.end());
  REQUIRE(losses.size() == 40);
  REQUIRE(lowest < losses.back());
  CHECK(bit_difference(model.parameters().slab(), best) == "");
  CHECK(result.evaluation->loss == lowest);
  CHECK(evaluate(model, data).loss == lowest);
}

// ---- evaluate.

namespace {

/// 1100 random sequences with labels everywhere, some of them ignored: three chunks.
Dataset many() {
  Dataset data{Tensor<Token>({1100, 3}), Tensor<Token>({1100, 3})};
  Random random(Seed{5});
  for (Index i = 0; i < data.tokens.numel(); ++i) {
    data.tokens.data()[i] = static_cast<Token>(random.below(5));
    data.labels.data()[i] = static_cast<Token>(random.below(5)) - 1;  // -1: ignored
  }
  return data;
}

}  // namespace

TEST_CASE("evaluate is the mean over all labels that count, for each position and together",
          "[train]") {
  const Transformer<double> model(sums::config(), Seed{1});
  const Dataset data = many();
  const Tensor<double> logits = model(data.tokens);
  double loss[3] = {}, right[3] = {}, counted[3] = {};
  for (Index i = 0; i < data.size(); ++i) {
    for (Index p = 0; p < 3; ++p) {
      const Token label = data.labels(i, p);
      if (label == CrossEntropy::kIgnored) continue;
      const auto x = logits.select(0, i).select(0, p).array();
      Index likeliest = 0;
      x.reshaped().maxCoeff(&likeliest);
      loss[p] += std::log(x.exp().sum()) - logits(i, p, label);
      right[p] += likeliest == label ? 1 : 0;
      counted[p] += 1;
    }
  }
  const Evaluation found = evaluate(model, data);
  REQUIRE(found.loss_at.size() == 3);
  for (std::size_t p = 0; p < 3; ++p) {
    CHECK(found.loss_at[p] == Approx(loss[p] / counted[p]).epsilon(1e-12));
    CHECK(found.accuracy_at[p] == Approx(right[p] / counted[p]).epsilon(1e-12));
  }
  const double all = counted[0] + counted[1] + counted[2];
  CHECK(found.loss == Approx((loss[0] + loss[1] + loss[2]) / all).epsilon(1e-12));
  CHECK(found.accuracy == Approx((right[0] + right[1] + right[2]) / all).epsilon(1e-12));

  Dataset some{data.tokens, Tensor<Token>(data.labels.slice(1, 0, 3, 2)), {0, 2}};
  const Evaluation at_two = evaluate(model, some);
  CHECK(at_two.loss_at[0] == Approx(found.loss_at[0]).epsilon(1e-12));
  CHECK(at_two.loss_at[1] == Approx(found.loss_at[2]).epsilon(1e-12));
  CHECK(at_two.accuracy_at[1] == found.accuracy_at[2]);
}

TEST_CASE("evaluate gives the same bits for any number of threads", "[train]") {
  const Transformer<float> model(sums::config(), Seed{1});
  const Dataset data = many();
  const Evaluation expected = evaluate(model, data, {}, {.threads = 1});
  for (const int threads : {2, 3, 8}) {
    const Evaluation found = evaluate(model, data, {}, {.threads = threads});
    CHECK(found.loss == expected.loss);
    CHECK(found.loss_at == expected.loss_at);
    CHECK(found.accuracy_at == expected.accuracy_at);
  }
}

TEST_CASE("evaluate with hooks is that of the edited model", "[train]") {
  Transformer<double> model(sums::config(), Seed{1});
  run(model, sums::plain(100));
  const Dataset data = sums::data();
  const Evaluation whole = evaluate(model, data);
  const Evaluation ablated = evaluate(model, data, {zero("blocks.0.attn.hook_z", {.heads = {0}})});
  CHECK(whole.accuracy == 1.0);
  CHECK(ablated.accuracy < 0.8);
  Transformer<double> without = model;
  without["blocks.0.attn.W_O"].select(0, 0).array() = 0.0;
  CHECK(evaluate(without, data).loss == Approx(ablated.loss).epsilon(1e-12));
}

// ---- The same bits.

TEMPLATE_TEST_CASE("The bits of a run do not depend on the number of threads", "[train]", float,
                   double) {
  const scratch::Directory directory;
  const Dataset data = sums::data();
  TrainOptions options = sums::plain(12);
  options.batch_size = 10;  // an epoch is a batch of 10 and one of 6
  options.lanes = 5;
  options.max_grad_norm = 1.0;
  options.validation = &data;
  options.evaluate_every = 5;
  const auto with_threads = [&](int threads) {
    options.threads = threads;
    options.directory = directory / std::to_string(threads);
    return trained<TestType>(options);
  };
  const Tensor<TestType> expected = with_threads(1);
  const std::string metrics = read_file(directory / "1/metrics.csv");
  for (const int threads : {2, 3, 4, 8}) {
    CAPTURE(threads);
    CHECK(bit_difference(with_threads(threads), expected) == "");
    CHECK(read_file(directory / text(threads, "/metrics.csv")) == metrics);
  }
  options.directory.clear();
  CHECK(bit_difference(trained<TestType>(options), expected) == "");
  options.seed = Seed{1};
  CHECK(bit_difference(trained<TestType>(options), expected) != "");
}

namespace {

/// Does `work` in a process of its own and returns how that ended, as waitpid() says it.
/// `meanwhile` is told the process's number.
int in_child(const std::function<void()>& work, const std::function<void(pid_t)>& meanwhile = {}) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      work();
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  REQUIRE(child > 0);
  if (meanwhile) meanwhile(child);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

bool died_of(int status, int signal) { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }

/// A run with everything that a checkpoint must remember.
TrainOptions whole_run(const std::filesystem::path& directory, const Dataset& validation) {
  TrainOptions options = sums::plain(24);
  options.optimizer = AdamW{.lr = 0.05};
  options.schedule = Schedule::warmup(5).then(Schedule::cosine(19));
  options.batch_size = 6;
  options.validation = &validation;
  options.evaluate_every = 7;
  options.keep_best = true;
  options.directory = directory;
  options.checkpoint_every = 3;
  options.resume = true;
  options.threads = 2;
  return options;
}

/// Whether a run in `directory` ended as the one in `expected` did, to the bit; files included.
template <Scalar T>
void check_same_end(const scratch::Directory& directory, const scratch::Directory& expected) {
  for (const char* file : {"metrics.csv", "model.safetensors", "checkpoint.safetensors"}) {
    CAPTURE(file);
    CHECK(read_file(directory / file) == read_file(expected / file));
  }
  CHECK(directory.files() == 4);  // and config.json; nothing half written
}

}  // namespace

TEMPLATE_TEST_CASE("A run that is killed again and again goes on to the same bits", "[train]",
                   float, double) {
  const Dataset data = sums::data();
  const scratch::Directory expected, directory;
  trained<TestType>(whole_run(expected.path(), data));
  const auto killed = [&](const Listener& listener) {
    return died_of(
        in_child([&] { trained<TestType>(whole_run(directory.path(), data), listener); }), SIGKILL);
  };
  const auto in_step = [](Index step) {
    return Listener{.step = [step](const StepInfo& info) {
      if (info.step == step) raise(SIGKILL);
      return true;
    }};
  };
  CHECK(killed(in_step(2)));   // before the first checkpoint
  CHECK(killed(in_step(5)));   // a checkpoint, but no evaluation yet
  CHECK(killed(in_step(11)));  // after an evaluation and a checkpoint of it
  CHECK(killed(in_step(13)));  // a checkpoint, but no evaluation since the last kill
  CHECK(killed({.evaluation = [](const EvaluationInfo& info) {
    if (info.step.step == 14) raise(SIGKILL);  // a row of metrics that no checkpoint knows
    return true;
  }}));
  CHECK(killed({.checkpoint = [](const std::filesystem::path&) { raise(SIGKILL); }}));
  CHECK(killed(in_step(24)));
  trained<TestType>(whole_run(directory.path(), data));
  check_same_end<TestType>(directory, expected);
}

TEST_CASE("A run that dies while it writes a checkpoint goes on from the one before", "[train]") {
  const Dataset data = sums::data();
  const scratch::Directory expected, directory;
  trained<double>(whole_run(expected.path(), data));
  const int status = in_child([&] {
    const rlimit none{0, 0}, four_kilobytes{4096, 4096};
    setrlimit(RLIMIT_CORE, &none);
    trained<double>(whole_run(directory.path(), data),
                    {.checkpoint = [&](const std::filesystem::path&) {
                      setrlimit(RLIMIT_FSIZE, &four_kilobytes);  // the next one is too large
                    }});
  });
  CHECK(died_of(status, SIGXFSZ));
  CHECK(directory.files() == 4);  // the half-written one is among them
  CHECK(SafetensorsFile(directory / "checkpoint.safetensors").metadata().at("step") == "3");
  trained<double>(whole_run(directory.path(), data));
  check_same_end<double>(directory, expected);
}

TEST_CASE("A run that is killed at any time goes on to the same bits", "[train]") {
  const Dataset data = sums::data();
  const scratch::Directory expected, directory;
  const auto options = [&](const scratch::Directory& where) {
    TrainOptions often = whole_run(where.path(), data);
    often.checkpoint_every = 1;
    often.evaluate_every = 1;
    return often;
  };
  trained<double>(options(expected));
  for (int kill_after = 1; kill_after <= 12; ++kill_after) {
    const int status =
        in_child([&] { trained<double>(options(directory)); },
                 [&](pid_t child) {
                   std::this_thread::sleep_for(std::chrono::milliseconds(3 * kill_after));
                   kill(child, SIGKILL);
                 });
    CHECK((died_of(status, SIGKILL) || status == 0));
  }
  trained<double>(options(directory));
  check_same_end<double>(directory, expected);
}

TEST_CASE("A finished run resumes to what it was, and a longer one goes on from it", "[train]") {
  const scratch::Directory directory;
  const Dataset data = sums::data();
  TrainOptions options = sums::plain(6);
  options.validation = &data;
  options.directory = directory.path();
  options.checkpoint_every = 4;  // and at the end
  Transformer<double> model(sums::config(), Seed{1}), again(sums::config(), Seed{2}),
      longer(sums::config(), Seed{3});
  const TrainResult first = run(model, options);
  options.resume = true;
  const TrainResult second = run(again, options);
  CHECK(second.steps == 6);
  CHECK(second.loss == first.loss);
  CHECK(second.evaluation->loss == first.evaluation->loss);
  CHECK(bit_difference(again.parameters().slab(), model.parameters().slab()) == "");
  options.steps = 9;
  run(longer, options);
  CHECK(bit_difference(longer.parameters().slab(), trained(sums::plain(9))) == "");
  options.steps = 5;
  CHECK(error_of<ConfigError>([&] { run(again, options); }) ==
        (directory / "checkpoint.safetensors").string() +
            ": cannot resume: it was made after step 9, this run ends after step 5");
}

TEST_CASE("A fresh run removes the checkpoint of an older one", "[train]") {
  const scratch::Directory directory;
  TrainOptions options = sums::plain(6);
  options.directory = directory.path();
  options.checkpoint_every = 4;
  trained(options);
  CHECK(std::filesystem::exists(directory / "checkpoint.safetensors"));
  options.optimizer = AdamW{.lr = 0.5};
  trained(options, {.step = [&](const StepInfo& info) {
            CHECK(std::filesystem::exists(directory / "checkpoint.safetensors") == (info.step > 4));
            return true;
          }});
}

// ---- Heap.

TEST_CASE("A training step calls the heap not once, from the second step on", "[train]") {
  if (!AllocGuard::counting()) return;
  const int threads = GENERATE(1, 2);
  const bool minibatches = GENERATE(false, true), gated = GENERATE(false, true);
  CAPTURE(threads, minibatches, gated);
  TransformerConfig config = sums::config();
  config.gated_mlp = gated;
  config.n_layers = 2;
  config.d_model = 32;  // so much that the first block of the arena is too small
  config.d_mlp = 64;
  Transformer<float> model(config, Seed{1});
  TrainOptions options = sums::plain(20);
  options.batch_size = minibatches ? 6 : 0;  // an epoch is 6, 6 and 4
  options.lanes = 2;
  options.max_grad_norm = 0.1;
  options.threads = threads;
  const AllocGuard guard;
  std::array<long, 20> calls{};
  run(model, options, {.step = [&](const StepInfo& info) {
        calls[static_cast<std::size_t>(info.step - 1)] = guard.calls();
        return true;
      }});
  CHECK(calls[0] > 0);
  for (std::size_t step = 1; step < calls.size(); ++step) {
    CAPTURE(step + 1);
    CHECK(calls[step] - calls[step - 1] == 0);
  }
}

// ---- What cannot be.

namespace {

template <class Change>
std::string refusal(Change change, const Dataset& data = sums::data()) {
  TrainOptions options = sums::plain(3);
  change(options);
  Transformer<double> model(sums::config(), Seed{1});
  const Tensor<double> before = model.parameters().slab();
  const std::string message = error_of<Error>([&] { run(model, options, {}, data); });
  CHECK(bit_difference(model.parameters().slab(), before) == "");
  return message;
}

}  // namespace

TEST_CASE("Options that do not fit each other are errors", "[train]") {
  using O = TrainOptions;
  CHECK(refusal([](O& o) { o.epochs = 2; }) ==
        "train: steps is 3 and epochs is 2: give one of them, at least 1");
  CHECK(refusal([](O& o) { o.steps = 0; }) ==
        "train: steps is 0 and epochs is 0: give one of them, at least 1");
  CHECK(refusal([](O& o) { o.steps = -1, o.epochs = 1; }) ==
        "train: steps is -1, it cannot be negative");
  CHECK(refusal([](O& o) { o.batch_size = -4; }) ==
        "train: batch_size is -4, it cannot be negative");
  CHECK(refusal([](O& o) { o.lanes = -1; }) == "train: lanes is -1, it cannot be negative");
  CHECK(refusal([](O& o) { o.threads = -1; }) == "train: threads is -1, it cannot be negative");
  CHECK(refusal([](O& o) { o.max_grad_norm = std::nan(""); }) ==
        "train: max_grad_norm is nan, it cannot be negative");
  CHECK(refusal([](O& o) { o.keep_best = true; }) ==
        "train: keep_best needs a validation set to judge by");
  CHECK(refusal([](O& o) { o.evaluate_every = 2; }) ==
        "train: evaluate_every needs a validation set");
  CHECK(refusal([](O& o) { o.checkpoint_every = 2; }) == "train: checkpoints need a directory");
  CHECK(refusal([](O& o) { o.resume = true; }) == "train: checkpoints need a directory");
  CHECK(refusal([](O& o) { o.optimizer = Adam{.lr = -1}; }) ==
        "lr is -1, it must be finite and cannot be negative");
  CHECK_THAT(refusal([](O& o) { o.groups = {{.names = "*.W_X"}}; }),
             ContainsSubstring("no parameter is left for the group \"*.W_X\""));
}

TEST_CASE("Data that does not fit model or positions is an error", "[train]") {
  const auto nothing = [](TrainOptions&) {};
  Dataset data = sums::data();
  data.labels = Tensor<Token>({16, 2});
  CHECK(refusal(nothing, data) ==
        "train: the training set has tokens [16, 3] and labels [16, 2]; with 1 positions read, "
        "labels must be [16, 1]");
  data = sums::data();
  data.labels(7, 0) = 4;
  CHECK(refusal(nothing, data) ==
        "train: the training set has label 4 at [7, 0], outside the vocabulary 0..3");
  data.labels(7, 0) = -2;
  CHECK(refusal(nothing, data) ==
        "train: the training set has label -2 at [7, 0], outside the vocabulary 0..3");
  data = sums::data();
  data.tokens(15, 1) = 5;
  CHECK(refusal(nothing, data) ==
        "train: the training set has token 5 at [15, 1], outside the vocabulary 0..4");
  CHECK(refusal([&](TrainOptions& o) { o.validation = &data; }) ==
        "train: the validation set has token 5 at [15, 1], outside the vocabulary 0..4");
  CHECK(refusal(nothing, {}) == "train: the training set is empty");
  CHECK(refusal(nothing, {Tensor<Token>({2, 4}), Tensor<Token>({2, 1})}) ==
        "train: the training set has sequences of 4, longer than n_ctx 3");
  CHECK(refusal(nothing, {Tensor<Token>({3}), Tensor<Token>({3, 1})}) ==
        "train: the training set has tokens [3], they must be [examples, pos]");
  data = sums::data();
  data.positions = {2, 1};
  CHECK(refusal(nothing, data) ==
        "train: the training set is read at positions that must rise within 0..2, number 1 is 1");
  data.positions = {3};
  CHECK(refusal(nothing, data) ==
        "train: the training set is read at positions that must rise within 0..2, number 0 is 3");
  const Transformer<double> model(sums::config());
  data.positions = {0, 2};
  CHECK(error_of<ShapeError>([&] { evaluate(model, data); }) ==
        "evaluate: the data set has tokens [16, 3] and labels [16, 1]; with 2 positions read, "
        "labels must be [16, 2]");
}

TEST_CASE("A directory that cannot be made or written is an error, and nothing is trained",
          "[train]") {
  const scratch::Directory directory;
  write_file(directory / "file", "");
  CHECK(refusal([&](TrainOptions& o) { o.directory = directory / "file/run"; }) ==
        (directory / "file/run").string() + ": cannot be made: Not a directory");
  make_directory(directory / "run/metrics.csv");
  CHECK(refusal([&](TrainOptions& o) { o.directory = directory / "run"; }) ==
        (directory / "run/metrics.csv").string() + ": cannot be written");
}

TEST_CASE("A NaN in the loss stops training and names the step and the first site", "[train]") {
  const auto stopped = [](const std::string& name, double value) {
    Transformer<double> model(sums::config(), Seed{1});
    *model[name].data() = value;
    return error_of<NumericError>([&] { run(model, sums::plain(3)); });
  };
  const double nan = std::nan("");
  CHECK(stopped("blocks.0.attn.W_V", nan) ==
        "training stopped in step 1: the loss is nan; the first site with a NaN or infinity is "
        "blocks.0.attn.hook_v");
  CHECK(stopped("blocks.0.attn.W_Q", nan) ==
        "training stopped in step 1: the loss is nan; the first site with a NaN or infinity is "
        "blocks.0.attn.hook_q");
  CHECK(stopped("embed.W_E", std::numeric_limits<double>::infinity()) ==
        "training stopped in step 1: the loss is nan; the first site with a NaN or infinity is "
        "hook_embed");
  CHECK(stopped("unembed.b_U", nan) ==
        "training stopped in step 1: the loss is nan; the first site with a NaN or infinity is "
        "unembed.hook_out");
}

TEST_CASE("An infinity in the gradient alone stops training and names the parameter", "[train]") {
  TransformerConfig config = sums::config();
  config.n_layers = 0;
  config.normalization = Normalization::none;
  Transformer<float> model(config);
  model.parameters().slab().fill(0.0f);
  // Logits are 0 and the loss is ln 4, but d loss / d resid = sum over v of W_U[:, v] (1/4 - y_v).
  constexpr float huge = std::numeric_limits<float>::max();
  for_each_element(model["unembed.W_U"], [](Index i, float& w) { w = i % 4 == 0 ? huge : -huge; });
  const Dataset data{Tensor<Token>({1, 3}, {1, 2, 4}), Tensor<Token>({1, 1}, {0}), {2}};
  CHECK(error_of<NumericError>([&] { run(model, sums::plain(3), {}, data); }) ==
        "training stopped in step 1: the gradient of embed.W_E has a NaN or infinity");
}

TEST_CASE("Weights that the last step made infinite are an error too", "[train]") {
  const scratch::Directory directory;
  Transformer<float> model(sums::config(), Seed{1});
  TrainOptions options = sums::plain(1);
  options.optimizer = Sgd{.lr = 1e300};
  options.directory = directory.path();
  options.checkpoint_every = 1;
  CHECK(error_of<NumericError>([&] { run(model, options); }) ==
        "training stopped after step 1: embed.W_E has a NaN or infinity");
  CHECK(!std::filesystem::exists(directory / "model.safetensors"));
  CHECK(!std::filesystem::exists(directory / "checkpoint.safetensors"));
}

TEST_CASE("A run that breaks leaves its last good checkpoint, from which it goes on", "[train]") {
  const scratch::Directory directory;
  TrainOptions options = sums::plain(10);
  options.directory = directory.path();
  options.checkpoint_every = 1;
  Transformer<double> model(sums::config(), Seed{1});
  const std::string message = error_of<NumericError>([&] {
    run(model, options, {.step = [&](const StepInfo& info) {
          if (info.step == 5) model["unembed.W_U"](0, 0) = std::nan("");
          return true;
        }});
  });
  CHECK_THAT(message, ContainsSubstring("training stopped in step 6: the loss is nan"));
  // Not the weights after step 5, although it was their turn.
  CHECK(SafetensorsFile(directory / "checkpoint.safetensors").metadata().at("step") == "4");
  options.resume = true;
  CHECK(bit_difference(trained(options), trained(sums::plain(10))) == "");
}

namespace {

/// A directory with a checkpoint after step 4 of 6, and attempts to go on from it.
struct Stopped {
  scratch::Directory directory;
  std::filesystem::path path = directory / "checkpoint.safetensors";
  TrainOptions options = sums::plain(6);

  explicit Stopped(Schedule schedule = {}) {
    options.schedule = schedule;
    options.directory = directory.path();
    options.checkpoint_every = 4;
    trained(options, {.step = [](const StepInfo& info) { return info.step < 4; }});
    options.resume = true;
  }

  /// What resuming says, after the checkpoint's path; the model must stay as it was.
  std::string resuming(const TransformerConfig& config = sums::config(),
                       const Dataset& data = sums::data()) {
    Transformer<double> model(config, Seed{2});
    const Tensor<double> before = model.parameters().slab();
    const std::string message = error_of<Error>([&] { run(model, options, {}, data); });
    CHECK(bit_difference(model.parameters().slab(), before) == "");
    REQUIRE(message.starts_with(path.string() + ": "));
    return message.substr(path.string().size() + 2);
  }

  /// Writes the checkpoint anew, changed.
  template <class Change>
  void rewrite(Change change) {
    const SafetensorsFile file(path);
    auto metadata = file.metadata();
    std::map<std::string, Tensor<double>> tensors;
    for (const std::string& name : file.names()) tensors.emplace(name, file.read<double>(name));
    change(metadata, tensors);
    std::vector<NamedTensor> named;
    for (const auto& [name, values] : tensors) named.push_back({name, values});
    save_safetensors(path, named, metadata);
  }
};

using Metadata = SafetensorsFile::Metadata;
using Tensors = std::map<std::string, Tensor<double>>;

}  // namespace

TEST_CASE("A run with a schedule goes on to the same end only", "[train]") {
  Stopped stopped(Schedule::warmup(2).then(Schedule::cosine(4, 0.5)));
  stopped.options.steps = 9;
  CHECK(stopped.resuming() == "cannot resume: there steps is 6, in this run it is 9");
  stopped.options.steps = 6;
  stopped.options.schedule = Schedule::warmup(2).then(Schedule::cosine(4));
  CHECK(
      stopped.resuming() ==
      "cannot resume: there schedule is 2 steps 0.01 to 1, 4 steps 1 to 0.5 by cosine, in this run "
      "it is 2 steps 0.01 to 1, 4 steps 1 to 0 by cosine");
}

TEST_CASE("Another kind of run does not resume, and it is said what differs", "[train]") {
  Stopped stopped;
  TrainOptions& options = stopped.options;
  const auto differs = [&](auto change) {
    const TrainOptions before = options;
    change();
    std::string message = stopped.resuming();
    options = before;
    return message;
  };
  CHECK(differs([&] { options.seed = Seed{7}; }) ==
        "cannot resume: there seed is 0, in this run it is 7");
  CHECK(differs([&] { options.lanes = 3; }) ==
        "cannot resume: there lanes is 2, in this run it is 3");
  CHECK(differs([&] { options.batch_size = 8, options.lanes = 2; }) ==
        "cannot resume: there batch_size is 16, in this run it is 8");
  CHECK(differs([&] { options.optimizer = Sgd{}; }) ==
        "cannot resume: there optimizer is AdamW, in this run it is Sgd");
  const auto lr = exact_text(std::get<AdamW>(options.optimizer).lr);
  CHECK(differs([&] {
          options.optimizer = AdamW{.lr = 0.5, .betas = {0.9, 0.98}};
        }) == "cannot resume: there optimizer's settings is lr " + lr +
                  ", weight_decay 0.01, betas 0.9 0.999, eps 1e-08, in this run it is lr 0.5, "
                  "weight_decay 0.01, betas 0.9 0.98, eps 1e-08");
  CHECK_THAT(differs([&] { options.groups = {{.names = "*b_*", .weight_decay_factor = 0.0}}; }),
             ContainsSubstring("\"*b_*\" lr_factor 1 weight_decay_factor 0"));
  CHECK(differs([&] { options.schedule = Schedule::warmup(2).then(Schedule::cosine(4)); }) ==
        "cannot resume: there steps is any, in this run it is 6");
  CHECK(differs([&] { options.max_grad_norm = 0.25; }) ==
        "cannot resume: there max_grad_norm is 0, in this run it is 0.25");
  CHECK_THAT(differs([&] { options.seed = Seed{7}, options.batch_size = 8; }),
             ContainsSubstring("there seed is 0"));
  TransformerConfig relu = sums::config();
  relu.act_fn = Activation::silu;
  CHECK_THAT(stopped.resuming(relu), ContainsSubstring("cannot resume: there config is {"));
  Dataset other = sums::data();
  other.labels(0, 0) = 3;
  CHECK_THAT(stopped.resuming(sums::config(), other),
             ContainsSubstring("cannot resume: there fingerprint of the data is "));
  Transformer<float> floats(sums::config());
  CHECK(error_of<ConfigError>([&] { run(floats, options); }) ==
        stopped.path.string() + ": cannot resume: there numbers is F64, in this run it is F32");
}

TEST_CASE("A checkpoint that is none, or not whole, is a FormatError and changes nothing",
          "[train]") {
  Stopped stopped;
  const std::string valid = read_file(stopped.path);
  const auto with = [&](auto change) {
    write_file(stopped.path, valid);
    stopped.rewrite(change);
    return stopped.resuming();
  };
  write_file(stopped.path, valid.substr(0, valid.size() - 1));
  CHECK_THAT(stopped.resuming(), ContainsSubstring("it is truncated"));
  write_file(stopped.path, "");
  CHECK_THAT(stopped.resuming(), ContainsSubstring("has 0 bytes"));
  save_safetensors(Transformer<double>(sums::config()), stopped.path);
  CHECK(stopped.resuming() == "is not a checkpoint of a training run");

  for (const char* step : {"", "-1", "4.5", "four", " 4", "99999999999999999999", "0x4"}) {
    CHECK(with([&](Metadata& m, Tensors&) { m["step"] = step; }) ==
          text("step must be a whole number, found ", step));
  }
  CHECK(with([](Metadata& m, Tensors&) { m.erase("step"); }) ==
        "step must be a whole number, found missing");
  CHECK(with([](Metadata& m, Tensors&) { m["metrics_bytes"] = "-7"; }) ==
        "metrics_bytes must be a whole number, found -7");
  CHECK(with([](Metadata& m, Tensors&) { m.erase("seed"); }) ==
        "cannot resume: there seed is missing, in this run it is 0");
  CHECK(with([](Metadata&, Tensors& t) { t.erase("v.unembed.b_U"); }) ==
        "the tensor \"v.unembed.b_U\" is missing");
  CHECK(with([](Metadata&, Tensors& t) { t["m.unembed.b_U"] = Tensor<double>({5}); }) ==
        "\"m.unembed.b_U\" is [5], the model's is [4]");
  CHECK(with([](Metadata&, Tensors& t) { t["best_loss"] = Tensor<double>({2}); }) ==
        "\"best_loss\" is [2], the model's is []");
}

TEST_CASE("A damaged checkpoint loads or is one of our errors", "[train]") {
  Stopped stopped;
  const std::string valid = read_file(stopped.path);
  Transformer<double> model(sums::config());
  std::vector<Learner<double>> learners{
      {"", &model.parameters(), Optimizer<double>(AdamW{}, model.parameters()), {}}};
  const Checkpoint<double> checkpoint(stopped.directory.path(), {{"seed", "0"}});
  unsigned refused = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::ofstream(stopped.path, std::ios::binary) << scratch::damaged(valid, seed);
    try {
      checkpoint.load(learners, 6);
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 50);
}

// ---- The line on the terminal.

namespace {

/// What a run writes to standard error when that is `path`.
int with_standard_error(const std::string& path) {
  return in_child([&] {
    const int file = open(path.c_str(), O_RDWR | O_CREAT, 0600);
    if (file < 0 || dup2(file, STDERR_FILENO) < 0) throw Error("no standard error");
    const Dataset data = sums::data();
    TrainOptions options = sums::plain(3);
    options.validation = &data;
    options.progress = true;
    trained(options);
  });
}

}  // namespace

TEST_CASE("Progress is silent where standard error is not a terminal", "[train]") {
  const scratch::Directory directory;
  REQUIRE(with_standard_error((directory / "stderr").string()) == 0);
  CHECK(read_file(directory / "stderr").empty());
}

TEST_CASE("Progress is one line on a terminal", "[train]") {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
    WARN("skipped: the system has no terminal to lend");
    return;
  }
  REQUIRE(with_standard_error(ptsname(terminal)) == 0);
  std::string seen, part(4096, '\0');  // it may come in parts; the end is an error here
  for (ssize_t n = 0; (n = read(terminal, part.data(), part.size())) > 0;) {
    seen.append(part, 0, static_cast<std::size_t>(n));
  }
  close(terminal);
  CHECK_THAT(seen, ContainsSubstring("\r\033[Kstep 3/3  loss 1."));
  CHECK_THAT(seen, ContainsSubstring("  accuracy "));
  CHECK_THAT(seen, ContainsSubstring(" steps/s  0:00 left"));
  CHECK(seen.find('\n') == seen.size() - 1);
}
