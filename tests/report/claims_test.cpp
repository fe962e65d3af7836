#include "hooked/report/claims.hpp"

#include <cmath>

#include "catch.hpp"
#include "hooked/report/claims_table.hpp"
#include "hooked/report/report.hpp"
#include "io/scratch.hpp"

using namespace hooked;

TEST_CASE("A verdict follows from the number and the rule", "[claims]") {
  const Rule rule{within(98.5, 0.5), {50.0, 100.0}};
  CHECK(rule(98.0) == Verdict::match);
  CHECK(rule(97.9) == Verdict::same_shape);
  CHECK(rule(49.0) == Verdict::differs);
  CHECK(rule(std::nan("")) == Verdict::not_measurable);
  CHECK(rule.text() == "match: 98 to 99; same sign/shape: 50 to 100");
  CHECK(within_factor(10.0, 2.0).text() == "5 to 20");
  CHECK(Range{.low = 3.0}.text() == "at least 3");
  CHECK(Range{.high = 3.0}.text() == "at most 3");
}

TEST_CASE("A list is judged by its worst number", "[claims]") {
  const Rule rule{{0.0, 1.0}, {0.0, 2.0}};
  CHECK(judge({}, {0.5, 1.0}, {rule, rule}).verdict == Verdict::match);
  CHECK(judge({}, {0.5, 1.5}, {rule, rule}).verdict == Verdict::same_shape);
  CHECK(judge({}, {2.5, 1.5}, {rule, rule}).verdict == Verdict::differs);
  CHECK(judge({}, {2.5, std::nan("")}, {rule, rule}).verdict == Verdict::not_measurable);
  CHECK_THROWS_WITH(judge({.claim = "two"}, std::vector<double>{1.0}, {rule, rule}),
                    "the claim \"two\" has 1 numbers but 2 rules");
}

TEST_CASE("Claims are a list of eight keys in order, and a table", "[claims]") {
  std::vector<Claim> claims{
      judge({.claim = "accuracy", .study_says = 98.5, .unit = "%", .definition = "how"}, 98.4321987,
            {within(98.5, 0.5), {}}),
      report({.claim = "more", .unit = "%"}, 2.0), report({.claim = "two"}, {1.0, std::nan("")})};
  add_null(claims, "untrained",
           {judge({.claim = "accuracy"}, 1.0, {within(98.5, 0.5), {.low = 50.0}}),
            report({.claim = "more"}, 3.0), report({.claim = "two"}, {4.0, 5.0})});
  const auto json = claims_to_json(claims);
  CHECK(json[0].dump() ==
        R"({"claim":"accuracy","study_says":98.5,"measured":98.4322,"unit":"%",)"
        R"("definition":"how [match: 98 to 99; same sign/shape: any number]","verdict":"match",)"
        R"("nulls":[{"model":"untrained","measured":1.0,"verdict":"differs"}],"counts":true})");
  CHECK(json[1]["study_says"].is_null());
  CHECK(json[1]["verdict"] == "not judged");
  CHECK(json[1]["counts"] == false);
  CHECK(claims_table(claims) ==
        "claim    | study says | measured | verdict\n"
        "---------+------------+----------+-----------\n"
        "accuracy | 98.5 %     | 98.43 %  | match\n"
        "more     | -          | 2 %      | not judged\n"
        "two      | -          | 1, nan   | not judged\n");
}

TEST_CASE("What a null model passes does not discriminate, and does not count", "[claims]") {
  const auto measured = [](double accuracy, double loss) {
    return std::vector<Claim>{
        judge({.claim = "accuracy"}, accuracy, {within(98.5, 0.5), {90.0, 100.0}}),
        judge({.claim = "loss changes little"}, loss, {within(1.0, 0.1), within(1.0, 0.5)})};
  };
  std::vector<Claim> claims = measured(98.5, 1.0);
  CHECK(counts(claims[0]));
  CHECK(counts(claims[1]));
  add_null(claims, "untrained", measured(1.0, 1.4));
  add_null(claims, "dealt labels", measured(50.0, 1.0));
  CHECK(counts(claims[0]));
  CHECK_FALSE(counts(claims[1]));
  CHECK(nulls_that_pass(claims[1]) == std::vector<std::string>{"untrained", "dealt labels"});
  CHECK_THAT(claims_table(claims),
             Catch::Matchers::ContainsSubstring("not discriminating: untrained, dealt labels"));
  CHECK_THROWS_WITH(
      add_null(claims, "other", {judge({.claim = "accuracy"}, 1.0, {})}),
      "the analysis of the model \"other\" gives other claims than the trained one's");
}

TEST_CASE("A report writes its claims and figures where it is told", "[report]") {
  const scratch::Directory directory;
  Report gathered;
  gathered.add(report({.claim = "x"}, 1.0));
  gathered.say("x is 1.");
  gathered.add("map", "Two cells.",
               Figure::heatmap("t", "x", "y", "c", Figure::Colors::diverging)
                   .panel("p", Tensor<float>({1, 2}, {0.123456789f, 2})));
  gathered.save(directory / "out");
  CHECK(load_json(directory / "out/claims.json").size() == 1);
  CHECK(load_json(directory / "out/findings.json").dump() == R"(["x is 1."])");
  const auto figure = load_json(directory / "out/figures/map.json");
  CHECK(figure["kind"] == "heatmap");
  CHECK(figure["see"] == "Two cells.");
  CHECK(figure["colors"]["scale"] == "diverging");
  CHECK(figure["panels"][0]["values"].dump() == "[[0.12346,2.0]]");
}

TEST_CASE("Figures hold what a page needs to draw them", "[report]") {
  const Tensor<double> x({2}, {0, 1}), y({2}, {5, 6}), longer({3});
  CHECK(Figure::lines("t", "x", "y").panel("p").line("l", x, y, true).json()["panels"].dump() ==
        R"([{"title":"p","lines":[{"label":"l","x":[0.0,1.0],"y":[5.0,6.0],"dashed":true}]}])");
  CHECK(Figure::histogram("t", "x", "y")
            .panel_with_edges("p", longer)
            .series("s", x)
            .json()["panels"]
            .dump() ==
        R"([{"title":"p","edges":[0.0,0.0,0.0],"series":[{"label":"s","counts":[0.0,1.0]}]}])");
  CHECK(Figure::bars("t", "x", "y")
            .panel_with_groups("p", {"g", "h"})
            .series("s", y)
            .json()["panels"]
            .dump() ==
        R"([{"title":"p","groups":["g","h"],"series":[{"label":"s","values":[5.0,6.0]}]}])");
  CHECK_THROWS_WITH(Figure::lines("t", "x", "y").panel("p").line("l", x, longer),
                    "the line \"l\" has x [2] and y [3]");
  CHECK_THROWS_WITH(Figure::heatmap("t", "x", "y", "c", Figure::Colors::sequential).panel("p", x),
                    "a heatmap's panel is [y, x], \"p\" is [2]");
}
