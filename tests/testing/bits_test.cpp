#include "hooked/testing/bits.hpp"

#include <limits>

#include "catch.hpp"

using hooked::Tensor;
using hooked::testing::bit_difference;

TEST_CASE("Equal bits have no difference") {
  const Tensor<float> a({2, 2}, {1, 2, 3, 4});
  CHECK(bit_difference(a, a) == "");
  CHECK(bit_difference(Tensor<double>::scalar(0.5), Tensor<double>::scalar(0.5)) == "");
}

TEST_CASE("The first difference is shown with its place, both values and their bits") {
  const Tensor<float> a({2, 2}, {1, 1, 3, 4});
  const Tensor<float> b({2, 2}, {1, 1.00000012f, 3, 5});
  CHECK(bit_difference(a, b) ==
        "at [0, 1]: 1 (0x3f800000) and 1.00000012 (0x3f800001); 2 of 4 elements differ");
  CHECK(bit_difference(Tensor<double>::scalar(2), Tensor<double>::scalar(-2)) ==
        "at []: 2 (0x4000000000000000) and -2 (0xc000000000000000); 1 of 1 elements differ");
}

TEST_CASE("Bits decide, not values: 0 differs from -0, a NaN equals itself") {
  const Tensor<float> zero({1}, {0.0f}), minus_zero({1}, {-0.0f});
  CHECK(bit_difference(zero, minus_zero) ==
        "at [0]: 0 (0x00000000) and -0 (0x80000000); 1 of 1 elements differ");
  const Tensor<float> nan({1}, {std::numeric_limits<float>::quiet_NaN()});
  CHECK(bit_difference(nan, nan) == "");
}

TEST_CASE("Other shapes differ, whatever the numbers") {
  const Tensor<float> a({2, 2}, {1, 2, 3, 4}), b({4}, {1, 2, 3, 4});
  CHECK(bit_difference(a, b) == "the shapes are [2, 2] and [4]");
}

TEST_CASE("Views are compared in their own order") {
  const Tensor<float> a({2, 2}, {1, 2, 3, 4}), turned({2, 2}, {1, 3, 2, 4});
  CHECK(bit_difference(a.transpose(), turned) == "");
  CHECK(bit_difference(turned, a.transpose()) == "");
}
