// reduce.hpp, softmax.hpp, arithmetic.hpp, select.hpp, angles.hpp
#include <limits>
#include <numeric>

#include "check.hpp"
#include "hooked/core/angles.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/core/reduce.hpp"
#include "hooked/core/select.hpp"
#include "hooked/core/softmax.hpp"

using namespace hooked;

namespace {
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
}  // namespace

TEMPLATE_TEST_CASE("sum, mean and var fold one axis, several or all", "[core][reduce]", float,
                   double) {
  using T = TestType;
  const Tensor<T> x({2, 3}, {1, 2, 3, 4, 5, 9});
  CHECK(difference(sum(x), {}, {24}) == "");
  CHECK(difference(sum(x, 0), {3}, {5, 7, 12}) == "");
  CHECK(difference(sum(x, -1), {2}, {6, 18}) == "");
  CHECK(difference(sum(x, {0, 1}), {}, {24}) == "");
  CHECK(difference(sum(x, {1}, Keep::yes), {2, 1}, {6, 18}) == "");
  CHECK(difference(sum(x, {}, Keep::yes), {1, 1}, {24}) == "");
  CHECK(difference(sum(x.transpose(), 0), {2}, {6, 18}) == "");
  CHECK(difference(mean(x, 1), {2}, {2, 6}) == "");
  CHECK(difference(mean(x), {}, {4}) == "");
  CHECK(difference(var(x, 1), {2}, {2.0 / 3, 14.0 / 3}, 1e-6) == "");
  CHECK(difference(var(x, 0, Keep::yes), {1, 3}, {2.25, 2.25, 9}) == "");
  CHECK(difference(sum(Tensor<T>::scalar(3)), {}, {3}) == "");

  const Tensor<T> cube({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(difference(sum(cube, {0, 2}), {2}, {14, 22}) == "");
  CHECK(difference(sum(cube.permute({2, 0, 1}), {0, 1}), {2}, {14, 22}) == "");
  CHECK(difference(mean(cube.select(2, 1), 0), {2}, {4, 6}) == "");
}

TEST_CASE("float sums are added up in double", "[core][reduce]") {
  const Index n = 1 << 20;
  Tensor<float> x({n}, 0.1f);
  const double exact = static_cast<double>(0.1f) * static_cast<double>(n);
  CHECK(sum(x).item() == static_cast<float>(exact));
  CHECK(mean(x).item() == 0.1f);
  x.data()[0] = 1e8f;
  x.data()[n - 1] = -1e8f;
  CHECK(std::abs(sum(x).item() - exact) < 0.3);
  // A variance that sum of squares minus square of sums would lose.
  CHECK(std::abs(var(Tensor<double>({3}, {1e9, 1e9 + 1, 1e9 + 2})).item() - 2.0 / 3) < 1e-12);
}

TEMPLATE_TEST_CASE("max, min, argmax and argmin find extremes, the first of equals, and NaN",
                   "[core][reduce]", float, double) {
  using T = TestType;
  const T nan = static_cast<T>(kNaN), inf = static_cast<T>(kInf);
  const Tensor<T> x({2, 4}, {3, 1, 3, 1, -5, -5, -2, -9});
  CHECK(difference(max(x, 1), {2}, {3, -2}) == "");
  CHECK(difference(min(x), {}, {-9}) == "");
  CHECK(difference(max(x.transpose(), 1, Keep::yes), {4, 1}, {3, 1, 3, 1}) == "");
  CHECK(difference(argmax(x, 1), {2}, {0, 2}) == "");
  CHECK(difference(argmin(x, 1), {2}, {1, 3}) == "");
  CHECK(difference(argmax(x, 0, Keep::yes), {1, 4}, {0, 0, 0, 0}) == "");
  CHECK(difference(argmin(x.transpose(), -2), {2}, {1, 3}) == "");
  CHECK(difference(take_along_axis(x, argmax(x, 1, Keep::yes), 1), {2, 1}, {3, -2}) == "");

  const Tensor<T> odd({2, 3}, {1, nan, nan, -inf, -inf, -inf});
  CHECK(difference(max(odd, 1), {2}, {kNaN, -kInf}) == "");
  CHECK(difference(min(odd, 1), {2}, {kNaN, -kInf}) == "");
  CHECK(difference(argmax(odd, 1), {2}, {1, 0}) == "");
  CHECK(difference(argmin(odd, 1), {2}, {1, 0}) == "");
}

TEMPLATE_TEST_CASE("norms measure all of a tensor or along axes", "[core][reduce]", float, double) {
  using T = TestType;
  const Tensor<T> x({2, 2}, {3, -4, 0, 5});
  CHECK(difference(l1_norm(x, 1), {2}, {7, 5}) == "");
  CHECK(difference(l2_norm(x, 1), {2}, {5, 5}) == "");
  CHECK(difference(l2_norm(x), {}, {std::sqrt(50.0)}, 1e-6) == "");
  CHECK(difference(max_norm(x, 0, Keep::yes), {1, 2}, {3, 5}) == "");
  CHECK(difference(max_norm(Tensor<T>({2}, {1, static_cast<T>(kNaN)})), {}, {kNaN}) == "");
  CHECK(difference(l1_norm(Tensor<T>({2, 0}), 1), {2}, {0, 0}) == "");
}

TEST_CASE("reductions refuse axes that are not there, and extremes of nothing", "[core][reduce]") {
  const Tensor<float> x({2, 3}), none({2, 0});
  CHECK(error_of<ShapeError>([&] { sum(x, 2); }) == "axis 2 does not exist: there are 2 axes");
  CHECK(error_of<ShapeError>([&] {
          sum(x, {1, -1});
        }) == "axis -1 is named twice for the shape [2, 3]");
  CHECK(error_of<ShapeError>([&] { mean(none); }) == "mean of no elements: the shape is [2, 0]");
  CHECK(error_of<ShapeError>([&] { var(none, 1); }) == "var of no elements: the shape is [2, 0]");
  CHECK(error_of<ShapeError>([&] { max(none, 1); }) == "max of no elements: the shape is [2, 0]");
  CHECK(error_of<ShapeError>([&] { min(none, 1); }) == "min of no elements: the shape is [2, 0]");
  CHECK(error_of<ShapeError>([&] { argmax(none, 1); }) ==
        "argmax of no elements: the shape is [2, 0]");
  CHECK(error_of<ShapeError>([&] { argmin(none, 1); }) ==
        "argmin of no elements: the shape is [2, 0]");
  CHECK(error_of<ShapeError>([&] { softmax(none); }) ==
        "softmax of no elements: the shape is [2, 0]");
  CHECK(sum(none, 1).shape() == Shape{2});
  CHECK(max(none, 0).shape() == Shape{0});
  CHECK(argmax(none, 0).shape() == Shape{0});
}

TEMPLATE_TEST_CASE("softmax, log_softmax and logsumexp are right and do not overflow",
                   "[core][softmax]", float, double) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, float> ? 1e-6 : 1e-15;
  const T inf = static_cast<T>(kInf), ln2 = static_cast<T>(std::log(2.0));
  const Tensor<T> x({2, 3}, {0, ln2, 0, 1000, 1000 + ln2, -inf});
  const std::vector<double> expected{0.25, 0.5, 0.25, 1.0 / 3, 2.0 / 3, 0};
  const double large = std::is_same_v<T, float> ? 4e-5 : 1e-13;  // the rounding of 1000 + ln 2
  CHECK(difference(softmax(x), {2, 3}, expected, large) == "");
  CHECK(difference(softmax(x.select(0, 0)), {3}, {0.25, 0.5, 0.25}, tolerance) == "");
  CHECK(difference(softmax(x.transpose(), 0).transpose(), softmax(x)) == "");
  CHECK(difference(exp(log_softmax(x)), {2, 3}, expected, large) == "");
  CHECK(difference(logsumexp(x, 1), {2}, {std::log(4.0), 1000 + std::log(3.0)}, 1000 * tolerance) ==
        "");
  CHECK(difference(logsumexp(x.select(0, 0)), {}, {std::log(4.0)}, tolerance) == "");
  CHECK(logsumexp(x, {1}, Keep::yes).shape() == Shape{2, 1});

  const Tensor<T> masked({2}, -inf);
  CHECK(difference(softmax(masked), {2}, {0, 0}) == "");
  CHECK(difference(log_softmax(masked), {2}, {-kInf, -kInf}) == "");
  CHECK(difference(logsumexp(masked), {}, {-kInf}) == "");
  CHECK(difference(logsumexp(Tensor<T>({2}, {inf, 0})), {}, {kInf}) == "");
  CHECK(difference(softmax(Tensor<T>({2}, {static_cast<T>(kNaN), 0})), {2}, {kNaN, kNaN}) == "");

  const auto logits = random_tensor<T>({4, 5, 6}, 1);
  CHECK(difference(sum(softmax(logits, 1), 1), Tensor<T>({4, 6}, T(1)), 5 * tolerance) == "");
  CHECK(difference(log_softmax(logits, 0), log(softmax(logits, 0)), 20 * tolerance) == "");
}

TEMPLATE_TEST_CASE("arithmetic broadcasts, and takes numbers on either side", "[core][arithmetic]",
                   float, double) {
  using T = TestType;
  const Tensor<T> x({2, 2}, {1, 2, 3, 4}), row({2}, {10, 20}), column({2, 1}, {1, 2});
  CHECK(difference(x + row, {2, 2}, {11, 22, 13, 24}) == "");
  CHECK(difference(row - x, {2, 2}, {9, 18, 7, 16}) == "");
  CHECK(difference(x * column, {2, 2}, {1, 2, 6, 8}) == "");
  CHECK(difference(x / column, {2, 2}, {1, 2, 1.5, 2}) == "");
  CHECK(difference(column + row, {2, 2}, {11, 21, 12, 22}) == "");
  CHECK(difference(x.transpose() - x, {2, 2}, {0, 1, -1, 0}) == "");
  CHECK(difference(2 * x + 0.5, {2, 2}, {2.5, 4.5, 6.5, 8.5}) == "");
  CHECK(difference(1.0 / (x - 5), {2, 2}, {-0.25, -1.0 / 3, -0.5, -1}, 1e-7) == "");
  CHECK(difference(-x.select(0, 1), {2}, {-3, -4}) == "");
  CHECK(difference(x - mean(x, -1, Keep::yes), {2, 2}, {-0.5, 0.5, -0.5, 0.5}) == "");
  CHECK(difference(Tensor<T>({0, 2}) + row, Tensor<T>({0, 2})) == "");
  CHECK(difference(Tensor<T>({0}) + Tensor<T>({1}), Tensor<T>({0})) == "");
  CHECK(difference(Tensor<Index>({2}, {1, 2}) * 3 - 1, {2}, {2, 5}) == "");

  CHECK(difference(sqrt(x.select(0, 0) * x.select(0, 0)), {2}, {1, 2}) == "");
  CHECK(difference(log(exp(x)), x, 1e-6) == "");
  CHECK(difference(abs(x - 3), {2, 2}, {2, 1, 0, 1}) == "");
  CHECK(difference(map(x, [](T v) { return v * v; }), {2, 2}, {1, 4, 9, 16}) == "");
  CHECK(difference(map(x, row, [](T a, T b) { return b - a; }), {2, 2}, {9, 18, 7, 16}) == "");
  CHECK(difference(map(x, 2, [](T a, T b) { return a > b; }), {2, 2}, {0, 0, 1, 1}) == "");
  CHECK(mean(map(x, [](T v) { return v > 1; })).item() == T(0.75));
  const Tensor<Index> rounded = map(x, [](T v) { return static_cast<Index>(v); });
  CHECK(rounded(1, 1) == 4);

  const auto large = map(x, [](T v) { return v > 2; });
  CHECK(difference(where(large, x, 0), {2, 2}, {0, 0, 3, 4}) == "");
  CHECK(difference(where(large, -kInf, x), {2, 2}, {1, 2, -kInf, -kInf}) == "");
  CHECK(difference(where(Tensor<Index>({2}, {0, 1}), x, row), {2, 2}, {10, 2, 10, 4}) == "");
}

TEST_CASE("shapes that do not broadcast are shown, with the axis", "[core][arithmetic]") {
  const Tensor<float> x({2, 3}), y({4});
  CHECK(error_of<ShapeError>([&] { x + y; }) ==
        "+: [2, 3] and [4] do not broadcast: axis -1 is 3 against 4");
  CHECK(error_of<ShapeError>([&] { x - y; }) ==
        "-: [2, 3] and [4] do not broadcast: axis -1 is 3 against 4");
  CHECK(error_of<ShapeError>([&] { y* x; }) ==
        "*: [4] and [2, 3] do not broadcast: axis -1 is 4 against 3");
  CHECK(error_of<ShapeError>([&] { x / x.transpose(); }) ==
        "/: [2, 3] and [3, 2] do not broadcast: axis -1 is 3 against 2");
  CHECK(error_of<ShapeError>([&] { map(x, y, [](float a, float) { return a; }); }) ==
        "map: [2, 3] and [4] do not broadcast: axis -1 is 3 against 4");
  CHECK(error_of<ShapeError>([&] { where(x, y, 0); }) ==
        "where: [2, 3] and [4] do not broadcast: axis -1 is 3 against 4");
  CHECK(broadcast_shape("", Shape{2, 1, 3}, Shape{4, 1}, Shape{}) == Shape{2, 4, 3});
}

TEMPLATE_TEST_CASE("take replaces an axis by the axes of the indices", "[core][select]", float,
                   double) {
  using T = TestType;
  const Tensor<T> x({3, 2}, {0, 1, 10, 11, 20, 21});
  CHECK(difference(take(x, 0, {2, 0, -1}), {3, 2}, {20, 21, 0, 1, 20, 21}) == "");
  CHECK(difference(take(x, 1, {1}), {3, 1}, {1, 11, 21}) == "");
  CHECK(difference(take(x.transpose(), -1, {1, 1}), {2, 2}, {10, 10, 11, 11}) == "");
  CHECK(difference(take(x, 0, Tensor<Token>({2, 2}, {0, 1, 2, 0})), {2, 2, 2},
                   {0, 1, 10, 11, 20, 21, 0, 1}) == "");
  CHECK(difference(take(x, 0, Tensor<Index>::scalar(-2)), {2}, {10, 11}) == "");
  CHECK(take(x, 0, std::vector<Index>{}).shape() == Shape{0, 2});
  CHECK(difference(take(Tensor<Index>({2}, {7, 8}), 0, {1}), {1}, {8}) == "");
}

TEMPLATE_TEST_CASE("take_along_axis reads each line at its own places", "[core][select]", float,
                   double) {
  using T = TestType;
  const Tensor<T> x({2, 3}, {0, 1, 2, 10, 11, 12});
  const Tensor<Index> at({2, 2}, {2, 0, -1, 1});
  CHECK(difference(take_along_axis(x, at, 1), {2, 2}, {2, 0, 12, 11}) == "");
  CHECK(difference(take_along_axis(x, Tensor<Token>({1, 3}, {1, 0, 1}), 0), {1, 3}, {10, 1, 12}) ==
        "");
  CHECK(difference(take_along_axis(x.transpose(), at.transpose(), 0), {2, 2}, {2, 12, 0, 11}) ==
        "");
  CHECK(take_along_axis(x, Tensor<Index>({2, 0}), -1).shape() == Shape{2, 0});
}

TEMPLATE_TEST_CASE("stack makes an axis and concat lengthens one", "[core][select]", float,
                   double) {
  using T = TestType;
  const Tensor<T> a({2, 2}, {1, 2, 3, 4}), b({2, 2}, {5, 6, 7, 8}), c({1, 2}, {9, 10});
  CHECK(difference(stack({a, b}), {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}) == "");
  CHECK(difference(stack({a, b}, 1), {2, 2, 2}, {1, 2, 5, 6, 3, 4, 7, 8}) == "");
  CHECK(difference(stack({a, b}, -1), {2, 2, 2}, {1, 5, 2, 6, 3, 7, 4, 8}) == "");
  CHECK(difference(stack(std::vector{a.select(1, 0), b.select(0, 1)}), {2, 2}, {1, 3, 7, 8}) == "");
  CHECK(difference(stack({Tensor<T>::scalar(1), Tensor<T>::scalar(2)}), {2}, {1, 2}) == "");
  CHECK(difference(concat({a, c, b}), {5, 2}, {1, 2, 3, 4, 9, 10, 5, 6, 7, 8}) == "");
  CHECK(difference(concat({a.transpose(), b.view()}, -1), {2, 4}, {1, 3, 5, 6, 2, 4, 7, 8}) == "");
  CHECK(difference(concat(std::vector{c}), c) == "");
}

TEMPLATE_TEST_CASE("sort, argsort and topk order a line, equals keep their order, NaN is largest",
                   "[core][select]", float, double) {
  using T = TestType;
  const T nan = static_cast<T>(kNaN);
  const Tensor<T> x({2, 4}, {3, 1, 3, 2, 0, nan, -1, 5});
  CHECK(difference(argsort(x), {2, 4}, {1, 3, 0, 2, 2, 0, 3, 1}) == "");
  CHECK(difference(sort(x), {2, 4}, {1, 2, 3, 3, -1, 0, 5, kNaN}) == "");
  CHECK(difference(sort(x.transpose(), 0).transpose(), sort(x)) == "");
  const auto [values, indices] = topk(x, 3);
  CHECK(difference(values, {2, 3}, {3, 3, 2, kNaN, 5, 0}) == "");
  CHECK(difference(indices, {2, 3}, {0, 2, 3, 1, 3, 0}) == "");
  CHECK(difference(topk(x, 1, 0).indices, {1, 4}, {0, 1, 0, 1}) == "");
  CHECK(topk(x, 0).values.shape() == Shape{2, 0});
  CHECK(difference(sort(Tensor<Index>({3}, {5, -2, 3})), {3}, {-2, 3, 5}) == "");

  // 100 elements of 0, 1, 2, NaN, 0, 1, ...: equals in their order also where sorting is not
  // simple.
  Tensor<T> cycle({100});
  for (Index i = 0; i < 100; ++i) cycle(i) = i % 4 == 3 ? nan : static_cast<T>(i % 4);
  Tensor<Index> expected({100});
  for (Index i = 0; i < 100; ++i) expected(i) = i % 25 * 4 + i / 25;
  CHECK(difference(argsort(cycle), expected) == "");

  const auto many = random_tensor<T>({3, 50, 2}, 1);
  const Tensor<T> sorted = sort(many, 1);
  const Tensor<T> rises = sorted.slice(1, 1, 50) - sorted.slice(1, 0, 49);
  CHECK(min(rises).item() >= 0);
  CHECK(difference(sum(sorted, 1), sum(many, 1), 1e-5) == "");
}

TEST_CASE("picking and joining refuse what does not fit", "[core][select]") {
  const Tensor<float> x({3, 2}), y({2, 2}), z({3, 3});
  CHECK(error_of<ShapeError>([&] {
          take(x, 0, {0, 3});
        }) == "index 3 is outside axis 0 of the shape [3, 2]");
  CHECK(error_of<ShapeError>([&] {
          take_along_axis(x, Tensor<Index>({3, 1}, {0, -3, 0}), 1);
        }) == "index -3 is outside axis 1 of the shape [3, 2]");
  CHECK(error_of<ShapeError>([&] {
          take_along_axis(x, Tensor<Index>({2, 1}), 1);
        }) == "take_along_axis: x is [3, 2], indices are [2, 1]: they may differ in axis 1 alone");
  CHECK(error_of<ShapeError>([&] { take_along_axis(x, Tensor<Index>({2}), -1); }) ==
        "take_along_axis: x is [3, 2], indices are [2]: they may differ in axis 1 alone");
  CHECK(error_of<ShapeError>([&] {
          stack({x, y});
        }) == "stack: part 0 is [3, 2], part 1 is [2, 2]");
  CHECK(error_of<ShapeError>([&] {
          stack({x, x}, 3);
        }) == "axis 3 does not exist: there are 3 axes");
  CHECK(error_of<ShapeError>([&] { stack(std::vector<Tensor<float>>{}); }) == "stack of nothing");
  CHECK(error_of<ShapeError>([&] { concat(std::vector<Tensor<float>>{}); }) == "concat of nothing");
  CHECK(error_of<ShapeError>([&] {
          concat({x, y, z});
        }) == "concat: part 0 is [3, 2], part 2 is [3, 3]: they may differ in axis 0 alone");
  CHECK(error_of<ShapeError>([&] { topk(x, 4, 0); }) == "topk: 4 of axis 0 of the shape [3, 2]");
  CHECK(error_of<ShapeError>([&] { argsort(x, 2); }) == "axis 2 does not exist: there are 2 axes");
}

TEMPLATE_TEST_CASE("cosines and angles between rows", "[core][angles]", float, double) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, float> ? 1e-5 : 2e-6;
  const Tensor<T> x({4, 2}, {1, 0, 0, 3, -2, 0, 0, 0}), y({1, 2}, {5, 5});
  CHECK(difference(cosine_similarity(x, y), {4, 1},
                   {std::sqrt(0.5), std::sqrt(0.5), -std::sqrt(0.5), 0}, 1e-7) == "");
  CHECK(difference(cosine_similarity(x).select(0, 0), {4}, {1, 0, -1, 0}) == "");
  CHECK(difference(angles_in_degrees(x, y), {4, 1}, {45, 45, 135, 90}, tolerance) == "");
  CHECK(difference(angles_in_degrees(x).select(0, 2), {4}, {180, 90, 0, 90}, tolerance) == "");
  CHECK(difference(cosine_similarity(y.transpose()), {2, 2}, {1, 1, 1, 1}) == "");
  CHECK(difference(cosine_similarity(y, Tensor<T>({1, 2}, {1, static_cast<T>(kNaN)})), {1, 1},
                   {kNaN}) == "");
  const auto many = random_tensor<T>({20, 7}, 1);
  for (Index i = 0; i < 20; ++i) CHECK(std::abs(angles_in_degrees(many)(i, i)) < tolerance);
  CHECK(max_norm(cosine_similarity(many)).item() <= 1);

  CHECK(error_of<ShapeError>([&] {
          cosine_similarity(x, Tensor<T>({2, 3}));
        }) ==
        "cosine_similarity: x is [4, 2], y is [2, 3]: two matrices with equally long rows are "
        "wanted");
  CHECK(error_of<ShapeError>([&] { angles_in_degrees(x.select(0, 0)); }) ==
        "angles_in_degrees: x is [2], y is [2]: two matrices with equally long rows are wanted");
}
