// The sweep's tasks and the list of its runs; tests/examples/sweep.sh runs the program.
#include "../../examples/sweep/runs.hpp"
#include "catch.hpp"

using namespace sweep;

namespace {

/// Row `i` of a task: its tokens, then its labels.
std::vector<Token> row(const Task& task, Index i) {
  std::vector<Token> row;
  for (const Tensor<Token>* part : {&task.all.tokens, &task.all.labels}) {
    for (Index at = 0; at < part->size(1); ++at) row.push_back((*part)(i, at));
  }
  return row;
}

}  // namespace

TEST_CASE("Tasks hold every sequence and its answer", "[sweep]") {
  const Task addition = make_task({.name = "modular_addition", .p = 5});
  CHECK(addition.all.size() == 25);
  CHECK(addition.vocabulary == 6);
  CHECK(addition.all.positions == std::vector<Token>{2});
  CHECK(row(addition, 3 * 5 + 4) == std::vector<Token>{3, 4, 5, 2});  // 3 + 4 = 2 (mod 5)

  const Task maximum = make_task({.name = "maximum", .p = 4, .k = 3});
  CHECK(maximum.all.size() == 64);
  CHECK(maximum.all.positions == std::vector<Token>{3});
  CHECK(row(maximum, 16 * 1 + 4 * 3 + 2) == std::vector<Token>{1, 3, 2, 4, 3});

  const Task subtraction = make_task({.name = "subtraction", .p = 10});
  CHECK(subtraction.all.size() == 100);
  CHECK(subtraction.vocabulary == 13);
  CHECK(subtraction.all.positions == std::vector<Token>{2, 3});
  CHECK(row(subtraction, 37) == std::vector<Token>{3, 7, 10, 12, 12, 4});  // 3 - 7 = - 4
  CHECK(row(subtraction, 77) == std::vector<Token>{7, 7, 10, 11, 11, 0});  // 7 - 7 = + 0
}

TEST_CASE("A sweep is every value of every key with every seed, the seed changing first",
          "[sweep]") {
  const json file = {{"base", {{"training", {{"steps", 5}, {"lr", 0.5}}}}},
                     {"grid", {{"training.lr", {0.1, 0.2}}, {"task.p", {3, 4}}}},
                     {"seeds", json::parse("[7, 8]")}};
  const Sweep sweep = read_sweep(file, "file");
  CHECK(sweep.keys == std::vector<std::string>{"training.lr", "task.p"});
  REQUIRE(sweep.runs.size() == 8);
  const Run& run = sweep.runs[5];  // lr 0.2, p 3, the second seed
  CHECK(run.number == 5);
  CHECK(run.varied == std::vector<json>{0.2, 3});
  CHECK(run.seed == 8);
  CHECK(run.settings["training"] == json{{"steps", 5}, {"lr", 0.2}});
  CHECK(run.settings["task"] == json{{"p", 3}});
  CHECK(read_sweep(json::object(), "file").runs.size() == 1);
}

TEST_CASE("Run directories sort by number", "[sweep]") {
  CHECK(directory_name(7, 10) == "run-007");
  CHECK(directory_name(7, 1001) == "run-0007");
}
