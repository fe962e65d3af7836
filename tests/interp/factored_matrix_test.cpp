// Matrices kept as their factors do what the matrices do.
#include "hooked/interp/factored_matrix.hpp"

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "hooked/core/creation.hpp"
#include "hooked/core/masks.hpp"
#include "interp/checks.hpp"

namespace hooked {
namespace {

using Catch::Matchers::ContainsSubstring;

/// The shapes [..., l, m] and [..., m, r] that the properties are checked on.
const std::vector<std::pair<Shape, Shape>> factor_shapes{
    {{3, 2}, {2, 3}}, {{4, 5}, {5, 4}},       {{6, 7}, {7, 6}},          {{6, 7}, {7, 3}},
    {{1, 1}, {1, 1}}, {{1, 6, 2}, {1, 2, 3}}, {{2, 3, 4, 2}, {3, 2, 4}}, {{5, 2}, {2, 2, 4}}};

FactoredMatrix<double> drawn_factors(const std::pair<Shape, Shape>& of, std::uint64_t seed = 1) {
  Random random(Seed{seed});
  const auto A = randn<double>(of.first, random);
  return FactoredMatrix(A, randn<double>(of.second, random));
}

/// x^T x = 1 for each matrix of x.
void check_orthonormal(const Tensor<double>& x) {
  const Tensor<double> gram = matmul(x.transpose(), x);
  check_same(gram, Tensor<double>(eye<double>(x.size(-1)).broadcast(gram.shape())));
}

TEST_CASE("A factored matrix is the product of its factors, for every leading axis") {
  for (const auto& of : factor_shapes) {
    const auto F = drawn_factors(of);
    CAPTURE(F.shape());
    const Tensor<double> AB = F.AB();
    CHECK(F.shape() == AB.shape());
    CHECK(F.rank() == AB.rank());
    CHECK((F.ldim() == AB.size(-2) && F.rdim() == AB.size(-1) && F.mdim() == of.first[-1]));
    CHECK((F.size(0) == AB.size(0) && F.size(-1) == F.rdim()));
    check_same(AB, matmul(F.A(), F.B()));
    check_same(F.transpose().AB(), AB.transpose());
    check_same((2 * F).AB(), AB * 2.0);
    check_same((F * 0.5).AB(), AB / 2.0);
    if (F.ldim() == F.rdim()) check_same(F.BA(), matmul(F.B(), F.A()));
  }
  // [[1, 2]] times [[3], [4]] is [[11]]; the other way round, [[3, 6], [4, 8]].
  const FactoredMatrix F(Tensor<float>({1, 2}, {1, 2}), Tensor<float>({2, 1}, {3, 4}));
  CHECK(F.AB().item() == 11);
  CHECK(to_vector(F.BA()) == std::vector<float>{3, 6, 4, 8});
}

TEST_CASE("The singular vectors of a factored matrix are those of its product") {
  for (const auto& of : factor_shapes) {
    const auto F = drawn_factors(of);
    CAPTURE(F.shape());
    const auto [U, S, V] = F.svd();
    const Index k = std::min({F.ldim(), F.mdim(), F.rdim()});
    CHECK((U.size(-1) == k && S.size(-1) == k && V.size(-1) == k));
    check_orthonormal(U);
    check_orthonormal(V);
    check_same(matmul(detail::times_diagonal(U, S), V.transpose()), F.AB());
    CHECK(all(S >= 0));
    if (k > 1) CHECK(all(S.slice(-1, 0, k - 1) >= S.slice(-1, 1, k)));
    check_same(F.norm(), l2_norm(F.AB(), {-2, -1}));
    check_same(F.norm(), sqrt(sum(S * S, -1)));
  }
  const auto F = drawn_factors(factor_shapes[0]);
  check_same(F.svd().S, hooked::svd(F.AB()).S.slice(0, 0, 2));
}

TEST_CASE("Small singular values of a factored matrix keep their digits") {
  // diag(1e6, 1e-6), with orthonormal columns turned about: what A B holds of 1e-6 is lost in
  // rounding at 1e6 in float.
  const Tensor<float> A({2, 2}, {600, -0.0008f, 800, 0.0006f});
  const Tensor<float> B({2, 2}, {1000, 0, 0, 0.001f});
  const auto S = FactoredMatrix(A, B).svd().S;
  CHECK(S(0) == Approx(1e6));
  CHECK(S(1) == Approx(1e-6).epsilon(1e-4));
}

TEST_CASE("The eigenvalues of a factored matrix are those of its product, and zeros") {
  for (const auto& of : factor_shapes) {
    const auto F = drawn_factors(of);
    if (F.ldim() != F.rdim() || F.rank() > 2) continue;
    CAPTURE(F.shape());
    const auto found = F.eigenvalues(), expected = eig(F.AB()).values;
    CHECK(found.shape() == Shape{F.mdim()});
    for (Index i = 0; i < std::max(found.numel(), expected.numel()); ++i) {
      const auto at = [i](const auto& x) { return i < x.numel() ? x(i) : 0.0; };
      CHECK(std::abs(at(found) - at(expected)) < 1e-12);
    }
  }
  const auto F = drawn_factors({{2, 3, 2}, {2, 2, 3}});
  const auto both = F.eigenvalues();
  CHECK(both.shape() == Shape{2, 2});
  CHECK(std::abs(both(1, 0) - F.select(0, 1).eigenvalues()(0)) < 1e-12);
}

TEST_CASE("Factors can be evened out, and an orthonormal one left away") {
  for (const auto& of : factor_shapes) {
    const auto F = drawn_factors(of);
    CAPTURE(F.shape());
    const auto even = F.make_even();
    check_same(even.AB(), F.AB());
    check_same(l2_norm(even.A(), -2), l2_norm(even.B(), -1));
    const auto [U, S, V] = F.svd();
    check_same(matmul(U, F.collapse_l()), F.AB());
    check_same(matmul(F.collapse_r(), V.transpose()), F.AB());
  }
}

TEST_CASE("Products with a factored matrix are factored again, with the smaller inner size") {
  const auto small = drawn_factors({{6, 2}, {2, 7}}), large = drawn_factors({{6, 9}, {9, 7}});
  const auto M = randn<double>({7, 4}, Seed{2}), N = randn<double>({4, 6}, Seed{3});
  for (const auto& F : {small, large}) {
    const auto right = matmul(F, M), left = matmul(N, F);
    check_same(right.AB(), matmul(F.AB(), M));
    check_same(left.AB(), matmul(N, F.AB()));
    CHECK(right.mdim() == std::min<Index>(F.mdim(), 7));
    CHECK(left.mdim() == std::min<Index>(F.mdim(), 6));
  }
  const auto middle = drawn_factors({{7, 3}, {3, 5}});
  check_same(matmul(small, middle).AB(), matmul(small.AB(), middle.AB()));
  check_same(matmul(large, middle).AB(), matmul(large.AB(), middle.AB()));
  CHECK(matmul(small, middle).mdim() == 2);
  CHECK(matmul(large, middle).mdim() == 3);
  CHECK(matmul(middle.transpose(), large.transpose()).mdim() == 3);
}

TEST_CASE("Products with a factored matrix broadcast leading axes") {
  const auto F = drawn_factors({{2, 3, 4, 2}, {2, 5}});
  const auto M = randn<double>({5, 6}, Seed{2}), N = randn<double>({3, 6, 4}, Seed{3});
  check_same(matmul(F, M).AB(), matmul(F.AB(), M));
  const auto left = matmul(N, F);
  CHECK(left.shape() == Shape{2, 3, 6, 5});
  check_same(left.select(0, 1).AB(), matmul(N, F.select(0, 1).AB()));
  const auto G = drawn_factors({{3, 5, 2}, {3, 2, 4}});
  check_same(matmul(F, G).select(0, 1).AB(), matmul(F.select(0, 1).AB(), G.AB()));
}

TEST_CASE("A factored matrix times a vector is dense") {
  const auto F = drawn_factors({{2, 4, 3}, {2, 3, 5}});
  const auto x = randn<double>({5}, Seed{2}), y = randn<double>({2, 4}, Seed{3});
  check_same(matvec(F, x), einsum("nlr,r->nl", F.AB(), x));
  check_same(vecmat(y, F), einsum("nl,nlr->nr", y, F.AB()));
}

TEST_CASE("A factored matrix is indexed as its product is, and its last axes stay") {
  const auto F = drawn_factors({{2, 3, 4, 2}, {2, 3, 2, 5}});
  const Tensor<double> AB = F.AB();
  check_same(F.select(0, 1).AB(), AB.select(0, 1));
  check_same(F.select(1, -1).select(0, -2).AB(), AB.select(1, 2).select(0, 0));
  check_same(F.select(2, 3).AB(), AB.slice(2, 3, 4));
  check_same(F.select(-1, -1).AB(), AB.slice(3, 4, 5));
  check_same(F.slice(1, 0, 3, 2).AB(), AB.slice(1, 0, 3, 2));
  check_same(F.slice(-2, 1, 4).slice(-1, 0, -1, 2).AB(), AB.slice(2, 1, 4).slice(3, 0, 4, 2));
  check_same(F.get_corner(), AB.slice(2, 0, 3).slice(3, 0, 3));
  check_same(F.get_corner(4), AB.slice(3, 0, 4));
}

TEST_CASE("A factored matrix in float is as exact as float is") {
  const FactoredMatrix<double> wide = drawn_factors({{20, 4}, {4, 20}});
  const FactoredMatrix F(cast<float>(wide.A()), cast<float>(wide.B()));
  check_same(cast<double>(F.svd().S), wide.svd().S, 1e-5);
  check_same(cast<double>(F.norm()), wide.norm(), 1e-5);
}

TEST_CASE("A factored matrix refuses what does not fit, and says what would") {
  const auto refused = [](auto f) { return refusal<ShapeError>(f); };
  const Tensor<double> A({4, 2}, 1.0), B({2, 3}, 1.0), v({3}, 1.0);
  CHECK(refused([&] { return FactoredMatrix(B, B); }) ==
        "FactoredMatrix: A is [2, 3], B is [2, 3]: A has 3 columns but B has 2 rows");
  CHECK(refused([&] { return FactoredMatrix(A, v); }) ==
        "FactoredMatrix: A is [4, 2], B is [3]: both need two axes");
  CHECK_THAT(refused([&] {
               return FactoredMatrix(Tensor<double>({2, 4, 2}), Tensor<double>({3, 2, 3}));
             }),
             ContainsSubstring("their leading axes: [2] and [3] do not broadcast"));
  const FactoredMatrix F(A, B);
  CHECK(refused([&] { return F.BA(); }) == "BA of a matrix [4, 3]: it must be square");
  CHECK(refused([&] { return F.eigenvalues(); }) ==
        "eigenvalues of a matrix [4, 3]: it must be square");
  CHECK(refused([&] { return matmul(F, A.slice(0, 0, 2)); }) ==
        "matmul: a is [4, 3], b is [2, 2]: a has 3 columns but b has 2 rows");
  CHECK(refused([&] { return matmul(B, F); }) ==
        "matmul: a is [2, 3], b is [4, 3]: a has 3 columns but b has 4 rows");
  CHECK(refused([&] { return matmul(F, F); }) ==
        "matmul: a is [4, 3], b is [4, 3]: a has 3 columns but b has 4 rows");
  CHECK(refused([&] { return matvec(F, Tensor<double>({4})); }) ==
        "matvec: the matrix is [4, 3], x is [4]: the last axis of x must be 3");
  CHECK(refused([&] { return vecmat(v, F); }) ==
        "vecmat: x is [3], the matrix is [4, 3]: the last axis of x must be 4");
  CHECK_THAT(refused([&] { return F.select(0, 4); }),
             ContainsSubstring("outside axis 0 of the shape [4"));
  CHECK_THAT(refused([&] { return F.select(2, 0); }), ContainsSubstring("axis 2 does not exist"));
  CHECK_THAT(refused([&] { return F.get_corner(4); }), ContainsSubstring("slice 0:4:1"));
  const FactoredMatrix nothing(Tensor<double>({4, 0}), Tensor<double>({0, 3}));
  CHECK(max_norm(nothing.AB()).item() == 0);
  CHECK_THAT(refused([&] { return nothing.svd(); }), ContainsSubstring("at least one element"));
  Tensor<double> bad = A;
  bad(1, 1) = std::nan("");
  CHECK_THROWS_AS(FactoredMatrix(bad, B).svd(), NumericError);
}

}  // namespace
}  // namespace hooked
