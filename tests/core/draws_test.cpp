// Draws: the same numbers on every platform, in blocks of any size, distributed as they should be.
#include "hooked/core/draws.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "catch.hpp"

namespace hooked {
namespace {

TEST_CASE("Numbers are those of seed, stream and place, to the bit, on every platform") {
  const Draws draws(Seed{7}, "W_E");
  double x[5];
  draws.normal(0, 5, 1.0, x);
  CHECK(x[0] == -0x1.52a6757466a28p-2);
  CHECK(x[1] == -0x1.25f17a8116df2p-4);
  CHECK(x[2] == -0x1.70c7bacc42355p-2);
  CHECK(x[3] == 0x1.33812a3df79bbp+0);
  CHECK(x[4] == 0x1.2d2012ac6524bp-1);
  draws.uniform(3, 2, 1.0, x);
  CHECK(x[0] == -0x1.a10dfbcfba2b4p-2);
  CHECK(x[1] == 0x1.2f5a42dfbbc1p-1);
  double y[1];
  for (const Draws& other : {Draws(Seed{8}, "W_E"), Draws(Seed{7}, "W_U")}) {
    other.normal(0, 1, 1.0, y);
    CHECK(y[0] != -0x1.52a6757466a28p-2);
  }
}

TEST_CASE("Blocks of any size and place give the same numbers") {
  const Draws draws(Seed{1}, "blocks");
  std::vector<float> whole(1000), part(1000);
  draws.normal(0, 1000, 0.5, whole.data());
  for (const Index size : {1, 2, 7, 64, 127, 128, 129, 500}) {
    for (Index first = 0; first < 1000; first += size) {
      draws.normal(first, std::min<Index>(size, 1000 - first), 0.5, part.data() + first);
    }
    CAPTURE(size);
    CHECK(part == whole);
  }
  std::vector<double> doubles(1000);
  draws.normal(0, 1000, 0.5, doubles.data());
  for (std::size_t i = 0; i < 1000; ++i) CHECK(whole[i] == static_cast<float>(doubles[i]));
}

TEST_CASE("Normal numbers are normal, and neighbours have nothing to do with each other") {
  constexpr Index kCount = 1 << 20;
  std::vector<double> x(kCount);
  Draws(Seed{3}, "moments").normal(0, kCount, 1.0, x.data());
  double moment[5] = {}, neighbours = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (int k = 1; k <= 4; ++k) moment[k] += std::pow(x[i], k) / kCount;
    if (i > 0) neighbours += x[i] * x[i - 1] / kCount;
  }
  const double unit = 1.0 / std::sqrt(double{kCount});  // of the mean; four of it is one in 16,000
  CHECK(std::abs(moment[1]) < 4 * unit);
  CHECK(std::abs(moment[2] - 1) < 4 * std::sqrt(2.0) * unit);
  CHECK(std::abs(moment[3]) < 4 * std::sqrt(15.0) * unit);
  CHECK(std::abs(moment[4] - 3) < 4 * std::sqrt(96.0) * unit);
  CHECK(std::abs(neighbours) < 4 * unit);
  // Kolmogorov and Smirnov: the largest distance from the distribution.
  std::sort(x.begin(), x.end());
  double largest = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = 0.5 * std::erfc(-x[i] / std::sqrt(2.0));
    largest = std::max(largest, std::abs(expected - (static_cast<double>(i) + 0.5) / kCount));
  }
  CHECK(largest < 1.95 * unit);  // one in a thousand
}

TEST_CASE("Uniform numbers fill their range evenly") {
  constexpr Index kCount = 1 << 18;
  std::vector<double> x(kCount);
  Draws(Seed{3}, "range").uniform(0, kCount, 2.0, x.data());
  std::sort(x.begin(), x.end());
  CHECK(x.front() > -2.0);
  CHECK(x.back() <= 2.0);
  double largest = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = (x[i] + 2.0) / 4.0;
    largest = std::max(largest, std::abs(expected - (static_cast<double>(i) + 0.5) / kCount));
  }
  CHECK(largest < 1.95 / std::sqrt(double{kCount}));
}

}  // namespace
}  // namespace hooked
