#include "hooked/core/print.hpp"

#include <limits>
#include <numeric>

#include "check.hpp"

using namespace hooked;

TEMPLATE_TEST_CASE("a tensor prints its shape, then aligned columns", "[core][print]", float,
                   double) {
  using T = TestType;
  const std::string name = std::is_same_v<T, float> ? "float" : "double";
  const Tensor<T> x({2, 3}, {1, 2.5, 3, T(-0.1), T(0.00001), T(100.125)});
  CHECK(to_string(x) == "Tensor<" + name +
                            "> [2, 3]\n"
                            "[[  1.       2.5      3.    ]\n"
                            " [ -0.1      0.0000 100.125 ]]");
  CHECK(to_string(x, {.digits = 1}) == "Tensor<" + name +
                                           "> [2, 3]\n"
                                           "[[  1.    2.5   3. ]\n"
                                           " [ -0.1   0.0 100.1]]");
  CHECK(text(x.select(1, 1)) == "View<" + name + "> [2]\n[2.5    0.0000]");
  CHECK(text(x.slice(0, 0, 1).transpose()) == "View<" + name + "> [3, 1]\n[[1. ]\n [2.5]\n [3. ]]");
  CHECK(text(Tensor<T>({2}, T(0))) == "Tensor<" + name + "> [2]\n[0. 0.]");
}

TEST_CASE("scalars, empty tensors and deeper nests print as in numpy", "[core][print]") {
  CHECK(text(Tensor<double>::scalar(3.25)) == "Tensor<double> []\n3.25");
  CHECK(text(Tensor<float>({0, 3})) == "Tensor<float> [0, 3]\n[]");
  CHECK(text(Tensor<float>({2, 0})) == "Tensor<float> [2, 0]\n[[]\n []]");
  Tensor<float> x({2, 1, 2, 2});
  std::iota(x.data(), x.data() + 8, 0.0f);
  CHECK(text(x) ==
        "Tensor<float> [2, 1, 2, 2]\n"
        "[[[[0. 1.]\n"
        "   [2. 3.]]]\n"
        "\n"
        "\n"
        " [[[4. 5.]\n"
        "   [6. 7.]]]]");
}

TEST_CASE("very large and very small numbers print with exponents, odd ones as words",
          "[core][print]") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  CHECK(text(Tensor<float>({2}, {1e6f, -2.5f})) == "Tensor<float> [2]\n[ 1.0000e+06 -2.5000e+00]");
  CHECK(text(Tensor<float>({2}, {1e-6f, 0.0f})) == "Tensor<float> [2]\n[1.0000e-06 0.0000e+00]");
  CHECK(text(Tensor<float>({4}, {nan, -nan, 2.5f, -inf})) ==
        "Tensor<float> [4]\n[ nan  nan  2.5 -inf]");
  CHECK(text(Tensor<float>({2}, {inf, nan})) == "Tensor<float> [2]\n[inf nan]");
}

TEST_CASE("integers print without a point", "[core][print]") {
  CHECK(text(Tensor<Index>({2, 2}, {1, -20, 300, 4})) ==
        "Tensor<int64> [2, 2]\n[[  1 -20]\n [300   4]]");
  CHECK(text(Tensor<Token>({1}, {7})) == "Tensor<int32> [1]\n[7]");
}

TEST_CASE("a long axis shows its first and last three", "[core][print]") {
  Tensor<Index> x({13, 13});
  std::iota(x.data(), x.data() + x.numel(), Index{0});
  CHECK(text(x.select(0, 0)) == "View<int64> [13]\n[ 0  1  2 ... 10 11 12]");
  CHECK(text(x.slice(1, 0, 2)) ==
        "View<int64> [13, 2]\n"
        "[[  0   1]\n [ 13  14]\n [ 26  27]\n ...\n [130 131]\n [143 144]\n [156 157]]");
  // What is not shown does not widen the columns.
  x(0, 6) = 123456789;
  CHECK(text(x.select(0, 0)) == "View<int64> [13]\n[ 0  1  2 ... 10 11 12]");
  CHECK(text(x.slice(0, 0, 12).select(1, 0)) ==
        "View<int64> [12]\n[  0  13  26  39  52  65  78  91 104 117 130 143]");
}

TEST_CASE("options say how many digits, columns and ends", "[core][print]") {
  Tensor<float> x({5});
  std::iota(x.data(), x.data() + 5, 0.125f);
  CHECK(to_string(x, {.digits = 0}) == "Tensor<float> [5]\n[0 1 2 3 4]");
  CHECK(to_string(x, {.digits = 1, .longest = 4, .ends = 1}) == "Tensor<float> [5]\n[0.1 ... 4.1]");
  CHECK(to_string(x, {.longest = 4, .ends = 3}) ==
        "Tensor<float> [5]\n[0.125 1.125 2.125 3.125 4.125]");
  CHECK(to_string(x, {.axes = {"head"}}) ==
        "Tensor<float> [head 5]\n[0.125 1.125 2.125 3.125 4.125]");
  CHECK(error_of<ShapeError>([&] {
          to_string(x, {.axes = {"head", "key"}});
        }) == "print: 2 names of axes for the shape [5]");
  CHECK(error_of<ConfigError>([&] { to_string(x, {.ends = 0}); }) ==
        "print: digits must be at least 0 and ends at least 1, they are 4 and 0");
}

TEST_CASE("a row that is wider than the line goes on below, as in numpy", "[core][print]") {
  Tensor<Token> x({2, 9});
  std::iota(x.data(), x.data() + 18, 0);
  // numpy.array2string(x, max_line_width=17)
  CHECK(to_string(x, {.width = 17}) ==
        "Tensor<int32> [2, 9]\n"
        "[[ 0  1  2  3\n"
        "   4  5  6  7\n"
        "   8]\n"
        " [ 9 10 11 12\n"
        "  13 14 15 16\n"
        "  17]]");
  CHECK(to_string(x.select(0, 0), {.width = 1, .longest = 2, .ends = 1}) ==
        "View<int32> [9]\n[0\n ...\n 8]");
}
