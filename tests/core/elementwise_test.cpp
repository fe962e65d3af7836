// in_place.hpp, masks.hpp and cast of arithmetic.hpp. Numbers are numpy's.
#include <limits>
#include <vector>

#include "check.hpp"
#include "hooked/core/creation.hpp"
#include "hooked/core/in_place.hpp"
#include "hooked/core/masks.hpp"

using namespace hooked;

TEMPLATE_TEST_CASE("+= -= *= /= write where the left side looks", "[core][in_place]", float, double,
                   Token) {
  using T = TestType;
  auto x = Tensor<T>(arange<T>(6).reshape({2, 3}));
  x += x;
  CHECK(difference(x, {2, 3}, {0, 2, 4, 6, 8, 10}) == "");
  x -= Tensor<T>({3}, {0, 1, 2});
  CHECK(difference(x, {2, 3}, {0, 1, 2, 6, 7, 8}) == "");
  x.select(1, 0) *= Tensor<T>({2}, {5, 2});
  CHECK(difference(x, {2, 3}, {0, 1, 2, 12, 7, 8}) == "");
  x.select(0, 1).slice(0, 0, 3, 2) /= 2;
  CHECK(difference(x, {2, 3}, {0, 1, 2, 6, 7, 4}) == "");
  x.transpose() += Tensor<T>({3, 1}, {10, 20, 30});
  CHECK(difference(x, {2, 3}, {10, 21, 32, 16, 27, 34}) == "");
  CHECK(&(x += 1) == &x);
  Tensor<T> none({0, 3});
  none += 1;
  none += Tensor<T>({1, 3});
  auto scalar = Tensor<T>::scalar(3);
  scalar *= scalar;
  CHECK(scalar.item() == T(9));
}

TEST_CASE("what looks at the left side is read before it changes", "[core][in_place]") {
  Tensor<double> x({2, 2}, {1, 2, 3, 4});
  x += x.transpose();
  CHECK(difference(x, {2, 2}, {2, 5, 5, 8}) == "");
  x /= x.select(0, 0);  // a row of x beside all of it
  CHECK(difference(x, {2, 2}, {1, 1, 2.5, 1.6}) == "");
  x.slice(1, 1, 2) -= x.slice(1, 0, 1);
  CHECK(difference(x, {2, 2}, {1, 0, 2.5, -0.9}, 1e-15) == "");
}

TEST_CASE("the left side does not grow, and integers are not divided by 0", "[core][in_place]") {
  Tensor<float> x({1, 3});
  CHECK(error_of<ShapeError>([&] {
          x += ones<float>({2, 3});
        }) == "+=: the left side is [1, 3] and cannot become as large as [2, 3]");
  CHECK(error_of<ShapeError>([&] { x *= ones<float>({2}); }) ==
        "*=: [1, 3] and [2] do not broadcast: axis -1 is 3 against 2");
  Tensor<Token> tokens({2}, {-7, 7});
  CHECK(error_of<NumericError>([&] { tokens /= 0; }) == "/: the integer -7 over 0");
  CHECK(error_of<NumericError>([&] {
          tokens / Tensor<Token>({2}, {2, 0});
        }) == "/: the integer 7 over 0");
  tokens /= 2;
  CHECK(difference(tokens, {2}, {-3, 3}) == "");  // numpy: -3.5, 3.5
  x /= 0;
  CHECK(difference(x, full<float>({1, 3}, NAN)) == "");
}

TEMPLATE_TEST_CASE("comparisons give ones and zeros of the type that is compared", "[core][masks]",
                   float, double, Token) {
  using T = TestType;
  const Tensor<T> x({2, 2}, {1, 2, 3, 4}), y({2}, {1, 4});
  STATIC_REQUIRE(std::is_same_v<decltype(x == y), Tensor<T>>);
  CHECK(difference(x == y, {2, 2}, {1, 0, 0, 1}) == "");
  CHECK(difference(x != y, {2, 2}, {0, 1, 1, 0}) == "");
  CHECK(difference(x < y, {2, 2}, {0, 1, 0, 0}) == "");
  CHECK(difference(x <= y, {2, 2}, {1, 1, 0, 1}) == "");
  CHECK(difference(x > y, {2, 2}, {0, 0, 1, 0}) == "");
  CHECK(difference(x >= y, {2, 2}, {1, 0, 1, 1}) == "");
  CHECK(difference(x.select(1, 0) > 1, {2}, {0, 1}) == "");
  CHECK(difference(3 > x, {2, 2}, {1, 1, 0, 0}) == "");
  CHECK(difference(where(x > 2, x, 0), {2, 2}, {0, 0, 3, 4}) == "");
  CHECK(difference(where(x.transpose() == 3, -1, y), {2, 2}, {1, -1, 1, 4}) == "");
  CHECK(error_of<ShapeError>([&] { any(x < Tensor<T>({3})); }) ==
        "<: [2, 2] and [3] do not broadcast: axis -1 is 2 against 3");
}

TEST_CASE("comparisons with NaN and between integers of two types", "[core][masks]") {
  const Tensor<double> x({2}, {NAN, 1});
  CHECK(difference(x == x, {2}, {0, 1}) == "");
  CHECK(difference(x != x, {2}, {1, 0}) == "");
  CHECK(difference(x <= 5, {2}, {0, 1}) == "");
  const Tensor<Index> found({3}, {1, 2, Index{1} << 32});
  const Tensor<Token> labels({3}, {1, 1, 0});
  CHECK(difference(found == labels, {3}, {1, 0, 0}) == "");
  CHECK(mean(labels == found).item() == 1.0 / 3.0);
  CHECK(mean(argmax(eye<float>(3), -1) == arange<Token>(3)).item() == 1.0);
}

TEMPLATE_TEST_CASE("any and all, of everything or over axes", "[core][masks]", float, double,
                   Token) {
  using T = TestType;
  const Tensor<T> x({2, 3}, {0, 0, 5, 0, 1, -1});
  CHECK(any(x));
  CHECK_FALSE(all(x));
  CHECK_FALSE(any(x > 5));
  CHECK(all(x < 6));
  CHECK(difference(any(x, 0), {3}, {0, 1, 1}) == "");
  CHECK(difference(all(x, 0), {3}, {0, 0, 1}) == "");
  CHECK(difference(all(x.transpose(), -1, Keep::yes), {3, 1}, {0, 0, 1}) == "");
  CHECK_FALSE(any(Tensor<T>()));
  CHECK(all(Tensor<T>()));
  CHECK(difference(all(Tensor<T>({2, 0}), 1), {2}, {1, 1}) == "");
  CHECK(difference(any(Tensor<T>({2, 0}), 1), {2}, {0, 0}) == "");
}

TEST_CASE("NaN counts as true", "[core][masks]") {
  const Tensor<float> x({2, 1}, {NAN, 0});
  CHECK(any(x));
  CHECK(difference(any(x, 1), {2}, {1, 0}) == "");
  CHECK(difference(all(x, 1), {2}, {1, 0}) == "");
}

TEST_CASE("cast drops what follows the point and refuses what is no such integer",
          "[core][arithmetic]") {
  const Tensor<double> x({2, 2}, {1.9, -1.9, -0.5, 2147483647.9});
  CHECK(difference(cast<Token>(x), {2, 2}, {1, -1, 0, 2147483647}) == "");
  CHECK(difference(cast<float>(x.select(0, 0)), Tensor<float>({2}, {1.9f, -1.9f})) == "");
  CHECK(difference(cast<double>(Tensor<Token>({2}, {3, -4})), {2}, {3, -4}) == "");
  CHECK(cast<float>(Tensor<double>::scalar(1e300)).item() == INFINITY);
  CHECK(cast<Index>(Tensor<double>::scalar(-0x1p63)).item() == std::numeric_limits<Index>::min());
  const auto refused = [](auto to, double v) {
    return error_of<NumericError>([&] { cast<decltype(to)>(Tensor<double>::scalar(v)); });
  };
  CHECK(refused(Token{}, 2147483648.0) == "cast: 2.14748e+09 is no integer of 32 bits");
  CHECK(refused(Token{}, NAN) == "cast: nan is no integer of 32 bits");
  CHECK(refused(Index{}, 0x1p63) == "cast: 9.22337e+18 is no integer of 64 bits");
  CHECK(refused(Index{}, -INFINITY) == "cast: -inf is no integer of 64 bits");
  CHECK(error_of<NumericError>([] { cast<Token>(Tensor<Index>::scalar(-2147483649)); }) ==
        "cast: -2147483649 is no integer of 32 bits");
}

TEST_CASE("integers are added up exactly, and their mean is a fraction", "[core][reduce]") {
  const Tensor<Token> x({2, 2}, {1, 2, 3, 5});
  CHECK(difference(sum(x, 0), {2}, {4, 7}) == "");
  CHECK(mean(x).item() == 2.75);
  CHECK(difference(mean(x, 1), {2}, {1.5, 4}) == "");
  CHECK(var(x).item() == 2.1875);
  CHECK(max(x).item() == 5);
  CHECK(difference(min(x, 1), {2}, {1, 3}) == "");
  CHECK(l2_norm(x.select(0, 0)).item() == std::sqrt(5.0));
  CHECK(error_of<NumericError>([] { sum(full<Token>({2}, 2000000000)); }) ==
        "a reduction of integers: 4e+09 is no integer of 32 bits");
  CHECK(error_of<NumericError>([] { sum(full<Index>({2}, Index{1} << 53)); }) ==
        "a reduction of integers gives 1.80144e+16, which is not exact");
}

TEMPLATE_TEST_CASE("functions of elements have numpy's numbers", "[core][arithmetic]", float,
                   double) {
  using T = TestType;
  const Tensor<T> x({3}, {-1, 0, 2});
  const double tolerance = std::is_same_v<T, float> ? 1e-6 : 1e-15;
  CHECK(difference(tanh(x), {3}, {-0.7615941559557649, 0, 0.9640275800758169}, tolerance) == "");
  CHECK(difference(sigmoid(x), {3}, {0.2689414213699951, 0.5, 0.8807970779778823}, tolerance) ==
        "");
  CHECK(difference(relu(x), {3}, {0, 0, 2}) == "");
  CHECK(difference(pow(x, 3), {3}, {-1, 0, 8}) == "");
  CHECK(difference(clamp(x, T(-0.5), 1), {3}, {-0.5, 0, 1}) == "");
  CHECK_THROWS_WITH(clamp(x, 2, 1), "clamp: low is 2, high is 1");
  const Tensor<T> nan({1}, T(NAN));
  for (const auto& y : {relu(nan), clamp(nan, 0, 1), pow(nan, 2)}) CHECK(std::isnan(y(0)));
  const Tensor<Token> tokens({2}, {-5, 5});
  CHECK(difference(clamp(tokens, 0, 3), {2}, {0, 3}) == "");
  CHECK(difference(relu(tokens), {2}, {0, 5}) == "");
}
