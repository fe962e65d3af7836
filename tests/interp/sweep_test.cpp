// Sweeps: runs that differ in one place each give what whole runs with one edit give.
#include "hooked/interp/sweep.hpp"

#include "catch.hpp"
#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/autograd/select.hpp"
#include "hooked/testing/bits.hpp"
#include "interp/sequence.hpp"
#include "nn/golden_model.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;

Variable<double> difference(Variable<double> logits) {
  return element(logits, {0, -1, 3}) - element(logits, {0, -1, 5});
}

TEST_CASE("A sweep gives what a whole run with one patch gives, for every place") {
  const auto model = golden::model();
  const auto clean = sequence(8, 3), corrupted = sequence(8, 7);
  const auto source = model.run_with_cache(clean).cache;
  std::vector<Place> places;
  std::string site;
  SECTION("one head at one position, blocks in turns") {
    site = "z";
    for (Index p = 0; p < 8; ++p) {
      for (int layer : {1, 0}) {
        for (Index head = 0; head < 2; ++head) places.push_back({layer, p, head});
      }
    }
  }
  SECTION("a pattern's head, all queries") {
    site = "pattern";
    places = {{0, Place::kAll, 0}, {0, Place::kAll, 1}, {1, Place::kAll, 1}};
  }
  SECTION("a whole site, by its full name within the block") {
    site = "hook_mlp_out";
    places = {{1}, {0}};
  }
  for (const std::vector<Token>& positions : {std::vector<Token>{}, std::vector<Token>{2, 7}}) {
    const auto found =
        sweep<double>(model, corrupted, site, places, source, difference, {.positions = positions});
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto [layer, position, head] = places[i];
      const std::string name =
          site == "hook_mlp_out" ? text("blocks.", layer, ".", site) : act_name(site, layer);
      Units units;
      if (position != Place::kAll) units.positions = {position};
      if (head != Place::kAll) units.heads = {head};
      const auto logits =
          model.run_with_hooks(corrupted, {patch(name, source, units)}, {.positions = positions});
      CAPTURE(site, layer, position, head);
      CHECK(found(static_cast<Index>(i)) == Approx(value_of(difference, logits)).epsilon(1e-11));
    }
    for (const int threads : {1, 3}) {
      CHECK(
          testing::bit_difference(sweep<double>(model, corrupted, site, places, source, difference,
                                                {.positions = positions, .threads = threads}),
                                  found) == "");
    }
  }
}

TEST_CASE("Sweeping the golden model's heads gives the published logit differences") {
  const auto model = golden::model();
  const Tensor<Token> clean({8}, {1, 2, 3, 4, 1, 2, 3, 4}),
      corrupted({8}, {1, 2, 3, 4, 5, 2, 3, 4});
  const std::vector<Place> heads{{.layer = 0, .head = 0},
                                 {.layer = 0, .head = 1},
                                 {.layer = 1, .head = 0},
                                 {.layer = 1, .head = 1}};
  const auto found =
      sweep<double>(model, corrupted, "z", heads, model.run_with_cache(clean).cache, difference);
  const double expected[] = {0.808413, 0.715036, 0.691104, 0.649233};
  for (Index i = 0; i < 4; ++i) CHECK(found(i) == Approx(expected[i]).epsilon(0).margin(5.001e-7));
}

TEST_CASE("A sweep refuses places that there are not") {
  const auto model = golden::model();
  const auto tokens = sequence(8, 3);
  const auto source = model.run_with_cache(tokens).cache;
  const auto refused = [&](const std::string& site, Place place) {
    try {
      (void)sweep<double>(model, tokens, site, {place}, source, difference);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refused("z", {.layer = 2}) == "sweep: there is no block 2, the model has 2");
  CHECK_THAT(refused("zz", {.layer = 0}), ContainsSubstring("the nearest are"));
  CHECK_THAT(refused("mlp_out", {.layer = 0, .head = 1}), ContainsSubstring("has no such axis"));
  CHECK_THAT(refused("z", {.layer = 0, .position = 8}), ContainsSubstring("outside axis"));
}

}  // namespace
}  // namespace hooked
