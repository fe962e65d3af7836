// Analyses of the study of two tasks in one model, against brute force and constructed cases.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../../examples/add_concat/probes.hpp"
#include "../../examples/add_concat/variance_shares.hpp"
#include "../../examples/add_concat/ways.hpp"
#include "catch.hpp"
#include "core/check.hpp"
#include "hooked/core/lstsq.hpp"
#include "hooked/interp/feature_importance.hpp"
#include "hooked/nn/ablate_features.hpp"
#include "hooked/nn/generate.hpp"
#include "hooked/train/train.hpp"

using namespace add_concat;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Both tasks of numbers below 6.
Items small_items() {
  Items items;
  for (const Item& item : all_items()) {
    if (item.i < 6 && item.j < 6) items.push_back(item);
  }
  return items;
}

/// They are learnt from, and tested are those of numbers below 8.
ItemSplit small_split() {
  ItemSplit split{small_items(), {}};
  for (const Item& item : all_items()) {
    if (item.i < 8 && item.j < 8) split.validation.push_back(item);
  }
  return split;
}

/// A model that answers some of them, and an autoencoder that knows nothing.
struct Learnt {
  EncoderDecoder<float> body{{.d_model = 16, .n_heads = 2, .d_vocab = kVocabulary, .n_ctx = 8},
                             {3}};
  SparseAutoencoder<float> sae{{.d_in = 16, .d_sae = 24}, {4}};

  Learnt() {
    hooked::train(body, pairs_of(small_items()),
                  {.optimizer = hooked::AdamW{.lr = 1e-2},
                   .steps = 120,
                   .batch_size = 36,
                   .progress = false,
                   .threads = 1});
  }
};
const Learnt& learnt() {
  static const Learnt model;
  return model;
}

/// For each item whether greedy decoding says its answer, token by token.
std::vector<bool> decoded(const EncoderDecoder<float>& body, const Items& items) {
  const auto said = hooked::generate(
      body, pairs_of(items).source.view(),
      Tensor<Token>({static_cast<Index>(items.size()), 1}, kBegin).view(),
      {.max_new_tokens = kAnswerTokens - 1, .do_sample = false, .use_past_kv_cache = false});
  std::vector<bool> right;
  for (std::size_t n = 0; n < items.size(); ++n) {
    std::string text;
    for (Index p = 0; p < said.size(1); ++p) {
      text += piece(said(static_cast<Index>(n), p));
      if (said(static_cast<Index>(n), p) == kEnd) break;
    }
    right.push_back(text == answer(items[n].task, items[n].i, items[n].j));
  }
  return right;
}

Tensor<double> numbers(const std::vector<double>& values) { return Tensor<double>(values); }

}  // namespace

TEST_CASE("Answers of cached outputs are those of greedy decoding, ablated or not",
          "[add_concat]") {
  EncoderDecoder<float> body = learnt().body;
  const SparseAutoencoder<float>& sae = learnt().sae;
  const DecoderOutputs of(learnt().body, small_items());
  const std::vector<bool> clean = decoded(body, of.items());
  CHECK(of.clean().right == clean);
  const double share = of.clean().accuracy();
  CHECK((share > 0.1 && share < 1.0));  // else this says little
  CHECK(of.loss() / static_cast<double>(of.rows()) ==
        Approx(evaluate(body, pairs_of(of.items())).loss).epsilon(1e-5));

  const Features features{1, 5, 8, 13, 21};
  const Tensor<float> f = features_of(sae, of.h());
  const Answers ablated = of.answers(without(sae, of.h(), f, features));
  body.add_hook(hooked::ablate_features(kSite, sae, features));
  CHECK(ablated.right == decoded(body, of.items()));
  CHECK(ablated.right != clean);
  body.reset_hooks();
  for (auto& hook : hooked::ablate_features_in_turn(kSite, sae, features)) body.add_hook(hook);
  const Answers in_turn = of.answers(without_in_turn(sae, of.h(), features));
  CHECK(in_turn.right == decoded(body, of.items()));
  CHECK(in_turn.right != ablated.right);
}

TEST_CASE("Of tokens that are as likely the first is said", "[add_concat]") {
  EncoderDecoder<float> body(learnt().body);
  body["unembed.W_U"].fill(0.0f);
  body["unembed.b_U"].fill(0.0f);
  const DecoderOutputs of(body, small_items());
  CHECK(of.clean().right == decoded(body, of.items()));
  CHECK(of.clean().accuracy() == 0.0);
}

TEST_CASE("Importance is the library's", "[add_concat]") {
  const auto& [body, sae] = learnt();
  const DecoderOutputs of(body, small_items());
  const Tensor<double> mine = importance(of, sae, features_of(sae, of.h()));
  const Tensor<double> theirs = hooked::feature_importance(body, pairs_of(of.items()),
                                                           hooked::CrossEntropyLoss{}, kSite, sae);
  double largest = 0.0;
  for (Index k = 0; k < mine.numel(); ++k) {
    CHECK(mine(k) == Approx(theirs(k)).margin(1e-4));
    largest = std::max(largest, std::abs(mine(k)));
  }
  CHECK(largest > 0.01);
}

TEST_CASE("Some items of outputs are what the model gives for them", "[add_concat]") {
  const DecoderOutputs of(learnt().body, small_items());
  const DecoderOutputs some = of.some({3, 40, 7});
  const DecoderOutputs again(learnt().body, some.items());
  CHECK(some.items()[1] == of.items()[40]);
  CHECK(some.labels() == again.labels());
  CHECK((some.h().array() - again.h().array()).abs().maxCoeff() < 1e-5f);
  CHECK(some.clean().right == again.clean().right);
  CHECK(of.only_right().clean().accuracy() == 1.0);
  CHECK(error_of<hooked::ShapeError>([&] { (void)of.answers(some.h()); }).find("answers of") == 0);
}

TEST_CASE("Threads change no answer, no importance and no search", "[add_concat]") {
  const auto& [body, sae] = learnt();
  Items many;  // more than one thread takes at a time
  for (int n = 0; n < 4; ++n) {
    for (const Item& item : small_items()) many.push_back(item);
  }
  const PerTask<DecoderOutputs> alone = outputs_of(body, many, 1),
                                shared = outputs_of(body, many, 3);
  const Judged by_one(alone, sae), by_three(shared, sae);
  const PerTask<Tensor<double>> one = importances(alone, sae), three = importances(shared, sae);
  for (const Task task : kTasks) {
    CHECK((one[task].array() == three[task].array()).all());
    const Features found = search_subset(by_one, task, {.most = 4, .shortlist = 4});
    REQUIRE(!found.empty());
    CHECK(found == search_subset(by_three, task, {.most = 4, .shortlist = 4}));
    CHECK(by_one.without(task, found).removed == by_three.without(task, found).removed);
    CHECK(by_one.without(task, found).cost == by_three.without(task, found).cost);
  }
}

TEST_CASE("Of a task that a model cannot do nothing is removed, and nothing is asked",
          "[add_concat]") {
  const EncoderDecoder<float> untrained(learnt().body.config(), {5});
  const PerTask<DecoderOutputs> of = outputs_of(untrained, small_items());
  REQUIRE(of.add.clean().accuracy() == 0.0);
  REQUIRE(of.concatenate.clean().accuracy() == 0.0);
  int asked = 0;
  const Removal none = removal(of, Task::add, [&](Task) { return ++asked, 0.0; });
  CHECK(!is_measured(none));
  CHECK(std::isnan(none.removed));
  CHECK(asked == 0);
}

TEST_CASE("Selection follows the study's rule", "[add_concat]") {
  // To the target, to the other task: only the target; nothing; both, the target more; both, the
  // other more; the other alone; helps the other; as much.
  const PerTask<Tensor<double>> importance{numbers({.5, -.1, .5, .05, .0, .3, .2}),
                                           numbers({.0, .0, .1, .3, .2, -.2, .2})};
  CHECK(selected(importance, Task::add, 0.0) == Features{0, 5});
  CHECK(selected(importance, Task::add, 0.1) == Features{0, 5});  // below the tolerance, not at it
  CHECK(selected(importance, Task::add, 0.11) == Features{0, 2, 5});
  CHECK(selected(importance, Task::add, 10.0) == Features{0, 2, 5});
  CHECK(selected(importance, Task::concatenate, 0.0) == Features{4});
  CHECK(selected(importance, Task::concatenate, 0.06) == Features{3, 4});
  CHECK(error_of<hooked::ConfigError>([&] { selected(importance, Task::add, -0.1); }) ==
        "tolerance is -0.1: it must be at least 0");
  CHECK(error_of<hooked::ConfigError>([&] { selected(importance, Task::add, kNaN); }) ==
        "tolerance is nan: it must be at least 0");
}

TEST_CASE("Features that say the same are taken off twice at once, and once in turn",
          "[add_concat]") {
  SparseAutoencoder<float> sae({.d_in = 2, .d_sae = 3});
  const auto set = [&](const char* name, const std::vector<float>& values) {
    std::copy(values.begin(), values.end(), sae[name].data());
  };
  set("W_enc", {1, 1, 0, 0, 0, 1});  // features 0 and 1 read h_0, feature 2 reads h_1
  set("W_dec", {1, 0, 1, 0, 0, 1});
  const Tensor<float> h({1, 2}, {3.0f, 5.0f});
  const Tensor<float> f = features_of(sae, h);
  const auto row = [](const Tensor<float>& x) { return std::vector<float>{x(0, 0), x(0, 1)}; };
  CHECK(row(without(sae, h, f, {0, 1})) == std::vector<float>{-3, 5});
  CHECK(row(without_in_turn(sae, h, {0, 1})) == std::vector<float>{0, 5});
  CHECK(row(without(sae, h, f, {0, 2})) == std::vector<float>{0, 0});
  CHECK(row(without_in_turn(sae, h, {0, 2})) == std::vector<float>{0, 0});
  CHECK(row(without(sae, h, f, {})) == std::vector<float>{3, 5});
}

TEST_CASE("Variance shares of constructed functions", "[add_concat]") {
  const auto shares = [](const auto& function) {
    Tensor<double> x({2, kNumbers, kNumbers});
    for (Index o = 0; o < 2; ++o) {
      for (Index i = 0; i < kNumbers; ++i) {
        for (Index j = 0; j < kNumbers; ++j) {
          x(o, i, j) = function(o == 0 ? -1.0 : 1.0, i < 50 ? -1.0 : 1.0, j < 50 ? -1.0 : 1.0);
        }
      }
    }
    return variance_shares(x);
  };
  // Products of signs are orthogonal: shares are squared coefficients over their sum.
  const VarianceShares s = shares([](double o, double i, double j) {
    return 7.0 + 1.0 * o + 2.0 * i + 3.0 * j + 4.0 * o * i + 5.0 * o * j + 6.0 * i * j +
           3.0 * o * i * j;
  });
  CHECK(s.operation == Approx(0.01));
  CHECK(s.first == Approx(0.04));
  CHECK(s.second == Approx(0.09));
  CHECK(s.operation_first == Approx(0.16));
  CHECK(s.operation_second == Approx(0.25));
  CHECK(s.both_numbers == Approx(0.36));
  CHECK(s.all == Approx(0.09));
  CHECK(class_of(s) == "mixed");
  CHECK(class_of(shares([](double o, double, double) { return o; })) == "operation");
  CHECK(class_of(shares([](double, double i, double) { return i; })) == "first number");
  CHECK(class_of(shares([](double, double, double j) { return j; })) == "second number");
  CHECK(class_of(shares([](double, double i, double j) { return i * j; })) == "both numbers");
  CHECK(class_of(shares([](double o, double i, double j) { return (1 + o) * i * j + o * i; })) ==
        "numbers by operation");
  CHECK(std::isnan(shares([](double, double, double) { return 2.0; }).operation));
  // What the answer's first token decides, whatever the question.
  Tensor<double> token({2, kNumbers, kNumbers});
  for (const Item& item : all_items()) {
    token(item.task == Task::add ? 0 : 1, item.i, item.j) =
        tokenise(answer(item.task, item.i, item.j))[1];
  }
  CHECK(variance_shares(token).answer == Approx(1.0));
  CHECK(variance_shares(token).both_numbers < 0.5);
}

TEST_CASE("The Pareto front, and the two numbers that sum it up", "[add_concat]") {
  const std::vector<Removal> points{{.removed = .5, .cost = .1},  {.removed = .4, .cost = .1},
                                    {.removed = .96, .cost = .3}, {.removed = .9, .cost = .4},
                                    {.removed = .2, .cost = .0},  {.removed = kNaN, .cost = .0},
                                    {.removed = .5, .cost = .05}, {.removed = 1.0, .cost = .8}};
  std::vector<double> costs, removed;
  for (const Removal& p : pareto_front(points)) {
    costs.push_back(p.cost);
    removed.push_back(p.removed);
  }
  CHECK(costs == std::vector<double>{.0, .05, .3, .8});
  CHECK(removed == std::vector<double>{.2, .5, .96, 1.0});
  CHECK(most_removed(points, 0.02) == 0.2);
  CHECK(features_of_most({{.removed = .2, .cost = .0, .features = 3},
                          {.removed = .5, .cost = .01, .features = 4},
                          {.removed = .9, .cost = .05, .features = 5}},
                         0.02) == 4);
  CHECK(features_of_most({points[0]}, 0.02) == 0);
  CHECK(most_removed(points, 0.3) == 0.96);
  CHECK(least_cost(points, 0.95) == 0.3);
  CHECK(std::isnan(least_cost({points[0]}, 0.95)));
  CHECK(most_removed({points[0]}, 0.02) == 0.0);  // to do nothing is free
  CHECK(std::isnan(most_removed({points[5]}, 0.02)));
}

TEST_CASE("Probes leave out twins that were learnt from and what is answered wrongly",
          "[add_concat]") {
  ItemSplit split;
  for (const Item& item : small_items()) {
    const bool is_learnt = item.task == Task::concatenate && item.i < 3;
    (is_learnt ? split.train : split.validation).push_back(item);
  }
  const PerTask<Items> all = draw_probes(split, 36, {0});
  CHECK(all.add.size() == 36);
  CHECK(all.concatenate.size() == 18);
  for (const Item& item : all.concatenate) {
    CHECK(item.task == Task::concatenate);
    CHECK(item.i >= 3);
  }
  const PerTask<Items> some = draw_probes(split, 10, {0});
  CHECK(some.add.size() == 10);
  CHECK(some.add != draw_probes(split, 10, {1}).add);
  CHECK(some.add == draw_probes(split, 10, {0}).add);
  CHECK(error_of<hooked::ConfigError>([&] { draw_probes(split, 37, {0}); }) ==
        "37 additions are wanted as probes, they must be 1 to 36, which the validation items have");
  const PerTask<DecoderOutputs> right = answered(learnt().body, all);
  const DecoderOutputs before(learnt().body, all.add);
  CHECK(right.add.size() < before.size());
  CHECK(right.add.size() ==
        std::count(before.clean().right.begin(), before.clean().right.end(), true));
}

TEST_CASE("A search finds the feature of one task among those of both", "[add_concat]") {
  const EncoderDecoder<float>& body = learnt().body;
  const PerTask<DecoderOutputs> all = outputs_of(body, small_items());
  const PerTask<DecoderOutputs> of{all.add.only_right().some({0, 1}),
                                   all.concatenate.only_right().some({0, 1})};
  // Feature 0 is on everywhere, 1 in additions, 2 in concatenations, 3 nowhere: few rows can be
  // told apart exactly.
  const Index rows = of.add.rows() + of.concatenate.rows();
  REQUIRE(rows <= 16);
  Tensor<float> h({rows, 16}), is_add({rows, 1});
  h.matrix() << of.add.h().matrix(), of.concatenate.h().matrix();
  is_add.fill(-1.0f);
  is_add.slice(0, 0, of.add.rows()).fill(1.0f);
  const Tensor<float> side = hooked::lstsq(h, is_add).solution;
  SparseAutoencoder<float> sae({.d_in = 16, .d_sae = 4});
  sae["W_enc"].fill(0.0f);
  sae["W_enc"].matrix().col(1) = side.matrix();
  sae["W_enc"].matrix().col(2) = -side.matrix();
  const std::vector<float> biases{1.0f, 0.0f, 0.0f, -1.0f};
  std::copy(biases.begin(), biases.end(), sae["b_enc"].data());
  sae["W_dec"].matrix().rowwise() = 20.0f * Eigen::RowVectorXf::LinSpaced(16, -1.0f, 1.0f);
  const Judged judged(of, sae);
  const Features add = search_subset(judged, Task::add, {.weight = 1.0, .shortlist = 4});
  const Features concatenate =
      search_subset(judged, Task::concatenate, {.weight = 1.0, .shortlist = 4});
  CHECK(add == Features{1});
  CHECK(concatenate == Features{2});
  CHECK(by_count(judged, Task::add, {1}).at(0).removed == judged.without(Task::add, {1}).removed);
  CHECK(error_of<hooked::ConfigError>([&] {
          search_subset(judged, Task::add, {.most = 0});
        }).find("most 0") != std::string::npos);
}

TEST_CASE("Features of the memory that are on for one task are ablated where the decoder reads it",
          "[add_concat]") {
  // Of rows [a, b], feature 0 is on where a is above 0, 1 where b is, and 2 nowhere.
  SparseAutoencoder<float> sae({.d_in = 2, .d_sae = 3});
  sae["W_enc"].fill(0.0f);
  sae["W_enc"](0, 0) = sae["W_enc"](1, 1) = 1.0f;
  sae["b_enc"](2) = -1.0f;
  Tensor<float> add({2 * kPromptTokens, 2}), concatenate({2 * kPromptTokens, 2});
  add(3, 0) = 1.0f;
  concatenate(7, 0) = 1.0f;
  concatenate(1, 1) = concatenate(2, 1) = concatenate(6, 1) = 1.0f;
  const PerTask<Tensor<double>> shares{shares_on(sae, add, 1), shares_on(sae, concatenate, 1)};
  CHECK(difference(shares.add, numbers({0.5, 0.0, 0.0})) == "");
  CHECK(difference(shares.concatenate, numbers({0.5, 1.0, 0.0})) == "");
  CHECK(exclusive_to(shares, Task::add, 0.1) == Features{});
  CHECK(exclusive_to(shares, Task::add, 0.5) == Features{0});
  CHECK(exclusive_to(shares, Task::concatenate, 0.0) == Features{1});

  const Reading at(learnt().body, learnt().sae, small_split(), 1e-3, 1);
  const PerTask<Tensor<float>> memory = learnt_memory(at);
  CHECK(memory.add.shape() == hooked::Shape{36 * kPromptTokens, 16});
  const PerTask<Tensor<double>> on{shares_on(at.sae, memory.add, 1),
                                   shares_on(at.sae, memory.concatenate, 1)};
  const PerTask<std::vector<Removal>> points = points_of_memory(at, at.sae, memory);
  for (const Task target : kTasks) {
    const Removal& point = points[target].back();
    const Features features = exclusive_to(on, target, point.setting);
    CHECK(point.features == static_cast<Index>(features.size()));
    EncoderDecoder<float> model = learnt().body;
    model.add_hook(hooked::ablate_features(kMemory, at.sae, features));
    const auto lost = [&](Task task) {
      const auto accuracy = [&](const EncoderDecoder<float>& body) {
        const std::vector<bool> right = decoded(body, at.validation[task].items());
        return static_cast<double>(std::count(right.begin(), right.end(), true));
      };
      return 1.0 - accuracy(model) / accuracy(learnt().body);
    };
    CHECK_THAT(point.removed, Catch::Matchers::WithinAbs(lost(target), 1e-12));
    CHECK_THAT(point.cost, Catch::Matchers::WithinAbs(lost(other(target)), 1e-12));
  }
}

TEST_CASE("All ways are tried with every kind of autoencoder, none with a model that knows nothing",
          "[add_concat]") {
  const auto ways = [&](const EncoderDecoder<float>& body, const SparseAutoencoder<float>& sae) {
    const Reading at(body, sae, small_split(), 1e-3, 1);
    return all_ways(at, searched(at.on_learnt));
  };
  using Architecture = hooked::SaeArchitecture;
  for (const Architecture architecture :
       {Architecture::standard, Architecture::topk, Architecture::gated}) {
    hooked::SparseAutoencoderOptions options{.d_in = 16, .d_sae = 24, .architecture = architecture};
    if (architecture == Architecture::topk) options.k = 3;
    const std::vector<Way> all = ways(learnt().body, SparseAutoencoder<float>(options, {4}));
    CHECK(all.size() == 15);
    for (const Way& way : all) {
      INFO(way.name);
      // A search may find nothing to take off; the others always try something.
      const bool may_be_empty = way.name.ends_with("by search");
      for (const Task task : kTasks) {
        CHECK((may_be_empty || !way.points[task].empty()));
        for (const Removal& point : way.points[task]) CHECK(is_measured(point));
      }
    }
  }
  const EncoderDecoder<float> untrained(learnt().body.config(), {5});
  for (const Way& way : ways(untrained, learnt().sae)) {
    CHECK((way.points.add.empty() && way.points.concatenate.empty()));
  }
}
