// Tasks, copying and the proof of the study of order statistics; order_statistics.sh runs its
// program.
#include "../../examples/order_statistics/next_larger.hpp"
#include "../../examples/order_statistics/proved.hpp"
#include "../../examples/order_statistics/replaced.hpp"
#include "catch.hpp"
#include "hooked/train/train.hpp"

using namespace order_statistics;

namespace {

std::vector<Token> row(const Tensor<Token>& all, Index i) {
  return {&all(i, 0), &all(i, 0) + all.size(1)};
}

/// All tuples of three numbers below `values`.
Tensor<Token> all_triples(Index values) {
  Tensor<Token> tuples({values * values * values, 3});
  for (Index i = 0; i < tuples.size(0); ++i) {
    tuples(i, 0) = static_cast<Token>(i / values / values);
    tuples(i, 1) = static_cast<Token>(i / values % values);
    tuples(i, 2) = static_cast<Token>(i % values);
  }
  return tuples;
}

}  // namespace

TEST_CASE("Sequences of tuples, and their answers", "[order_statistics]") {
  const Tensor<Token> tuples({1, 4}, {7, 2, 9, 2});
  const Dataset sorted = dataset_of({.name = "sort", .length = 4, .values = 10}, tuples);
  CHECK(row(sorted.tokens, 0) == std::vector<Token>{7, 2, 9, 2, 10, 2, 2, 7});
  CHECK(row(sorted.labels, 0) == std::vector<Token>{2, 2, 7, 9});
  CHECK(sorted.positions == std::vector<Token>{4, 5, 6, 7});
  const Dataset largest = dataset_of({.name = "max", .length = 4, .values = 10}, tuples);
  CHECK(row(largest.tokens, 0) == std::vector<Token>{7, 2, 9, 2, 10});
  CHECK(row(largest.labels, 0) == std::vector<Token>{9});
  const Dataset middle = dataset_of({.name = "median", .length = 4, .values = 10}, tuples);
  CHECK(row(middle.labels, 0) == std::vector<Token>{2});  // the lower of 2 and 7
  CHECK(middle.positions == std::vector<Token>{4});
}

TEST_CASE("Distinct tuples have no number twice, and every number comes up", "[order_statistics]") {
  hooked::Random random({1}, "test");
  const Task task{.name = "max", .length = 5, .values = 8, .distinct = true};
  const Tensor<Token> tuples = draw_tuples(task, 400, 8, random);
  std::vector<int> count(8, 0);
  for (Index i = 0; i < 400; ++i) {
    std::vector<Token> numbers = row(tuples, i);
    std::sort(numbers.begin(), numbers.end());
    REQUIRE(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
    ++count[static_cast<std::size_t>(tuples(i, 0))];
  }
  for (const int c : count) CHECK(c > 25);  // 50 on average
}

TEST_CASE("Answers weigh the inverse of how often they come, 1 on average", "[order_statistics]") {
  const Task task{.name = "max", .length = 2, .values = 5};
  Dataset data = dataset_of(task, Tensor<Token>({4, 2}, {1, 0, 1, 1, 0, 1, 3, 2}));
  weigh_by_rarity(task, data);
  CHECK(data.weights(0, 0) == Approx(2.0 / 3.0));
  CHECK(data.weights(3, 0) == Approx(2.0));
}

TEST_CASE("Robustness is where accuracy leaves 99%", "[order_statistics]") {
  CHECK(robustness({0.0, 0.1, 0.2}, {100.0, 100.0, 98.0}) == Approx(0.15));
  CHECK(robustness({0.0, 0.1}, {100.0, 99.5}) == 1.0);
  CHECK(std::isnan(robustness({0.0, 0.1}, {98.0, 90.0})));
}

TEST_CASE("What the weights prove is never more than what holds for all tuples",
          "[order_statistics]") {
  const study::Choices chosen = choices().with({{"length", 3},
                                                {"values", 10},
                                                {"n_heads", 1},
                                                {"d_model", 16},
                                                {"attn_only", 1},
                                                {"examples", 300},
                                                {"steps", 150},
                                                {"lr", 0.01}});
  double largest_gap = 0.0, most = 0.0;
  for (const std::uint64_t seed : {0U, 1U, 2U, 3U}) {
    const study::Setup made = setup(chosen, {seed});
    hooked::Transformer<float> model(made.model, hooked::Seed{seed});
    for (const Index steps : {0, 40, 80, 150}) {
      if (steps > 0) {
        hooked::TrainOptions training = made.training;
        training.steps = steps, training.progress = false;
        hooked::train(model, made.part.train, training);
      }
      const AtAnswers at({model, made, chosen, 1});
      REQUIRE(can_be_proved(at));
      const Dataset all = dataset_of(at.task, all_triples(10));
      const double proved = 100.0 * Proof(at).share(), holds = at.accuracy(all, 0, {});
      CHECK(proved <= holds + 1e-9);
      largest_gap = std::max(largest_gap, holds - proved), most = std::max(most, proved);
    }
  }
  CHECK(most > 95.0);        // it proves something
  CHECK(largest_gap > 1.0);  // and is not the accuracy itself
}
