// The sweep's small task and the list of its runs; tests/examples/sweep.sh runs the program.
#include "../../examples/sweep/small_studies.hpp"
#include "../../examples/sweep/sweep.hpp"
#include "catch.hpp"

using namespace sweep;
using hooked::Dataset;

namespace {

/// Example `i`: its tokens, then its labels.
std::vector<Token> row(const Dataset& all, Index i) {
  std::vector<Token> row;
  for (const Tensor<Token>* part : {&all.tokens, &all.labels}) {
    for (Index at = 0; at < part->size(1); ++at) row.push_back((*part)(i, at));
  }
  return row;
}

Dataset all_of(const study::Study& study, const study::Chosen& chosen) {
  return study.setup(study.choices.with(chosen), {0}).all;
}

}  // namespace

TEST_CASE("The small task holds every sequence and its answer", "[sweep]") {
  const Dataset largest = all_of(maximum(), {{"p", 4}, {"length", 3}});
  CHECK(largest.size() == 64);
  CHECK(largest.positions == std::vector<Token>{3});
  CHECK(row(largest, 16 * 1 + 4 * 3 + 2) == std::vector<Token>{1, 3, 2, 4, 3});
  CHECK_THROWS_WITH(all_of(maximum(), {{"p", 100}, {"length", 4}}),
                    "there would be more than 1000000 sequences");
  CHECK_THROWS_WITH(all_of(maximum(), {{"p", 1}}), "there are no sequences of 2 numbers below 1");
}

TEST_CASE("A sweep is every combination of each grid with every seed, the seed changing first",
          "[sweep]") {
  const json file = {
      {"study", "maximum"},
      {"choices", {{"steps", 5}, {"lr", 0.5}}},
      {"grids", json::parse(R"([{"lr": [0.1, 0.2], "p": [3, 4]}, {"d_model": [16]}])")},
      {"seeds", json::parse("[7, 8]")}};
  const Sweep sweep = read_sweep(file, "file");
  CHECK(sweep.study == "maximum");
  CHECK(sweep.preset == "");
  CHECK(sweep.keys == std::vector<std::string>{"lr", "p", "d_model"});
  REQUIRE(sweep.runs.size() == 10);
  const Run& run = sweep.runs[5];  // lr 0.2, p 3, the second seed
  CHECK(run.number == 5);
  CHECK(run.seed == 8);
  const study::Choices choices = choices_of(maximum(), sweep.preset, run.chosen);
  CHECK(choices["lr"] == 0.2);
  CHECK(choices.count("p") == 3);
  CHECK(choices.count("steps") == 5);
  CHECK(choices.count("length") == 3);  // the preset's
  CHECK(choices_of(maximum(), "", sweep.runs[9].chosen)["lr"] == 0.5);
  CHECK(read_sweep(json::object(), "file").runs.size() == 1);
}

TEST_CASE("Choices are found by name and checked", "[sweep]") {
  const study::Study study = maximum();
  CHECK_THROWS_WITH(study.choices["weight_deca"],
                    Catch::Matchers::StartsWith(
                        "there is no choice \"weight_deca\"; the nearest are: weight_decay"));
  CHECK_THROWS_WITH(choices_of(study, "quik", {}),
                    "maximum has no preset \"quik\"; the nearest are: quick");
  CHECK_THROWS_WITH(study.choices.with({{"p", 2.5}}).count("p"),
                    "p is 2.5, it must be a whole number");
}

TEST_CASE("Run directories sort by number", "[sweep]") {
  CHECK(directory_name(7, 10) == "run-007");
  CHECK(directory_name(7, 1001) == "run-0007");
}

TEST_CASE("A choice is a number, or one of a few words", "[sweep]") {
  const study::Choices choices{{"p", 5, "a number"}, {"task", "sum", "a word", {"sum", "maximum"}}};
  CHECK(choices.word("task") == "sum");
  const study::Choices changed = choices.with({{"task", "maximum"}, {"p", 0}});
  CHECK(changed.word("task") == "maximum");
  CHECK(changed.count("p") == 0);
  CHECK_THROWS_WITH(choices.with({{"task", "maximal"}}),
                    "task is \"maximal\"; the nearest are: maximum, sum");
  CHECK_THROWS_WITH(choices.with({{"task", 1}}), "task is 1.0, it must be a word");
  CHECK_THROWS_WITH(choices.with({{"p", "five"}}), "p is \"five\", it must be a number");
  CHECK_THROWS_AS(choices.word("p"), hooked::ConfigError);
  CHECK_THROWS_AS(choices["task"], hooked::ConfigError);
  const Sweep sweep = read_sweep(
      json::parse(R"({"study": "s", "grids": [{"task": ["sum", "maximum"], "p": [3]}]})"), "file");
  REQUIRE(sweep.runs.size() == 2);
  CHECK(choices.with(sweep.runs[1].chosen).word("task") == "maximum");
}
