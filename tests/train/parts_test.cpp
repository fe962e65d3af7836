// The parts of a training run, each alone: optimisers, schedules, data sets, the order of batches
// and the pool of threads. What they do together is in train_test.cpp.
#include <cmath>
#include <numeric>
#include <set>
#include <stdexcept>

#include "catch.hpp"
#include "hooked/io/json.hpp"
#include "hooked/train/train.hpp"
#include "io/scratch.hpp"

using namespace hooked;
using scratch::error_of;

namespace {

nlohmann::ordered_json golden_training() {
  return load_json(HOOKED_TESTS_DIR "/golden/optimizers.json");
}

/// Two vectors, a and b.
Parameters<double> two_vectors(Index a, Index b) {
  ParameterLayout layout;
  layout.add("a", {a});
  layout.add("b", {b});
  return Parameters<double>(layout);
}

/// One parameter p of one number, where a step's arithmetic can be done by hand.
struct OneNumber {
  OneNumber(OptimizerSettings settings, double p, const std::vector<ParameterGroup>& groups = {})
      : parameters(layout()), optimizer(settings, with(p), groups), gradient({16}) {}

  double step(double g, double lr_factor = 1.0) {
    gradient(0) = g;
    optimizer.step(parameters, gradient.view(), lr_factor, 0, 16);
    optimizer.finish_step();
    return parameters["p"](0);
  }

  Parameters<double> parameters;
  Optimizer<double> optimizer;
  Tensor<double> gradient;

 private:
  static ParameterLayout layout() {
    ParameterLayout layout;
    layout.add("p", {1});
    return layout;
  }
  const Parameters<double>& with(double p) {
    parameters["p"](0) = p;
    return parameters;
  }
};

Approx exactly(double x) { return Approx(x).epsilon(1e-15).margin(0); }

OptimizerSettings settings_of(const nlohmann::ordered_json& golden) {
  const auto& given = golden["settings"];
  const auto fill = [&](auto settings) -> OptimizerSettings {
    settings.lr = given.value("lr", settings.lr);
    settings.weight_decay = given.value("weight_decay", settings.weight_decay);
    if constexpr (requires { settings.betas; }) {
      settings.betas = given.value("betas", settings.betas);
      settings.eps = given.value("eps", settings.eps);
    } else {
      settings.momentum = given.value("momentum", settings.momentum);
    }
    return settings;
  };
  if (golden["kind"] == "AdamW") return fill(AdamW{});
  if (golden["kind"] == "Adam") return fill(Adam{});
  return fill(Sgd{.lr = 1e-3});
}

/// A data set in which example i is made of the number i.
Dataset numbered(Index examples) {
  Dataset data{Tensor<Token>({examples, 2}), Tensor<Token>({examples, 1})};
  for (Index i = 0; i < examples; ++i) {
    data.tokens(i, 0) = static_cast<Token>(i);
    data.tokens(i, 1) = static_cast<Token>(100 + i);
    data.labels(i, 0) = static_cast<Token>(200 + i);
  }
  return data;
}

std::vector<Index> copy_of(std::span<const Index> order) { return {order.begin(), order.end()}; }

}  // namespace

// ---- Optimisers.

TEST_CASE("The first step of AdamW is lr against the gradient's sign, after the decay", "[train]") {
  OneNumber one(AdamW{.lr = 0.1, .weight_decay = 0.5, .betas = {0.9, 0.99}, .eps = 0.0}, 2.0);
  // 2 (1 - 0.1 * 0.5) = 1.9; m / (1 - 0.9) = g and v / (1 - 0.99) = g^2, so the step is 0.1.
  CHECK(one.step(4.0) == exactly(1.8));
  CHECK(one.optimizer.m()(0) == exactly(0.4));
  CHECK(one.optimizer.v()(0) == exactly(0.16));
  // m = 0.9 * 0.4 + 0.1 * -4 = -0.04, over 1 - 0.81; v = 0.16 * 0.99 + 0.16, over 1 - 0.9801: 16.
  CHECK(one.step(-4.0) == exactly(1.8 * 0.95 - 0.1 * (-0.04 / 0.19) / 4.0));
  CHECK(one.optimizer.steps() == 2);
}

TEST_CASE("Adam adds its weight decay to the gradient", "[train]") {
  OneNumber one(Adam{.lr = 0.1, .weight_decay = 0.5, .betas = {0.9, 0.99}, .eps = 0.0}, 2.0);
  CHECK(one.step(-3.0) == exactly(2.1));  // g = -3 + 0.5 * 2 = -2
  CHECK(one.optimizer.m()(0) == exactly(-0.2));
  CHECK(one.optimizer.v()(0) == exactly(0.04));
}

TEST_CASE("SGD keeps a velocity that starts as the first gradient", "[train]") {
  OneNumber one(Sgd{.lr = 0.1, .momentum = 0.5, .weight_decay = 0.25}, 2.0);
  CHECK(one.step(1.0) == exactly(1.85));  // m = 1 + 0.25 * 2 = 1.5
  // m = 0.5 * 1.5 + (1 + 0.25 * 1.85) = 2.2125, by a schedule of a half: 0.05 * 2.2125
  CHECK(one.step(1.0, 0.5) == exactly(1.85 - 0.05 * 2.2125));
}

TEST_CASE("Optimisers take the steps that PyTorch takes", "[train]") {
  const nlohmann::ordered_json golden = golden_training();
  const auto name = GENERATE("adamw", "adamw_defaults", "adamw_group", "adam", "adam_l2",
                             "adam_l2_group", "sgd", "sgd_momentum", "sgd_group");
  CAPTURE(name);
  const auto& expected = golden["optimizers"][name];
  const auto numbers = [](const nlohmann::ordered_json& list) {
    const auto values = list.get<std::vector<double>>();
    return Tensor<double>({static_cast<Index>(values.size())}, values);
  };
  Parameters<double> parameters = two_vectors(3, 2), gradients = parameters;
  parameters.set("a", numbers(expected["weights"][0][0]));
  parameters.set("b", numbers(expected["weights"][0][1]));
  const auto& group = expected["group"];
  Optimizer<double> optimizer(settings_of(expected), parameters,
                              {{.names = "b",
                                .lr_factor = group.value("lr_factor", 1.0),
                                .weight_decay_factor = group.value("weight_decay_factor", 1.0)}});
  for (std::size_t step = 0; step < expected["gradients"].size(); ++step) {
    CAPTURE(step);
    gradients.set("a", numbers(expected["gradients"][step][0]));
    gradients.set("b", numbers(expected["gradients"][step][1]));
    optimizer.step(parameters, gradients.slab().view(), 1.0, 0, 32);
    optimizer.finish_step();
    const auto& after = expected["weights"][step + 1];
    for (Index i = 0; i < 3; ++i) {
      CHECK(parameters["a"](i) == Approx(numbers(after[0])(i)).epsilon(1e-12));
    }
    for (Index i = 0; i < 2; ++i) {
      CHECK(parameters["b"](i) == Approx(numbers(after[1])(i)).epsilon(1e-12));
    }
  }
}

TEST_CASE("A step may be taken in parts, in any order", "[train]") {
  const AdamW settings{.lr = 0.1};
  Parameters<double> whole = two_vectors(5, 40);
  whole.slab().fill(1.0);
  Parameters<double> parts = whole, gradients = whole;
  for (Index i = 0; i < 64; ++i) gradients.slab()(i) = std::sin(static_cast<double>(i));
  Optimizer<double> at_once(settings, whole), in_parts(settings, parts);
  at_once.step(whole, gradients.slab().view(), 1.0, 0, 64);
  in_parts.step(parts, gradients.slab().view(), 1.0, 32, 64);
  in_parts.step(parts, gradients.slab().view(), 1.0, 0, 32);
  for (Index i = 0; i < 64; ++i) CHECK(whole.slab()(i) == parts.slab()(i));
}

TEST_CASE("The first group that fits a parameter counts, and frozen parameters stay", "[train]") {
  Parameters<double> parameters = two_vectors(1, 1);
  parameters.slab().fill(1.0);
  Parameters<double> gradients = parameters;
  Optimizer<double> grouped(Sgd{.lr = 1.0}, parameters,
                            {{.names = "b", .lr_factor = 0.25}, {.names = "*", .lr_factor = 0.5}});
  grouped.step(parameters, gradients.slab().view(), 1.0, 0, 32);
  CHECK(parameters["a"](0) == 0.5);
  CHECK(parameters["b"](0) == 0.75);

  parameters.freeze("a");
  Optimizer<double> frozen(Sgd{.lr = 1.0}, parameters);
  frozen.step(parameters, gradients.slab().view(), 1.0, 0, 32);
  CHECK(parameters["a"](0) == 0.5);
  CHECK(parameters["b"](0) == -0.25);
}

TEST_CASE("Impossible optimiser settings are errors that say what is allowed", "[train]") {
  const Parameters<double> parameters = two_vectors(1, 1);
  const auto making = [&](OptimizerSettings settings, std::vector<ParameterGroup> groups = {}) {
    return error_of<Error>([&] { Optimizer<double>(settings, parameters, groups); });
  };
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  CHECK(making(AdamW{.lr = -1}) == "lr is -1, it must be finite and cannot be negative");
  CHECK(making(Sgd{.lr = nan}) == "lr is nan, it must be finite and cannot be negative");
  CHECK(making(Adam{.lr = inf}) == "lr is inf, it must be finite and cannot be negative");
  CHECK(making(Adam{.weight_decay = -0.1}) ==
        "weight_decay is -0.1, it must be finite and cannot be negative");
  CHECK(making(Sgd{.momentum = -0.5}) ==
        "momentum is -0.5, it must be finite and cannot be negative");
  CHECK(making(AdamW{.betas = {0.9, 1.0}}) == "a beta is 1, it must be in [0, 1)");
  CHECK(making(Adam{.betas = {nan, 0.9}}) == "a beta is nan, it must be in [0, 1)");
  CHECK(making(AdamW{.eps = -1e-8}) == "eps is -1e-08, it must be finite and cannot be negative");
  CHECK(making(AdamW{}, {{.names = "a", .lr_factor = -1}}) ==
        "a group's lr_factor is -1, it must be finite and cannot be negative");
  CHECK(making(AdamW{}, {{.names = "a", .weight_decay_factor = nan}}) ==
        "a group's weight_decay_factor is nan, it must be finite and cannot be negative");
  CHECK(making(AdamW{}, {{.names = "c"}}) ==
        "no parameter is left for the group \"c\"; the parameters are: a, b");
  CHECK(making(AdamW{}, {{.names = "*"}, {.names = "b"}}) ==
        "no parameter is left for the group \"b\"; the parameters are: a, b");
}

// ---- Schedules.

TEST_CASE("Pieces of a schedule start and end where they say", "[train]") {
  const Schedule empty;
  CHECK(empty(0) == 1.0);
  CHECK(empty(1'000'000) == 1.0);
  const Schedule warmup = Schedule::warmup(4, 0.2);
  CHECK(warmup(0) == exactly(0.2));
  CHECK(warmup(1) == exactly(0.4));
  CHECK(warmup(4) == 1.0);
  CHECK(warmup(5) == 1.0);
  CHECK(Schedule::warmup(100)(0) == exactly(0.01));
  const Schedule linear = Schedule::linear(4, 0.5);
  CHECK(linear(0) == 1.0);
  CHECK(linear(2) == exactly(0.75));
  CHECK(linear(4) == 0.5);
  CHECK(linear(99) == 0.5);
  const Schedule cosine = Schedule::cosine(4, 0.2);
  CHECK(cosine(0) == 1.0);
  CHECK(cosine(2) == exactly(0.6));
  CHECK(cosine(1) == exactly(0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2));
  CHECK(cosine(4) == 0.2);
  CHECK(Schedule::linear(3)(3) == 0.0);
  CHECK(Schedule::constant(3)(99) == 1.0);
}

TEST_CASE("Pieces follow one another, and a piece of no steps is passed over", "[train]") {
  const Schedule chain =
      Schedule::warmup(2, 0.5).then(Schedule::constant(3)).then(Schedule::linear(2, 0.5));
  const double expected[] = {0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.5};
  for (Index step = 0; step < 9; ++step) CHECK(chain(step) == exactly(expected[step]));

  CHECK(Schedule::warmup(0).then(Schedule::linear(2))(0) == 1.0);
  CHECK(Schedule::linear(0, 0.5)(0) == 0.5);
  CHECK(Schedule().then(Schedule::linear(2))(1) == 0.5);

  const Schedule stairs = Schedule::constant(2, 0.75).then(Schedule::constant(1, 0.25));
  for (const Index step : {0, 1}) CHECK(stairs(step) == 0.75);
  for (const Index step : {2, 3}) CHECK(stairs(step) == 0.25);
  CHECK_FALSE(stairs.is_constant());
}

TEST_CASE("Schedules are those of PyTorch", "[train]") {
  const nlohmann::ordered_json golden = golden_training();
  const std::pair<const char*, Schedule> schedules[] = {
      {"linear", Schedule::linear(6, 0.25)},
      {"warmup", Schedule::warmup(4, 0.1)},
      {"cosine", Schedule::cosine(8, 0.1)},
      {"warmup_constant_cosine",
       Schedule::warmup(3).then(Schedule::constant(2)).then(Schedule::cosine(4))}};
  for (const auto& [name, schedule] : schedules) {
    CAPTURE(name);
    const auto expected = golden["schedules"][name].get<std::vector<double>>();
    REQUIRE(expected.size() == 9);
    for (std::size_t step = 0; step < expected.size(); ++step) {
      CHECK(schedule(static_cast<Index>(step)) == Approx(expected[step]).epsilon(1e-12));
    }
  }
}

TEST_CASE("Impossible schedules are errors", "[train]") {
  CHECK(error_of<ConfigError>([] { Schedule::constant(-1); }) == "a schedule of -1 steps");
  CHECK(error_of<ConfigError>([] { Schedule::linear(5, -0.5); }) ==
        "a schedule's factor is -0.5, it must be finite and cannot be negative");
  CHECK(error_of<ConfigError>([] { Schedule::warmup(5, std::nan("")); }) ==
        "a schedule's factor is nan, it must be finite and cannot be negative");
}

// ---- Data sets and the order of their examples.

TEST_CASE("A subset has the chosen examples in their order", "[train]") {
  const Dataset data = numbered(5);
  CHECK(data.size() == 5);
  CHECK(Dataset().size() == 0);
  const std::vector<Index> chosen{3, 0, 3};
  const Dataset part = subset(data, chosen);
  CHECK(part.tokens.shape() == Shape{3, 2});
  CHECK(part.labels.shape() == Shape{3, 1});
  for (Index i = 0; i < 3; ++i) {
    CHECK(part.tokens(i, 0) == chosen[static_cast<std::size_t>(i)]);
    CHECK(part.tokens(i, 1) == 100 + chosen[static_cast<std::size_t>(i)]);
    CHECK(part.labels(i, 0) == 200 + chosen[static_cast<std::size_t>(i)]);
  }
  CHECK_THROWS_AS(subset(data, std::vector<Index>{5}), ShapeError);
}

TEST_CASE("A split is two disjoint parts that make up the whole, the same for the same seed",
          "[train]") {
  const Dataset data = numbered(20);
  const auto firsts = [](const Dataset& part) {
    std::vector<Token> found;
    for (Index i = 0; i < part.size(); ++i) found.push_back(part.tokens(i, 0));
    return found;
  };
  const auto a = split(data, 15, Seed{1}), b = split(data, 15, Seed{1}), c = split(data, 15, {});
  CHECK(a.train.size() == 15);
  CHECK(a.test.size() == 5);
  std::vector<Token> all = firsts(a.train);
  const std::vector<Token> rest = firsts(a.test);
  all.insert(all.end(), rest.begin(), rest.end());
  CHECK(std::set<Token>(all.begin(), all.end()).size() == 20);
  CHECK(!std::is_sorted(all.begin(), all.end()));
  CHECK(firsts(a.train) == firsts(b.train));
  CHECK(firsts(a.test) == firsts(b.test));
  CHECK(firsts(a.train) != firsts(c.train));

  CHECK(split(data, 20, {}).test.size() == 0);
  CHECK(split(data, 0, {}).train.size() == 0);
  CHECK(error_of<ShapeError>([&] { split(data, 21, {}); }) == "split: 21 training examples of 20");
  CHECK(error_of<ShapeError>([&] { split(data, -1, {}); }) == "split: -1 training examples of 20");
}

TEST_CASE("Without a batch size every step sees the whole set in order", "[train]") {
  BatchOrder batches(4, 0, Seed{1});
  CHECK(batches.steps_per_epoch() == 1);
  CHECK(batches.epoch(7) == 7);
  CHECK(copy_of(batches(0)) == std::vector<Index>{0, 1, 2, 3});
  CHECK(copy_of(batches(9)) == std::vector<Index>{0, 1, 2, 3});
}

TEST_CASE("An epoch of mini-batches sees every example once, the last batch being smaller",
          "[train]") {
  BatchOrder batches(10, 4, Seed{1});
  CHECK(batches.steps_per_epoch() == 3);
  std::vector<std::vector<Index>> epochs;
  for (Index epoch = 0; epoch < 3; ++epoch) {
    std::vector<Index> seen;
    for (Index step = 3 * epoch; step < 3 * epoch + 3; ++step) {
      CHECK(batches.epoch(step) == epoch);
      const auto batch = batches(step);
      CHECK(batch.size() == (step % 3 == 2 ? 2u : 4u));
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    epochs.push_back(seen);
    std::sort(seen.begin(), seen.end());
    std::vector<Index> all(10);
    std::iota(all.begin(), all.end(), Index{0});
    CHECK(seen == all);
  }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[1] != epochs[2]);
}

TEST_CASE("A batch is a function of seed and step alone", "[train]") {
  BatchOrder forwards(10, 4, Seed{1}), other(10, 4, Seed{2});
  std::vector<std::vector<Index>> seen;
  for (Index step = 0; step < 12; ++step) seen.push_back(copy_of(forwards(step)));
  BatchOrder backwards(10, 4, Seed{1});
  for (Index step = 11; step >= 0; --step) {
    CHECK(copy_of(backwards(step)) == seen[static_cast<std::size_t>(step)]);
  }
  CHECK(copy_of(other(0)) != seen[0]);

  BatchOrder large(3, 100, Seed{1});
  CHECK(large.steps_per_epoch() == 1);
  CHECK(large(0).size() == 3);
  CHECK(error_of<ShapeError>([] { BatchOrder(0, 4, {}); }) == "batches of 4 out of 0 examples");
  CHECK(error_of<ShapeError>([] { BatchOrder(5, -1, {}); }) == "batches of -1 out of 5 examples");
}

// ---- The pool of threads.

TEST_CASE("Every task is done once, by any number of threads, round after round", "[train]") {
  const int threads = GENERATE(1, 2, 3, 4, 8);
  ThreadPool pool(threads);
  CHECK(pool.size() == threads);
  std::vector<int> done(100, 0);
  for (int round = 1; round <= 200; ++round) {
    const Index count = round % 101;  // 0 and 1 among them
    std::fill(done.begin(), done.end(), 0);
    pool.run(count, [&](Index i) { ++done[static_cast<std::size_t>(i)]; });
    REQUIRE(std::accumulate(done.begin(), done.end(), 0) == count);
    REQUIRE(std::all_of(done.begin(), done.begin() + count, [](int n) { return n == 1; }));
  }
}

TEST_CASE("The exception of the lowest task comes through, and the pool goes on", "[train]") {
  const int threads = GENERATE(1, 2, 4);
  ThreadPool pool(threads);
  for (int round = 0; round < 50; ++round) {
    const std::string message = error_of<std::runtime_error>([&] {
      pool.run(20, [](Index i) {
        if (i == 5 || i == 6 || i == 19) throw std::runtime_error(std::to_string(i));
      });
    });
    REQUIRE(message == "5");
    std::atomic<Index> sum = 0;
    pool.run(20, [&](Index i) { sum += i; });
    REQUIRE(sum == 190);
  }
  CHECK_THROWS_AS(pool.run(3, [](Index) { throw 7; }), int);
}

TEST_CASE("A pool has a processor's thread each by default, and no negative number", "[train]") {
  CHECK(ThreadPool().size() >= 1);
  CHECK(error_of<ConfigError>([] { ThreadPool(-2); }) == "threads is -2, it cannot be negative");
}
