#include "../../examples/modular_addition/ablations.hpp"
#include "../../examples/modular_addition/along.hpp"
#include "../../examples/modular_addition/frequencies.hpp"
#include "../../examples/modular_addition/setup.hpp"
#include "../../examples/modular_addition/turning.hpp"
#include "catch.hpp"

namespace addition {

namespace {

study::Setup small(const study::Chosen& chosen = {}) {
  return setup(choices().with({{"p", 7}, {"d_model", 8}}).with(chosen), {0});
}

/// The answers of an all-knowing model: 10 cos(w_2 (x + s y - z)).
void plant(AtEquals& at) {
  for (Index row = 0; row < at.p * at.p; ++row) {
    for (Index z = 0; z < at.p; ++z) {
      const auto d = static_cast<double>(row / at.p + at.sign * (row % at.p) - z);
      at.logits(row, z) = 10.0 * std::cos(4.0 * std::numbers::pi * d / static_cast<double>(at.p));
    }
  }
}

study::Moment moment(Index step, double test, double restricted, double excluded) {
  return {{step, {}},
          {},
          {},
          {{"test loss", test}, {"restricted loss", restricted}, {"excluded loss", excluded}}};
}

}  // namespace

TEST_CASE("The answers of the three operations", "[modular_addition]") {
  CHECK(answer("add", 5, 4, 7) == 2);
  CHECK(answer("subtract", 2, 5, 7) == 4);
  CHECK(answer("x2_xy_y2", 3, 4, 7) == (9 + 12 + 16) % 7);
  const Dataset all = all_pairs("subtract", 7);
  REQUIRE(all.size() == 49);
  CHECK(all.tokens(2 * 7 + 5, 0) == 2);
  CHECK(all.tokens(2 * 7 + 5, 1) == 5);
  CHECK(all.tokens(2 * 7 + 5, 2) == 7);
  CHECK(all.labels(2 * 7 + 5, 0) == 4);
}

TEST_CASE("The sign of y is read off the data", "[modular_addition]") {
  for (const auto& [operation, sign] : {std::pair{"add", 1}, {"subtract", -1}, {"x2_xy_y2", 1}}) {
    for (const Index p : {3, 8}) {
      const study::Setup setup = small({{"p", p}, {"operation", operation}});
      const Transformer<float> model(setup.model);
      const study::Choices chosen = choices();
      CHECK(AtEquals({model, setup, chosen}, {1}).sign == sign);
    }
  }
}

TEST_CASE("Important frequencies have a quarter of the strongest norm", "[modular_addition]") {
  CHECK(important(Tensor<double>({5}, {9.0, 1.0, 4.0, 0.9, 1.1})) == std::vector<Index>{2, 4});
  CHECK(important(Tensor<double>({2})).empty());
  CHECK(waves_of({1, 3}, 7) == std::vector<Index>{1, 2, 5, 6});
  CHECK(waves_of({3}, 6) == std::vector<Index>{5});  // its sine is 0 everywhere
  CHECK(overlap({1, 2, 3}, {2, 3, 4}) == Approx(0.5));
}

TEST_CASE("Planted logits are all key cosines, and need them", "[modular_addition]") {
  const study::Setup setup = small({{"operation", "subtract"}});
  const Transformer<float> model(setup.model);
  const study::Choices chosen = choices();
  AtEquals at({model, setup, chosen}, {2});
  plant(at);
  CHECK(key_share(at) == Approx(1.0));
  CHECK(max_norm(key_cosines(at) - at.logits).item() < 1e-12);
  CHECK(at.loss_of(restricted_logits(at.logits, at.key, at.sign)) == Approx(at.loss_of(at.logits)));
  CHECK(at.loss_of(excluded_logits(at.logits, at.key, at.sign)) == Approx(std::log(7.0)));
  for (const auto& others : other_frequencies(at)) {
    REQUIRE(others.size() == 1);
    CHECK(others[0] != 2);
  }
}

TEST_CASE("Losses hold for logits of any size", "[modular_addition]") {
  const study::Setup setup = small();
  const Transformer<float> model(setup.model);
  const study::Choices chosen = choices();
  const AtEquals at({model, setup, chosen}, {1});
  CHECK(at.loss_of(Tensor<double>({49, 7})) == Approx(std::log(7.0)));
  Tensor<double> wrong({49, 7});
  for (Index row = 0; row < 49; ++row) wrong(row, at.labels(row, 0)) = -5000.0;
  CHECK(at.loss_of(wrong) == Approx(5000.0 + std::log(6.0)));
  CHECK(at.train.size() == 14);
  CHECK(at.test.size() == 35);
}

TEST_CASE("With all its waves turned by d, x is x + d", "[modular_addition]") {
  const Tensor<double> W({3, 2}, {1.0, 2.0, 3.0, 5.0, 8.0, 13.0});
  const Tensor<double> turned = turned_by(W, {0, 1}, 1);
  for (Index x = 0; x < 3; ++x) CHECK(turned(x, 1) == Approx(W((x + 1) % 3, 1)));
  CHECK(max_norm(turned_by(W, {}, 1) - W).item() == 0.0);
}

TEST_CASE("Phases are read off the losses", "[modular_addition]") {
  const Trajectory run{moment(0, 4.0, 4.0, 4.0),   moment(10, 30.0, 3.0, 0.1),
                       moment(20, 24.0, 0.9, 2.0), moment(30, 18.0, 0.1, 9.5),
                       moment(40, 0.9, 0.0, 10.0), moment(50, 1e-4, 0.0, 9.0)};
  const Phases at(run);
  CHECK(at.peak == 1);
  CHECK(at.begins == 3);
  CHECK(at.ends == 5);
  CHECK(at.memorised == 1);
  CHECK(at.formed == 3);
  CHECK_THROWS_WITH(run[0]["test los"],
                    "\"test los\" is not tracked; the nearest are: test loss, "
                    "restricted loss, excluded loss");
  const Phases never({moment(0, 4.0, 4.0, 4.0), moment(10, 5.0, 4.0, 3.0)});
  CHECK(never.ends == 2);
  CHECK(std::isnan(step_of(run, run.size())));
}

}  // namespace addition
