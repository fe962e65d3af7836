#include <algorithm>

#include "../../examples/subtraction_sign/algorithm.hpp"
#include "../../examples/subtraction_sign/attention.hpp"
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

TEST_CASE("The ratio of sides tells a hinge from a straight line", "[subtraction_sign]") {
  CHECK(ratio_of_sides(over_pairs([](double a, double b) { return std::max(0.0, b - a) - 3.0; })) ==
        Approx(0.0).margin(1e-12));
  CHECK(ratio_of_sides(over_pairs([](double a, double b) { return 2.0 * (b - a); })) ==
        Approx(1.0));
}

TEST_CASE("The boundary is where the sign changes, and the gain how far neurons move it",
          "[subtraction_sign]") {
  const auto below = over_pairs([](double a, double b) { return b - a - 0.5; });
  CHECK(boundary(below) == Approx(0.5));
  CHECK(boundary(over_pairs([](double a, double b) { return b - a - 7.5; })) == Approx(7.5));
  // One neuron grows with b-a and alone makes the sign; or makes it by half.
  for (const double share : {1.0, 0.5}) {
    Tensor<float> pre({kPairs, 270}), W_logit({270, kVocabulary});
    for (Index row = 0; row < kPairs; ++row) {
      pre(row, 0) = static_cast<float>(below(row) + 300.0);
    }
    W_logit(0, kMinus) = static_cast<float>(share);
    CHECK(CausalGain(pre, below, NeuronFits(pre), W_logit)() == Approx(share).margin(0.03));
  }
}

TEST_CASE("The score counts the likeliest of all tokens", "[subtraction_sign]") {
  Tensor<float> logits({kPairs, kVocabulary});
  for (Index row = 0; row < kPairs; ++row) logits(row, kPlus) = 1000.0f;
  const Score s = score(logits);
  CHECK(s.accuracy == Approx(50.5));
  CHECK(s.loss == Approx(495.0));
}
