#include <cmath>
#include <numbers>

#include "../../examples/subtraction_sign/roles.hpp"
#include "catch.hpp"

using namespace subtraction;

TEST_CASE("Every pair is there once, 50.5% of them are positive", "[subtraction_sign]") {
  const Dataset all = all_pairs();
  REQUIRE(all.tokens.shape() == hooked::Shape{10000, 5});
  Index positive = 0;
  for (Index row = 0; row < kPairs; ++row) positive += all.labels(row, 0) == kPlus ? 1 : 0;
  CHECK(positive == 5050);
  // 12 - 30 = - 18
  const Index row = 12 * 100 + 30;
  CHECK(all.tokens(row, 0) == 12);
  CHECK(all.tokens(row, 1) == kMinus);
  CHECK(all.tokens(row, 2) == 30);
  CHECK(all.tokens(row, 3) == kEquals);
  CHECK(all.tokens(row, 4) == kMinus);
  CHECK(all.labels(row, 0) == kMinus);
  CHECK(all.labels(row, 1) == 18);
  CHECK(sign_of(7, 7) == kPlus);
}

TEST_CASE("Heads get their roles from where they look, not from their numbers",
          "[subtraction_sign]") {
  // Attention to a, -, b, =.
  const Tensor<double> attention({4, 4}, {0.1, 0.1, 0.6, 0.2,    // mostly b
                                          0.9, 0.0, 0.0, 0.1,    // only a
                                          0.6, 0.15, 0.1, 0.15,  // mostly a
                                          0.0, 0.0, 1.0, 0.0});  // only b
  const HeadRoles roles(attention);
  CHECK(roles.head == std::array<Index, 4>{2, 1, 3, 0});
}

TEST_CASE("A wave is periodic, a ramp is not", "[subtraction_sign]") {
  const auto wave = over_pairs([](double a, double b) {
    return std::cos(2.0 * std::numbers::pi * 7.0 * a / 100.0) +
           std::sin(2.0 * std::numbers::pi * 7.0 * b / 100.0);
  });
  CHECK(periodicity(square(wave)) == Approx(1.0));
  CHECK(periodicity(square(over_pairs([](double a, double b) { return a - b; }))) < 0.07);
  CHECK(periodicity(Tensor<double>({100, 100}, 3.0)) == 0.0);
}

TEST_CASE("The score counts the likeliest of all tokens", "[subtraction_sign]") {
  Tensor<float> logits({kPairs, kVocabulary});
  for (Index row = 0; row < kPairs; ++row) logits(row, kPlus) = 1000.0f;
  const Score s = score(logits);
  CHECK(s.accuracy == Approx(50.5));
  CHECK(s.loss == Approx(495.0));
  CHECK(median({3.0, 1.0, 2.0}) == 2.0);
  CHECK(median({4.0, 1.0, 2.0, 3.0}) == 2.5);
}
