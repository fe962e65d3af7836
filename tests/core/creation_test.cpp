// creation.hpp, and a tensor from and to std::vector and Eigen. Numbers are numpy's.
#include "hooked/core/creation.hpp"

#include "check.hpp"

using namespace hooked;

TEMPLATE_TEST_CASE("zeros, ones, full and eye", "[core][creation]", float, double, Token) {
  using T = TestType;
  CHECK(difference(zeros<T>({2, 3}), {2, 3}, {0, 0, 0, 0, 0, 0}) == "");
  CHECK(difference(ones<T>({}), {}, {1}) == "");
  CHECK(difference(full<T>({1, 2}, 7), {1, 2}, {7, 7}) == "");
  CHECK(difference(eye<T>(2), {2, 2}, {1, 0, 0, 1}) == "");
  CHECK(difference(eye<T>(2, 3), {2, 3}, {1, 0, 0, 0, 1, 0}) == "");
  CHECK(difference(eye<T>(3, 1), {3, 1}, {1, 0, 0}) == "");
}

TEMPLATE_TEST_CASE("arange has numpy's length and numbers", "[core][creation]", float, double,
                   Token) {
  using T = TestType;
  CHECK(difference(arange<T>(3), {3}, {0, 1, 2}) == "");
  CHECK(difference(arange<T>(0, 10, 3), {4}, {0, 3, 6, 9}) == "");
  CHECK(difference(arange<T>(0, 9, 3), {3}, {0, 3, 6}) == "");
  CHECK(difference(arange<T>(5, 0, -2), {3}, {5, 3, 1}) == "");
  CHECK(difference(arange<T>(5, 1, -2), {2}, {5, 3}) == "");
  CHECK(difference(arange<T>(-2, 2), {4}, {-2, -1, 0, 1}) == "");
  CHECK(arange<T>(0, -1).shape() == Shape{0});
  CHECK(arange<T>(2, 5, -1).shape() == Shape{0});
  CHECK(error_of<ShapeError>([] { arange<T>(0, 4, 0); }) ==
        "arange from 0 to 4 by 0: the step is 0");
}

TEST_CASE("arange in fractions rounds once, and may reach its end as in numpy",
          "[core][creation]") {
  CHECK(difference(arange<float>(0, 1, 0.1), Tensor<float>({10}, {0, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f,
                                                                  0.6f, 0.7f, 0.8f, 0.9f})) == "");
  CHECK(difference(arange<double>(1, 1.3, 0.1), {4}, {1, 1.1, 1.2, 1.3}, 1e-15) == "");
  CHECK(error_of<ShapeError>([] { arange<double>(INFINITY); }) ==
        "arange from 0 to inf by 1: its length is not finite");
  CHECK(error_of<NumericError>([] { arange<Token>(2147483647, 2147483650LL); }) ==
        "arange: 2147483648 is no integer of 32 bits");
}

TEST_CASE("one_hot marks the class of each number", "[core][creation]") {
  const Tensor<Token> labels({2, 2}, {0, 2, 1, 1});
  CHECK(difference(one_hot<float>(labels, 3), {2, 2, 3}, {1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0}) ==
        "");
  CHECK(difference(one_hot<Index>(labels.select(0, 1), 2), {2, 2}, {0, 1, 0, 1}) == "");
  CHECK(error_of<ShapeError>([&] { one_hot<float>(labels, 2); }) ==
        "one_hot: number 1 is 2, the classes are 0..1");
  CHECK(error_of<ShapeError>([] { one_hot<float>(Tensor<Token>({1}, {-1}), 2); }) ==
        "one_hot: number 0 is -1, the classes are 0..1");
}

TEMPLATE_TEST_CASE("randn draws what the generator gives, on from where it stands",
                   "[core][creation]", float, double) {
  using T = TestType;
  Random expected(Seed{3}), random(Seed{3});
  const auto seeded = randn<T>({2, 3}, Seed{3}), first = randn<T>({2, 3}, random),
             second = randn<T>({4}, random);
  CHECK(difference(seeded, first) == "");
  for (Index i = 0; i < 6; ++i) CHECK(first.data()[i] == static_cast<T>(expected.normal()));
  for (Index i = 0; i < 4; ++i) CHECK(second(i) == static_cast<T>(expected.normal()));
}

TEST_CASE("randn is the same on every platform", "[core][creation]") {
  CHECK(difference(randn<double>({3}, Seed{0}), {3},
                   {1.5613559183091672, 1.1443950052164533, -0.27605681536143595}) == "");
}

TEMPLATE_TEST_CASE("randint draws from low to before high", "[core][creation]", Token, Index,
                   float) {
  using T = TestType;
  const auto x = randint<T>(-2, 3, {1000}, Seed{1});
  std::array<int, 5> counts{};
  for (Index i = 0; i < x.numel(); ++i) ++counts.at(static_cast<std::size_t>(x(i) + 2));
  for (const int count : counts) CHECK(std::abs(count - 200) < 60);
  Random random(Seed{1});
  CHECK(difference(randint<T>(-2, 3, {1000}, random), x) == "");
  CHECK(error_of<ShapeError>([] { randint<T>(3, 3, {1}, Seed{0}); }) ==
        "randint: nothing lies in [3, 3)");
}

TEST_CASE("randint is the same on every platform, and refuses what is no T", "[core][creation]") {
  CHECK(difference(randint<Token>(0, 100, {4}, Seed{0}), {4}, {35, 97, 9, 71}) == "");
  CHECK(error_of<NumericError>([] {
          randint<Token>(Index{1} << 40, (Index{1} << 40) + 1, {1}, Seed{});
        }) == "randint: 1099511627776 is no integer of 32 bits");
}

TEST_CASE("std::vector and back", "[core][tensor]") {
  const std::vector<double> numbers{1, 2, 3, 4, 5, 6};
  const Tensor<double> x(numbers);
  CHECK(difference(x, {6}, numbers) == "");
  CHECK(to_vector(x) == numbers);
  CHECK(to_vector(x.reshape({2, 3}).transpose()) == std::vector<double>{1, 4, 2, 5, 3, 6});
  CHECK(to_vector(Tensor<Token>()).empty());
}

TEST_CASE("Eigen matrices of either order, expressions, and back", "[core][tensor]") {
  Eigen::MatrixXf m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  const Tensor<float> x(m);
  CHECK(difference(x, {2, 3}, {1, 2, 3, 4, 5, 6}) == "");
  CHECK(difference(Tensor<float>(m * m.transpose()), {2, 2}, {14, 32, 32, 77}) == "");
  CHECK(difference(Tensor<float>(m.array() + 1.0f), {2, 3}, {2, 3, 4, 5, 6, 7}) == "");
  CHECK(difference(Tensor<double>(Eigen::VectorXd::LinSpaced(2, 0, 1)), {2, 1}, {0, 1}) == "");
  const Eigen::MatrixXf back = x.matrix();
  CHECK(back == m);
}
