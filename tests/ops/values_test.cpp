// Each op on numbers that a reader can check by hand.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "catch.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/core/random.hpp"
#include "hooked/testing/bits.hpp"

using namespace hooked;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// Inputs, y and gradients of one op along dy.
struct Result {
  Tensor<double> y;
  std::vector<Tensor<double>> d;
};

template <Op O>
Result run(const typename O::Args& args, const std::vector<Tensor<double>>& x,
           const std::vector<double>& dy) {
  Tape<double> tape;
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    const std::array in = {tape.input(x[I])...};
    const Variable<double> y = record<O>(args, in[I]...);
    tape.backward(y, Tensor<double>(y.shape(), dy));
    return Result{Tensor<double>(y.value()), {Tensor<double>(tape.gradient(in[I]))...}};
  }
  (std::make_index_sequence<static_cast<std::size_t>(O::inputs)>{});
}

/// "" when `actual` has the shape and, to 1e-14, the numbers; else what is wrong.
std::string wrong(const Tensor<double>& actual, const Shape& shape,
                  const std::vector<double>& numbers) {
  if (actual.shape() != shape) return text("shape ", actual.shape());
  for (Index k = 0; k < actual.numel(); ++k) {
    const double a = actual.data()[k], b = numbers[static_cast<std::size_t>(k)];
    if (a == b || std::abs(a - b) <= 1e-14 * std::max(1.0, std::abs(b))) continue;
    return text(a, " at ", testing::position_text(k, shape));
  }
  return "";
}

// One function of one number, with its slope.
template <Op O>
std::pair<double, double> at(double x) {
  const Result r = run<O>({}, {Tensor<double>::scalar(x)}, {1});
  return {r.y.item(), r.d[0].item()};
}

}  // namespace

TEST_CASE("add, subtract, multiply and scale do what they say") {
  const Tensor<double> a({3}, {1, 2, 3}), b({3}, {10, 20, 30});
  const auto sum = run<Add>({}, {a, b}, {1, 2, 3});
  CHECK(wrong(sum.y, {3}, {11, 22, 33}) == "");
  CHECK(wrong(sum.d[0], {3}, {1, 2, 3}) == "");
  CHECK(wrong(sum.d[1], {3}, {1, 2, 3}) == "");
  const auto difference = run<Subtract>({}, {a, b}, {1, 2, 3});
  CHECK(wrong(difference.y, {3}, {-9, -18, -27}) == "");
  CHECK(wrong(difference.d[0], {3}, {1, 2, 3}) == "");
  CHECK(wrong(difference.d[1], {3}, {-1, -2, -3}) == "");
  const auto product = run<Multiply>({}, {a, b}, {1, 2, 3});
  CHECK(wrong(product.y, {3}, {10, 40, 90}) == "");
  CHECK(wrong(product.d[0], {3}, {10, 40, 90}) == "");
  CHECK(wrong(product.d[1], {3}, {1, 4, 9}) == "");
  const auto scaled = run<Scale>({-2.0}, {a}, {1, 2, 3});
  CHECK(wrong(scaled.y, {3}, {-2, -4, -6}) == "");
  CHECK(wrong(scaled.d[0], {3}, {-2, -4, -6}) == "");
}

TEST_CASE("add_bias and scale_columns spread a vector over rows and sum their gradient over them") {
  const Tensor<double> x({2, 2}, {1, 2, 3, 4}), v({2}, {10, 20});
  const auto biased = run<AddBias>({}, {x, v}, {1, 2, 3, 4});
  CHECK(wrong(biased.y, {2, 2}, {11, 22, 13, 24}) == "");
  CHECK(wrong(biased.d[0], {2, 2}, {1, 2, 3, 4}) == "");
  CHECK(wrong(biased.d[1], {2}, {4, 6}) == "");
  const auto scaled = run<ScaleColumns>({}, {x, v}, {1, 1, 1, 1});
  CHECK(wrong(scaled.y, {2, 2}, {10, 40, 30, 80}) == "");
  CHECK(wrong(scaled.d[0], {2, 2}, {10, 20, 10, 20}) == "");
  CHECK(wrong(scaled.d[1], {2}, {4, 6}) == "");
}

TEST_CASE("linear is x W + b") {
  const auto r = run<Linear>({},
                             {Tensor<double>({2, 2}, {1, 2, 3, 4}),
                              Tensor<double>({2, 1}, {10, 100}), Tensor<double>({1}, {5})},
                             {1, 2});
  CHECK(wrong(r.y, {2, 1}, {215, 435}) == "");
  CHECK(wrong(r.d[0], {2, 2}, {10, 100, 20, 200}) == "");
  CHECK(wrong(r.d[1], {2, 1}, {7, 10}) == "");
  CHECK(wrong(r.d[2], {1}, {3}) == "");
}

TEST_CASE("sparse_linear is linear, bit for bit, also where most of x or of dy is zero") {
  Random random(Seed{0}, "sparse_linear");
  const auto numbers = [&](const Shape& shape, Index one_in) {
    Tensor<double> x(shape);
    for_each_element(x.view(), [&](Index i, double& v) {
      const double drawn = random.normal();
      v = i % one_in == 0 ? drawn : 0.0;
    });
    return x;
  };
  // A decoder, whose x has zeros, and an encoder, whose dy has.
  for (const bool decoder : {true, false}) {
    const Index in = decoder ? 170 : 21, out = decoder ? 21 : 170;
    const Tensor<double> x = numbers({40, in}, decoder ? 10 : 1), W = numbers({in, out}, 1),
                         b = numbers({out}, 1), dy = numbers({40, out}, decoder ? 1 : 10);
    const auto dense = run<Linear>({}, {x, W, b}, to_vector(dy)),
               sparse = run<SparseLinear>({}, {x, W, b}, to_vector(dy)),
               on = run<SparseLinear>({.where_on = true}, {x, W, b}, to_vector(dy));
    CHECK(testing::bit_difference(sparse.y, dense.y) == "");
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(testing::bit_difference(sparse.d[i], dense.d[i]) == "");
    }
    Tensor<double> wanted = dense.d[0];
    for_each_element(wanted.view(), [&](Index i, double& v) { v *= x.data()[i] != 0.0; });
    CHECK(wrong(on.d[0], {40, in}, to_vector(wanted)) == "");
    CHECK(testing::bit_difference(on.d[1], dense.d[1]) == "");
  }
}

TEST_CASE("head_linear gives every head its own matrix, sum_heads adds them up") {
  // [row, head, in] = [1, 2, 2], W [head, in, out] = [2, 2, 1]
  const auto r = run<HeadLinear>(
      {}, {Tensor<double>({1, 2, 2}, {1, 2, 3, 4}), Tensor<double>({2, 2, 1}, {1, 10, 100, 1000})},
      {1, 2});
  CHECK(wrong(r.y, {1, 2, 1}, {21, 4300}) == "");
  CHECK(wrong(r.d[0], {1, 2, 2}, {1, 10, 200, 2000}) == "");
  CHECK(wrong(r.d[1], {2, 2, 1}, {1, 2, 6, 8}) == "");
  const auto sum = run<SumHeads>({}, {Tensor<double>({1, 2, 2}, {1, 2, 3, 4})}, {5, 6});
  CHECK(wrong(sum.y, {1, 2}, {4, 6}) == "");
  CHECK(wrong(sum.d[0], {1, 2, 2}, {5, 6, 5, 6}) == "");
}

TEST_CASE("gather_rows picks rows, and adds up the gradient of a row picked twice") {
  const std::array<Token, 3> index = {1, 0, 1};
  const Tensor<double> table({2, 2}, {1, 2, 3, 4});
  const auto r = run<GatherRows>({index.data(), {3}}, {table}, {1, 2, 3, 4, 5, 6});
  CHECK(wrong(r.y, {3, 2}, {3, 4, 1, 2, 3, 4}) == "");
  CHECK(wrong(r.d[0], {2, 2}, {3, 4, 6, 8}) == "");
  const std::array<Token, 1> outside = {2};
  CHECK_THROWS_WITH(run<GatherRows>({outside.data(), {1}}, {table}, {1, 1}),
                    ContainsSubstring("index 2") && ContainsSubstring("the 2 rows"));
}

TEST_CASE("relu, gelu, gelu_new and silu have the values and slopes of the books") {
  CHECK(at<Relu>(2.0) == std::pair(2.0, 1.0));
  CHECK(at<Relu>(-2.0) == std::pair(0.0, 0.0));
  CHECK(at<Relu>(0.0) == std::pair(0.0, 0.0));
  // gelu(1) = Phi(1), gelu'(1) = Phi(1) + phi(1), phi(1) = 0.24197072451914337
  CHECK(at<Gelu>(1.0).first == Approx(0.8413447460685429).epsilon(1e-15));
  CHECK(at<Gelu>(1.0).second == Approx(0.8413447460685429 + 0.24197072451914337).epsilon(1e-15));
  CHECK(at<Gelu>(0.0) == std::pair(0.0, 0.5));
  CHECK(at<GeluNew>(1.0).first == Approx(0.8411919906082768).epsilon(1e-15));
  CHECK(at<GeluNew>(0.0) == std::pair(0.0, 0.5));
  CHECK(at<Silu>(1.0).first == Approx(1 / (1 + std::exp(-1.0))).epsilon(1e-15));
  CHECK(at<Silu>(0.0) == std::pair(0.0, 0.5));
}

TEST_CASE("Activations far out are x or 0 and never NaN") {
  for (const double x : {50.0, 1e4, 1e30}) {
    CHECK(at<Gelu>(x) == std::pair(x, 1.0));
    CHECK(at<GeluNew>(x) == std::pair(x, 1.0));
    CHECK(at<Silu>(x) == std::pair(x, 1.0));
    CHECK(at<Gelu>(-x) == std::pair(0.0, 0.0));
    CHECK(at<GeluNew>(-x) == std::pair(0.0, 0.0));
    CHECK(std::abs(at<Silu>(-x).first) < 1e-19);
    CHECK(std::abs(at<Silu>(-x).second) < 1e-19);
  }
}

TEST_CASE(
    "center takes the mean off, rms_scale is the root of the mean square, divide_rows divides") {
  const Tensor<double> x({2, 2}, {1, 3, 5, 5});
  const auto centered = run<Center>({}, {x}, {1, 0, 0, 2});
  CHECK(wrong(centered.y, {2, 2}, {-1, 1, 0, 0}) == "");
  CHECK(wrong(centered.d[0], {2, 2}, {0.5, -0.5, -1, 1}) == "");
  const auto scale = run<RmsScale>({.eps = 0.0}, {Tensor<double>({1, 2}, {1, 7})}, {10});
  CHECK(wrong(scale.y, {1, 1}, {5}) == "");        // sqrt((1 + 49) / 2)
  CHECK(wrong(scale.d[0], {1, 2}, {1, 7}) == "");  // 10 x / (2 * 5)
  const auto flat = run<RmsScale>({.eps = 0.25}, {Tensor<double>({1, 2})}, {1});
  CHECK(wrong(flat.y, {1, 1}, {0.5}) == "");
  const auto divided = run<DivideRows>({}, {x, Tensor<double>({2, 1}, {2, 5})}, {1, 1, 1, 1});
  CHECK(wrong(divided.y, {2, 2}, {0.5, 1.5, 1, 1}) == "");
  CHECK(wrong(divided.d[0], {2, 2}, {0.5, 0.5, 0.2, 0.2}) == "");
  CHECK(wrong(divided.d[1], {2, 1}, {-1, -0.4}) == "");  // -sum(x) / s^2
}

TEST_CASE("softmax gives shares, exactly 0 for -inf, and zeros for a row that is all hidden") {
  const double ln3 = std::log(3.0);
  const auto r =
      run<Softmax>({}, {Tensor<double>({4, 2}, {0, ln3, -kInf, -kInf, -kInf, 7, 900, 900})},
                   {1, 0, 1, 2, 3, 4, 1, 0});
  CHECK(wrong(r.y, {4, 2}, {0.25, 0.75, 0, 0, 0, 1, 0.5, 0.5}) == "");
  CHECK(wrong(r.d[0], {4, 2}, {0.1875, -0.1875, 0, 0, 0, 0, 0.25, -0.25}) == "");
  CHECK(r.y(2, 0) == 0.0);
}

TEST_CASE("attention_scores divides q k and hides the future, nothing flows back from there") {
  // [batch, pos, head, d_head] = [1, 2, 1, 2]
  const Tensor<double> q({1, 2, 1, 2}, {1, 2, 3, 4}), k({1, 2, 1, 2}, {10, 0, 0, 20});
  const auto r = run<AttentionScores>({.divisor = 2.0}, {q, k}, {1, 1, 1, 1});
  CHECK(wrong(r.y, {1, 1, 2, 2}, {5, -kInf, 15, 40}) == "");
  CHECK(wrong(r.d[0], {1, 2, 1, 2}, {5, 0, 5, 10}) == "");
  CHECK(wrong(r.d[1], {1, 2, 1, 2}, {2, 3, 1.5, 2}) == "");
  const auto open = run<AttentionScores>({.mask = {.causal = false}}, {q, k}, {1, 1, 1, 1});
  CHECK(wrong(open.y, {1, 1, 2, 2}, {10, 40, 30, 80}) == "");
}

TEST_CASE("attention_scores hides padding, and places few queries among many keys") {
  const Tensor<double> q({1, 1, 1, 1}, {2}), k({1, 3, 1, 1}, {1, 2, 3});
  const std::array<std::uint8_t, 3> visible = {0, 1, 1};
  const std::array<Token, 1> second = {1};
  const auto padded = run<AttentionScores>(
      {.mask = {.causal = false, .key_visible = visible.data()}}, {q, k}, {1, 1, 1});
  CHECK(wrong(padded.y, {1, 1, 1, 3}, {-kInf, 4, 6}) == "");
  CHECK(wrong(padded.d[0], {1, 1, 1, 1}, {5}) == "");
  const auto placed =
      run<AttentionScores>({.mask = {.query_position = second.data()}}, {q, k}, {1, 1, 1});
  CHECK(wrong(placed.y, {1, 1, 1, 3}, {2, 4, -kInf}) == "");
  CHECK_THROWS_WITH((run<AttentionScores>({}, {q, k}, {1, 1, 1})),
                    ContainsSubstring("[1, 1, 1, 1]") && ContainsSubstring("query_position"));
}

TEST_CASE("attention_mix weighs values") {
  const auto r = run<AttentionMix>({},
                                   {Tensor<double>({1, 1, 2, 2}, {1, 0, 0.25, 0.75}),
                                    Tensor<double>({1, 2, 1, 2}, {4, 8, 40, 80})},
                                   {1, 0, 0, 1});
  CHECK(wrong(r.y, {1, 2, 1, 2}, {4, 8, 31, 62}) == "");
  CHECK(wrong(r.d[0], {1, 1, 2, 2}, {4, 40, 8, 80}) == "");
  CHECK(wrong(r.d[1], {1, 2, 1, 2}, {1, 0.25, 0, 0.75}) == "");
}

TEST_CASE("where takes b at the mask, and its gradient goes where the value came from") {
  const std::array<std::uint8_t, 3> mask = {0, 1, 0};
  const auto r =
      run<Where>({mask.data()}, {Tensor<double>({3}, {1, 2, 3}), Tensor<double>({3}, {10, 20, 30})},
                 {1, 2, 3});
  CHECK(wrong(r.y, {3}, {1, 20, 3}) == "");
  CHECK(wrong(r.d[0], {3}, {1, 0, 3}) == "");
  CHECK(wrong(r.d[1], {3}, {0, 2, 0}) == "");
}

TEST_CASE("sum, the norms and squared_error reduce") {
  const Tensor<double> x({2, 2}, {3, -4, 0, 0});
  const auto mean = run<Sum>({0.25}, {x}, {8});
  CHECK(wrong(mean.y, {}, {-0.25}) == "");
  CHECK(wrong(mean.d[0], {2, 2}, {2, 2, 2, 2}) == "");
  const auto l1 = run<L1Norm>({}, {x}, {1, 1});
  CHECK(wrong(l1.y, {2}, {7, 0}) == "");
  CHECK(wrong(l1.d[0], {2, 2}, {1, -1, 0, 0}) == "");
  const auto l2 = run<L2Norm>({}, {x}, {5, 5});
  CHECK(wrong(l2.y, {2}, {5, 0}) == "");
  CHECK(wrong(l2.d[0], {2, 2}, {3, -4, 0, 0}) == "");  // and 0, not NaN, at the kink
  const auto error = run<SquaredError>({}, {x, Tensor<double>({2, 2}, {1, 0, 0, 2})}, {1, 1});
  CHECK(wrong(error.y, {2}, {10, 2}) == "");
  CHECK(wrong(error.d[0], {2, 2}, {2, -4, 0, -2}) == "");
  CHECK(wrong(error.d[1], {2, 2}, {-2, 4, 0, 2}) == "");
}

TEST_CASE("cross_entropy is -log p of the label, ignored rows give 0 and no gradient") {
  const std::array<Token, 3> labels = {1, CrossEntropy::kIgnored, 0};
  const auto r = run<CrossEntropy>(
      {labels.data()}, {Tensor<double>({3, 2}, {0, std::log(3.0), 5, 6, 0, std::log(3.0)})},
      {1, 1, 10});
  CHECK(wrong(r.y, {3}, {-std::log(0.75), 0, -std::log(0.25)}) == "");
  CHECK(wrong(r.d[0], {3, 2}, {0.25, -0.25, 0, 0, -7.5, 7.5}) == "");
}

TEST_CASE("cross_entropy of float logits has no floor: a margin of 80 costs exp(-80), not 0") {
  const std::array<Token, 1> label = {0};
  const auto check = [&](float margin, double tolerance) {
    Tape<float> tape;
    const Tensor<float> numbers({1, 3}, {margin, 0.0f, 0.0f});
    const auto logits = tape.input(numbers);
    const auto loss = record<CrossEntropy>({label.data()}, logits);
    tape.backward(loss);
    const double expected = 2 * std::exp(-static_cast<double>(margin));
    const auto d = tape.gradient(logits);
    CHECK(loss.value().data()[0] > 0.0f);
    CHECK(loss.value().data()[0] == Approx(expected).epsilon(tolerance));
    // p - 1 of the label is computed without taking 1 from something that rounds to 1.
    CHECK(d(0, 0) == Approx(-expected).epsilon(tolerance));
    CHECK(d(0, 1) == Approx(expected / 2).epsilon(tolerance));
  };
  check(20.0f, 1e-6);
  check(80.0f, 1e-6);
  check(87.0f, 1e-6);
  check(100.0f, 0.05);  // below the smallest normal float, where few bits are left
}

TEST_CASE("cross_entropy of logits that overflow exp is finite, and -inf logits are never chosen") {
  const std::array<Token, 2> labels = {1, 0};
  const auto r =
      run<CrossEntropy>({labels.data()}, {Tensor<double>({2, 2}, {1000, 0, 0, -kInf})}, {1, 1});
  CHECK(wrong(r.y, {2}, {1000, 0}) == "");
  CHECK(wrong(r.d[0], {2, 2}, {1, -1, 0, 0}) == "");
}

TEST_CASE("cross_entropy says which label is outside the vocabulary") {
  const std::array<Token, 2> labels = {0, 5};
  CHECK_THROWS_WITH((run<CrossEntropy>({labels.data()}, {Tensor<double>({2, 3})}, {1, 1})),
                    ContainsSubstring("label 5 at row 1") && ContainsSubstring("[2, 3]"));
}

TEST_CASE("keep_top_k keeps the k largest of a row, the first of equals, and NaN") {
  const auto r = run<KeepTopK>({2}, {Tensor<double>({2, 4}, {1, 5, -2, 3, 7, 7, 7, -1})},
                               {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(wrong(r.y, {2, 4}, {0, 5, 0, 3, 7, 7, 0, 0}) == "");
  CHECK(wrong(r.d[0], {2, 4}, {0, 2, 0, 4, 5, 6, 0, 0}) == "");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double other : {1.0, kInf}) {
    const auto y =
        run<KeepTopK>({2}, {Tensor<double>({1, 4}, {other, other, 0, nan})}, {1, 1, 1, 1}).y;
    CHECK(y(0, 0) == other);
    CHECK(std::isnan(y(0, 3)));
  }
  // Longer rows, of few numbers that are often the same, against what sorting finds.
  Random random(Seed{0}, "keep_top_k");
  for (const Index k : {1, 3, 16, 50}) {
    Tensor<double> row({1, 101});
    for_each_element(row.view(), [&](Index i, double& v) {
      v = i == 70 ? nan : static_cast<double>(random.below(40)) - 20;
    });
    std::vector<Index> order(101);
    std::iota(order.begin(), order.end(), Index{0});
    const auto size = [&](Index i) { return std::isnan(row(0, i)) ? kInf : row(0, i); };
    std::stable_sort(order.begin(), order.end(),
                     [&](Index p, Index q) { return size(p) > size(q); });
    Tensor<double> wanted(row.shape());
    for (Index n = 0; n < k; ++n) {
      const Index at = order[static_cast<std::size_t>(n)];
      wanted(0, at) = row(0, at);
    }
    CAPTURE(k);
    const auto y = run<KeepTopK>({k}, {row}, std::vector<double>(101, 1.0)).y;
    CHECK(testing::bit_difference(y, wanted) == "");
  }
  const Tensor<double> x({2, 3});
  for (const Index k : {Index{0}, Index{-1}, Index{4}}) {
    CHECK_THROWS_WITH(run<KeepTopK>({k}, {x}, {}),
                      ContainsSubstring(text("k is ", k, ", x is [2, 3]: k must be from 1 to")));
  }
}

TEST_CASE("step and jump_relu see the threshold through a window, and step sees nothing of x") {
  // Thresholds 1 and 4, windows of width 1: 1.25 and 0.75 lie within, 2 and 4.5 (its end) do not.
  const Tensor<double> x({3, 2}, {1.25, 2, 0.75, 4.5, 3, 5}), theta({2}, {1, 4});
  const std::vector<double> dy{1, 10, 100, 1000, 10000, 100000};
  const auto step = run<Step>({1.0}, {x, theta}, dy);
  CHECK(wrong(step.y, {3, 2}, {1, 0, 0, 1, 1, 1}) == "");
  CHECK(wrong(step.d[0], {3, 2}, {0, 0, 0, 0, 0, 0}) == "");
  CHECK(wrong(step.d[1], {2}, {-101, 0}) == "");
  const auto jump = run<JumpRelu>({1.0}, {x, theta}, dy);
  CHECK(wrong(jump.y, {3, 2}, {1.25, 0, 0, 4.5, 3, 5}) == "");
  CHECK(wrong(jump.d[0], {3, 2}, {1, 0, 0, 1000, 10000, 100000}) == "");
  CHECK(wrong(jump.d[1], {2}, {-101, 0}) == "");
  const auto wide = run<JumpRelu>({4.0}, {x, theta}, dy);  // 4 / 4 of all but the 2 of column 1
  CHECK(wrong(wide.d[1], {2}, {-0.25 * 101, -1.0 * 101000}) == "");
  // At the threshold itself a feature is off.
  CHECK(run<JumpRelu>({1.0}, {Tensor<double>({1, 2}, {1, 4}), theta}, {1, 1}).y(0, 0) == 0.0);
  CHECK_THROWS_WITH(run<Step>({0.0}, {x, theta}, dy),
                    ContainsSubstring("bandwidth is 0, it must be above 0"));
}
