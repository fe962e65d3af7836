#include "hooked/core/random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>

#include "check.hpp"

using namespace hooked;

using Words = std::array<std::uint32_t, 4>;

TEST_CASE("Philox4x32-10 gives the published answers", "[core][random]") {
  // Random123, kat_vectors: philox4x32 10.
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t f = 0xffffffff;
  CHECK(philox4x32({f, f, f, f}, {f, f}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a draw is Philox of the draw's number and the stream, with the seed as key",
          "[core][random]") {
  // The 64-bit FNV-1a hash of "" is its offset basis.
  Random random(Seed{0x0123456789abcdef});
  for (std::uint32_t i = 0; i < 3; ++i) {
    const Words out = philox4x32({i, 0, 0x84222325, 0xcbf29ce4}, {0x89abcdef, 0x01234567});
    CHECK(random.bits() == (std::uint64_t{out[1]} << 32 | out[0]));
  }
}

TEST_CASE("the first numbers of a stream are the same on every platform", "[core][random]") {
  Random bits(Seed{0}, "embed.W_E");
  Random uniform(Seed{1}, "embed.W_E");
  Random normal(Seed{2}, "embed.W_E");
  CHECK(bits.bits() == 0x514b07016c8aeb3b);
  CHECK(bits.bits() == 0x6b8f7f195e4f821d);
  CHECK(uniform.uniform() == 0x1.b3d2bb3df587fp-1);
  CHECK(uniform.uniform() == 0x1.3d5586fadcd62p-1);
  CHECK(normal.normal() == -0x1.363e53a56027ep-1);
  CHECK(normal.normal() == 0x1.04fbd7c4f05dep-1);
  CHECK(normal.normal() == 0x1.fb686e3843cddp+0);

  Random many(Seed{2}, "embed.W_E");
  std::uint64_t digest = 0;
  for (int i = 0; i < 100000; ++i) {
    digest = digest * 31 + std::bit_cast<std::uint64_t>(many.normal());
  }
  CHECK(digest == 0x70cb694342fc1da1);
}

TEST_CASE("streams and seeds give unrelated numbers, equal ones the same", "[core][random]") {
  Random a(Seed{1}, "a"), same(Seed{1}, "a"), stream(Seed{1}, "b"), seed(Seed{2}, "a");
  double with_stream = 0, with_seed = 0;
  bool repeats = true;
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const double x = a.normal();
    repeats = repeats && x == same.normal();
    with_stream += x * stream.normal() / n;
    with_seed += x * seed.normal() / n;
  }
  CHECK(repeats);
  CHECK(std::abs(with_stream) < 4 / std::sqrt(n));
  CHECK(std::abs(with_seed) < 4 / std::sqrt(n));
}

TEST_CASE("uniform fills 0 to 1 evenly", "[core][random]") {
  Random random(Seed{3});
  const int n = 200000, bins = 20;
  std::vector<double> count(bins);
  bool inside = true;
  for (int i = 0; i < n; ++i) {
    const double x = random.uniform();
    inside = inside && x >= 0 && x < 1;
    ++count.at(static_cast<std::size_t>(x * bins));
  }
  double chi2 = 0;
  for (const double c : count) chi2 += (c - n / bins) * (c - n / bins) / (n / bins);
  CHECK(inside);
  CHECK(chi2 < 43.8);  // 19 degrees of freedom, p = 0.001
}

TEST_CASE("normal has the moments and the distribution of the normal law", "[core][random]") {
  Random random(Seed{4});
  const int n = 200000;
  std::vector<double> x(n);
  for (double& v : x) v = random.normal();
  std::array<double, 5> moment{};
  for (const double v : x) {
    for (int k = 1; k <= 4; ++k) moment[static_cast<std::size_t>(k)] += std::pow(v, k) / n;
  }
  // The standard deviations of these means are 1, sqrt 2, sqrt 15 and sqrt 96 over sqrt n.
  const double sigma = 1 / std::sqrt(n);
  CHECK(std::abs(moment[1]) < 4 * sigma);
  CHECK(std::abs(moment[2] - 1) < 4 * std::sqrt(2) * sigma);
  CHECK(std::abs(moment[3]) < 4 * std::sqrt(15) * sigma);
  CHECK(std::abs(moment[4] - 3) < 4 * std::sqrt(96) * sigma);

  std::sort(x.begin(), x.end());
  double distance = 0;  // Kolmogorov-Smirnov
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double law = 0.5 * std::erfc(-x[i] / std::sqrt(2.0));
    distance = std::max({distance, std::abs(law - static_cast<double>(i) / n),
                         std::abs(law - static_cast<double>(i + 1) / n)});
  }
  CHECK(distance < 1.95 * sigma);  // p = 0.001
}

TEST_CASE("normal agrees with the polar method on the library's logarithm", "[core][random]") {
  Random random(Seed{5}), uniform(Seed{5});
  double worst = 0;
  for (int i = 0; i < 100000; ++i) {
    double u = 0, s = 1;
    while (s >= 1 || s == 0) {
      u = 2 * uniform.uniform() - 1;
      const double v = 2 * uniform.uniform() - 1;
      s = std::fma(u, u, v * v);
    }
    const double expected = u * std::sqrt(-2 * std::log(s) / s);
    worst = std::max(worst, std::abs(random.normal() - expected) / std::abs(expected));
  }
  CHECK(worst < 1e-14);
}

TEST_CASE("below(n) draws 0 to n - 1 evenly and wants n of at least 1", "[core][random]") {
  Random random(Seed{6});
  std::array<double, 7> count{};
  const int n = 70000;
  for (int i = 0; i < n; ++i) ++count.at(static_cast<std::size_t>(random.below(7)));
  double chi2 = 0;
  for (const double c : count) chi2 += (c - n / 7) * (c - n / 7) / (n / 7);
  CHECK(chi2 < 22.5);  // 6 degrees of freedom, p = 0.001
  CHECK(random.below(1) == 0);
  // 2^64 is 2 2/3 of this n: without redraws, the lower two thirds would get 3/4 of the draws.
  const Index huge = Index{3} << 61;
  double low = 0;
  for (int i = 0; i < n; ++i) low += random.below(huge) < huge / 3 * 2 ? 1.0 / n : 0.0;
  CHECK(std::abs(low - 2.0 / 3) < 0.01);
  CHECK(error_of<ShapeError>([&] { random.below(0); }) == "Random::below wants n >= 1, got 0");
}

TEST_CASE("a permutation has every number once, and every order is as likely", "[core][random]") {
  Random random(Seed{7});
  std::vector<Token> order(1000);
  random.permutation(order);
  CHECK(order[0] + order[1] != 1);
  std::sort(order.begin(), order.end());
  std::vector<Token> all(order.size());
  std::iota(all.begin(), all.end(), 0);
  CHECK(order == all);

  std::map<std::array<int, 4>, double> count;
  const int n = 24000;
  for (int i = 0; i < n; ++i) {
    std::array<int, 4> four{};
    random.permutation(four);
    ++count[four];
  }
  CHECK(count.size() == 24);
  double chi2 = 0;
  for (const auto& [four, c] : count) chi2 += (c - n / 24) * (c - n / 24) / (n / 24);
  CHECK(chi2 < 49.7);  // 23 degrees of freedom, p = 0.001
}
