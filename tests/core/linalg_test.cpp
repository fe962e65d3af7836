#include "hooked/core/linalg.hpp"

#include <limits>

#include "check.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/core/matmul.hpp"

using namespace hooked;

namespace {

template <class T>
constexpr double kTolerance = std::is_same_v<T, float> ? 5e-6 : 1e-13;

template <TensorLike X>
Tensor<typename X::value_type> identity_minus_gram(const X& columns) {
  using T = typename X::value_type;
  Tensor<T> eye({columns.size(1), columns.size(1)});
  for (Index i = 0; i < eye.size(0); ++i) eye(i, i) = 1;
  return eye - matmul(columns.view().transpose(), columns);
}

}  // namespace

TEMPLATE_TEST_CASE("svd gives singular values, orthonormal vectors, and the matrix back",
                   "[core][linalg]", float, double) {
  using T = TestType;
  const double tolerance = 4 * kTolerance<T>;
  // Rows of length 3 and 4 that are orthogonal: S is their lengths.
  const Tensor<T> simple({2, 3}, {0, 3, 0, 0, 0, -4});
  CHECK(difference(svd(simple).S, {2}, {4, 3}, tolerance) == "");

  for (const Shape& shape : {Shape{5, 3}, Shape{3, 5}, Shape{1, 4}, Shape{40, 30}}) {
    const auto A = random_tensor<T>(shape, 1);
    const auto [U, S, V] = svd(A);
    const Index k = std::min(shape[0], shape[1]);
    CHECK(U.shape() == Shape{shape[0], k});
    CHECK(S.shape() == Shape{k});
    CHECK(V.shape() == Shape{shape[1], k});
    CHECK(difference(matmul(U * S, V.transpose()), A, tolerance) == "");
    CHECK(max_norm(identity_minus_gram(U)).item() < tolerance);
    CHECK(max_norm(identity_minus_gram(V)).item() < tolerance);
    for (Index i = 1; i < k; ++i) CHECK(S(i) <= S(i - 1));
    CHECK(difference(svd(A.transpose()).S, S, tolerance) == "");
  }
  const Tensor<T> ones({3, 3}, T(1));
  CHECK(difference(svd(ones).S, {3}, {3, 0, 0}, tolerance) == "");
}

TEST_CASE("svd of a matrix of zeros, of a low rank, and of many sizes at once", "[core][linalg]") {
  const auto none = svd(Tensor<double>({4, 2}));
  CHECK(difference(none.S, {2}, {0, 0}) == "");
  CHECK(max_norm(identity_minus_gram(none.U)).item() < 1e-15);

  const auto A = matmul(random_tensor<double>({50, 4}, 7), random_tensor<double>({4, 30}, 8));
  const auto low = svd(A);
  CHECK(low.S(3) > 0.1);
  CHECK(low.S(4) < 1e-13);
  CHECK(difference(matmul(low.U * low.S, low.V.transpose()), A, 1e-12) == "");
  CHECK(max_norm(identity_minus_gram(low.U)).item() < 1e-13);
  CHECK(max_norm(identity_minus_gram(low.V)).item() < 1e-13);

  // Columns of length 1e60, 1 and 1e-60: each singular value has all its digits.
  const Tensor<double> graded({3, 3}, {3e60, 0, 4e-60, 4e60, 0, -3e-60, 0, 2, 0});
  CHECK(difference(svd(graded).S / Tensor<double>({3}, {1e60, 1, 1e-60}), {3}, {5, 2, 5}, 1e-14) ==
        "");
}

TEMPLATE_TEST_CASE("eig finds complex eigenvalues, the largest modulus first", "[core][linalg]",
                   float, double) {
  using T = TestType;
  // A quarter turn, scaled by 2, beside a factor of 3.
  const Tensor<T> A({3, 3}, {0, -2, 0, 2, 0, 0, 0, 0, 3});
  const Eig found = eig(A);
  CHECK(std::abs(found.values(0) - 3.0) < 1e-14);
  CHECK(std::abs(found.values(1) - std::complex<double>(0, 2)) < 1e-14);
  CHECK(std::abs(found.values(2) - std::complex<double>(0, -2)) < 1e-14);

  const auto B = random_tensor<T>({6, 6}, 2);
  const auto [values, vectors] = eig(B.transpose());
  const Eigen::MatrixXcd m = B.matrix().transpose().template cast<std::complex<double>>();
  for (Index i = 0; i < 6; ++i) {
    const Eigen::VectorXcd v = vectors.matrix().col(i);
    CHECK((m * v - values(i) * v).norm() < 1e-13);
    CHECK(std::abs(v.norm() - 1) < 1e-13);
    if (i > 0) CHECK(std::abs(values(i)) <= std::abs(values(i - 1)));
  }
}

TEMPLATE_TEST_CASE("eigh diagonalises a symmetric matrix, the smallest value first",
                   "[core][linalg]", float, double) {
  using T = TestType;
  CHECK(difference(eigh(Tensor<T>({2, 2}, {2, 1, 1, 2})).values, {2}, {1, 3}, kTolerance<T>) == "");
  const auto half = random_tensor<T>({6, 6}, 3);
  const Tensor<T> A = half + half.transpose();
  const auto [values, V] = eigh(A);
  CHECK(difference(matmul(V * values, V.transpose()), A, 4 * kTolerance<T>) == "");
  CHECK(max_norm(identity_minus_gram(V)).item() < kTolerance<T>);
}

TEMPLATE_TEST_CASE("qr gives orthonormal columns and a triangle", "[core][linalg]", float, double) {
  using T = TestType;
  for (const Shape& shape : {Shape{5, 3}, Shape{3, 5}, Shape{4, 4}}) {
    const auto A = random_tensor<T>(shape, 4);
    const auto [Q, R] = qr(A);
    CHECK(difference(matmul(Q, R), A, kTolerance<T>) == "");
    CHECK(max_norm(identity_minus_gram(Q)).item() < kTolerance<T>);
    for (Index i = 0; i < R.size(0); ++i) {
      for (Index j = 0; j < i; ++j) CHECK(R(i, j) == 0);
    }
  }
}

TEMPLATE_TEST_CASE("lstsq fits each column and says how well", "[core][linalg]", float, double) {
  using T = TestType;
  // y = 1 + 2 t exactly; y = (0, 0, 3) has the line t 1.5 - 0.5 and leaves (0.5, -1, 0.5);
  // y = 5 is constant and met; y = (1, -2, 1) is orthogonal to both columns.
  const Tensor<T> A({3, 2}, {1, 0, 1, 1, 1, 2});
  const Tensor<T> B({3, 4}, {1, 0, 5, 1, 3, 0, 5, -2, 5, 3, 5, 1});
  const auto fit = lstsq(A, B);
  CHECK(fit.rank == 2);
  CHECK(difference(fit.solution, {2, 4}, {1, -0.5, 5, 0, 2, 1.5, 0, 0}, kTolerance<T>) == "");
  CHECK(difference(fit.residual, {3, 4}, {0, 0.5, 0, 1, 0, -1, 0, -2, 0, 0.5, 0, 1},
                   kTolerance<T>) == "");
  CHECK(difference(fit.r2, {4}, {1, 0.75, 1, 0}, kTolerance<T>) == "");
  // Without a column of ones, a constant is missed.
  CHECK(difference(lstsq(A.slice(1, 1, 2), B.slice(1, 2, 3)).r2, {1}, {0}) == "");

  // Equal columns share the weight: of all solutions the shortest.
  const auto twice = lstsq(Tensor<T>({3, 2}, {1, 1, 2, 2, 3, 3}), Tensor<T>({3, 1}, {2, 4, 6}));
  CHECK(twice.rank == 1);
  CHECK(difference(twice.solution, {2, 1}, {1, 1}, kTolerance<T>) == "");

  // The residual of a fit is orthogonal to the columns.
  const auto X = random_tensor<T>({3, 20}, 5), Y = random_tensor<T>({20, 2}, 6);
  CHECK(max_norm(matmul(X, lstsq(X.transpose(), Y).residual)).item() < 20 * kTolerance<T>);
}

TEST_CASE("decompositions refuse what they cannot decompose", "[core][linalg]") {
  const Tensor<float> flat({2, 3}), vector({3}), none({0, 3}), square({2, 2}, {1, 2, 3, 4});
  Tensor<float> odd({2, 2});
  odd(1, 0) = std::numeric_limits<float>::infinity();
  CHECK(error_of<ShapeError>([&] { svd(vector); }) ==
        "svd wants a matrix with at least one element, the shape is [3]");
  CHECK(error_of<ShapeError>([&] { qr(none); }) ==
        "qr wants a matrix with at least one element, the shape is [0, 3]");
  CHECK(error_of<ShapeError>([&] { eig(flat); }) == "eig wants a square matrix, got [2, 3]");
  CHECK(error_of<ShapeError>([&] { eigh(flat); }) == "eigh wants a square matrix, got [2, 3]");
  CHECK(error_of<ShapeError>([&] {
          lstsq(flat, Tensor<float>({3, 1}));
        }) == "lstsq: a is [2, 3], b is [3, 1]: a has 2 rows but b has 3");
  CHECK(error_of<NumericError>([&] { svd(odd); }) == "svd: element (1, 0) is inf");
  CHECK(error_of<NumericError>([&] { eig(odd); }) == "eig: element (1, 0) is inf");
  CHECK(error_of<NumericError>([&] { lstsq(square, odd); }) == "lstsq: element (1, 0) is inf");
  CHECK(error_of<NumericError>([&] { eigh(square); }) ==
        "eigh wants a symmetric matrix: element (1, 0) is 3 but (0, 1) is 2");
}
