// arithmetic.hpp, functions.hpp, reduce.hpp, normalize.hpp, shapes.hpp, products.hpp: what tensors
// can do, on Variables.
#include "hooked/autograd/functions.hpp"

#include <array>
#include <cmath>

#include "catch.hpp"
#include "hooked/autograd/arithmetic.hpp"
#include "hooked/autograd/normalize.hpp"
#include "hooked/autograd/products.hpp"
#include "hooked/autograd/reduce.hpp"
#include "hooked/autograd/select.hpp"
#include "hooked/autograd/shapes.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/softmax.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/testing/check_gradient.hpp"

using namespace hooked;
using namespace hooked::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

using Tensors = std::vector<Tensor<double>>;
template <class T>
using Computation = std::function<Variable<T>(std::span<const Variable<T>>)>;

// Distinct rows 0..2 at 2 x 3 places.
constexpr std::array<Token, 6> kPlaces = {0, 1, 0, 2, 2, 0};
const RowMap kPlacesMap{2, 3, kPlaces.data()};

/// The largest difference, relative to the largest number of b.
template <class A>
double relative_difference(const A& a, const Tensor<double>& b) {
  if (a.shape() != b.shape()) fail<ShapeError>("the shapes are ", a.shape(), " and ", b.shape());
  double most = 0.0, scale = 0.0;
  walk(
      [&](double u, double v) {
        most = std::max(most, std::isnan(u) && std::isnan(v) ? 0.0 : std::abs(u - v));
        scale = std::max(scale, std::abs(v));
      },
      map(a, [](auto v) { return static_cast<double>(v); }).view(), b.view());
  return scale == 0.0 ? most : most / scale;
}

/// Values and gradients of one computation on inputs that `make` puts on the tape.
template <class T>
struct Run {
  Tensor<T> y;
  std::vector<Tensor<T>> gradients;
};
template <class T>
Run<T> run(const Computation<T>& f, const std::vector<Variable<T>>& x) {
  Tape<T>& tape = x[0].tape();
  const Variable<T> y = dense(f(x));
  tape.backward(y, random_tensors<T>({y.shape()}, "cotangent")[0]);
  Run<T> result{Tensor<T>(y.value()), {}};
  for (const auto& v : x) result.gradients.emplace_back(tape.gradient(v));
  return result;
}

// Parameters that lie in memory with their last two axes exchanged.
double difference_of_strided(const Computation<double>& f, const Tensors& inputs,
                             const Run<double>& plain) {
  Tape<double> tape;
  tape.poison = true;
  std::vector<Tensor<double>> memory, slopes;
  const auto turned = [](Tensor<double>& x) { return x.rank() < 2 ? x.view() : x.transpose(); };
  for (const auto& x : inputs) {
    memory.emplace_back(x.rank() < 2 ? x.view() : x.transpose());
    slopes.emplace_back(memory.back().shape(), std::nan(""));
  }
  std::vector<Variable<double>> x;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    x.push_back(tape.leaf(turned(memory[i]), turned(slopes[i])));
  }
  const Run<double> strided = run(f, x);
  double most = relative_difference(strided.y, plain.y);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    most = std::max(most, relative_difference(strided.gradients[i], plain.gradients[i]));
  }
  return most;
}

// The first input [2, 3, ...] as distinct rows and a map, and as dense rows.
double difference_of_mapped(const Computation<double>& f, const Tensors& inputs) {
  std::vector<Run<double>> runs;
  for (const bool mapped : {false, true}) {
    Tape<double> tape;
    tape.poison = true;
    std::vector<Variable<double>> x;
    for (const auto& tensor : inputs) x.push_back(tape.input(tensor));
    const Shape trailing = inputs[0].shape().axes(2, inputs[0].rank());
    x[0] = tape.input(random_tensors<double>({join({3}, trailing)}, "table", 0.2, 1.5)[0]);
    runs.push_back(run<double>(
        [&](std::span<const Variable<double>> given) {
          std::vector<Variable<double>> inside(given.begin(), given.end());
          if (mapped) {
            inside[0] = tape.reshape(inside[0], inside[0].shape());
            inside[0].node().rows = &kPlacesMap;
          } else {
            inside[0] = record<GatherRows>({kPlaces.data(), {2, 3}}, inside[0]);
          }
          return f(inside);
        },
        x));
  }
  double most = relative_difference(runs[1].y, runs[0].y);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    most = std::max(most, relative_difference(runs[1].gradients[i], runs[0].gradients[i]));
  }
  return most;
}

long heap_calls(const Computation<float>& f, const Tensors& inputs) {
  std::vector<Tensor<float>> numbers;
  for (const auto& x : inputs) {
    numbers.push_back(map(x, [](double v) { return static_cast<float>(v); }));
  }
  Tape<float> tape;
  std::vector<Variable<float>> x(inputs.size());
  long calls = 0;
  for (int k = 0; k < 3; ++k) {
    tape.reset();
    const AllocGuard guard;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = tape.input(numbers[i]);
    const Variable<float> y = f(x);
    const View<float> dy = tape.numbers(y.shape());
    for_each_element(dy, [](Index, float& d) { d = 1.0F; });
    tape.backward(y, dy);
    calls = guard.calls();
  }
  return calls;
}

/// f on Variables must give what `expected`, on tensors, does: in double and float, with gradients
/// as central differences say, for strided parameters and distinct rows, and without heap calls.
template <class F, class G>
void check(const std::string& what, const F& f, const G& expected, const Tensors& inputs) {
  INFO(what);
  const Computation<double> in_double = f;
  const Computation<float> in_float = f;
  const Tensor<double> right(expected(inputs));

  Tape<double> tape;
  Tape<float> tape_float;
  tape.poison = tape_float.poison = true;
  std::vector<Variable<double>> x;
  std::vector<Variable<float>> x_float;
  for (const auto& tensor : inputs) {
    x.push_back(tape.input(tensor));
    x_float.push_back(
        tape_float.input(map(tensor, [](double v) { return static_cast<float>(v); })));
  }
  const Run<double> plain = run(in_double, x);
  CHECK(relative_difference(plain.y, right) < 1e-14);
  const Run<float> plain_float = run(in_float, x_float);
  CHECK(relative_difference(plain_float.y, right) < 1e-6);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CHECK(relative_difference(plain_float.gradients[i], plain.gradients[i]) < 1e-5);
  }
  const GradReport report = check_gradient(in_double, inputs);
  INFO(report.summary());
  CHECK(report.ok());
  CHECK(report.max_error < 1e-8);
  CHECK(difference_of_strided(in_double, inputs, plain) < 1e-14);
  if (inputs[0].rank() > 1 && inputs[0].shape().axes(0, 2) == Shape{2, 3}) {
    CHECK(difference_of_mapped(in_double, inputs) < 1e-14);
  }
  if (AllocGuard::counting()) CHECK(heap_calls(in_float, inputs) == 0);
}
// The same words for both.
template <class F>
void check(const std::string& what, const F& f, const Tensors& inputs) {
  check(what, f, f, inputs);
}

/// Positive inputs, away from 0.
Tensors positive(const std::vector<Shape>& shapes) {
  return random_tensors<double>(shapes, "positive", 0.2, 1.5);
}
Tensors normal(const std::vector<Shape>& shapes) {
  return random_tensors<double>(shapes, "normal");
}

}  // namespace

TEST_CASE("+ - * / of Variables broadcast as for tensors") {
  const std::vector<std::vector<Shape>> pairs = {
      {{2, 3, 4}, {2, 3, 4}}, {{2, 3, 4}, {4}},    {{4}, {2, 3, 4}}, {{2, 3, 4}, {3, 1}},
      {{2, 3, 4}, {1}},       {{2, 3, 1}, {5}},    {{2, 3}, {3}},    {{2, 3}, {2, 1}},
      {{2, 3, 4}, {}},        {{3, 1, 2}, {4, 1}}, {{5}, {5}},       {{2, 3, 4}, {1, 4}}};
  for (const auto& shapes : pairs) {
    const Tensors inputs = positive(shapes);
    const std::string what = text(shapes[0], " with ", shapes[1]);
    check(
        "+ " + what, [](const auto& x) { return x[0] + x[1]; }, inputs);
    check(
        "- " + what, [](const auto& x) { return x[0] - x[1]; }, inputs);
    check(
        "* " + what, [](const auto& x) { return x[0] * x[1]; }, inputs);
    check(
        "/ " + what, [](const auto& x) { return x[0] / x[1]; }, inputs);
  }
}

TEST_CASE("Variables take numbers on both sides") {
  const Tensors inputs = positive({{2, 3, 4}});
  check(
      "numbers",
      [](const auto& x) {
        const auto a = 1.0 - (2.0 * x[0] + 1) * 3 / 7.0;
        return 2.0 / (a - 0.5) + 1.0 / x[0] - (4 + -x[0]) / 3;
      },
      inputs);
}

TEST_CASE("A tensor beside a Variable is a constant, and may be gone afterwards") {
  Tape<double> tape;
  const auto x = tape.input(Tensor<double>({2, 2}, {1, 2, 3, 4}));
  const auto y = x * Tensor<double>({2}, {10, 100}) + Tensor<double>({2, 1}, {1, 2}).view() +
                 matmul(Tensor<double>({2, 2}, {0, 1, 1, 0}), x);
  CHECK(relative_difference(y.value(), Tensor<double>({2, 2}, {14, 205, 33, 404})) == 0.0);
  tape.backward(y, Tensor<double>({2, 2}, 1.0));
  CHECK(relative_difference(tape.gradient(x), Tensor<double>({2, 2}, {11, 101, 11, 101})) == 0.0);
}

TEST_CASE("Functions of elements are those of tensors") {
  const Tensors any = normal({{2, 3, 4}}), above = positive({{2, 3, 4}});
  check(
      "exp", [](const auto& x) { return exp(x[0]); }, any);
  check(
      "log", [](const auto& x) { return log(x[0]); }, above);
  check(
      "sqrt", [](const auto& x) { return sqrt(x[0]); }, above);
  check(
      "abs", [](const auto& x) { return abs(x[0]); }, any);
  const auto each = [](auto f) { return [f](const Tensors& x) { return map(x[0], f); }; };
  check(
      "tanh", [](const auto& x) { return tanh(x[0]); }, each([](double v) { return std::tanh(v); }),
      any);
  const auto logistic = [](double v) { return 1 / (1 + std::exp(-v)); };
  check(
      "sigmoid", [](const auto& x) { return sigmoid(x[0]); }, each(logistic), any);
  check(
      "silu", [](const auto& x) { return silu(x[0]); },
      each([=](double v) { return v * logistic(v); }), any);
  check(
      "relu", [](const auto& x) { return relu(x[0]); },
      each([](double v) { return std::max(v, 0.0); }), any);
  check(
      "gelu", [](const auto& x) { return gelu(x[0]); },
      each([](double v) { return v / 2 * std::erfc(-v / std::sqrt(2)); }), any);
  const auto tanh_form = [](double v) {
    return v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  };
  check(
      "gelu_new", [](const auto& x) { return gelu_new(x[0]); }, each(tanh_form), any);
  for (const double p : {2.0, 3.0, -1.0, 0.5, 0.0}) {
    check(
        text("pow ", p), [p](const auto& x) { return pow(x[0], p); },
        each([p](double v) { return std::pow(v, p); }), above);
  }
  check(
      "clamp", [](const auto& x) { return clamp(x[0], -0.5, 0.8); },
      each([](double v) { return std::clamp(v, -0.5, 0.8); }), any);
  const Tensor<double> condition({3, 1}, {1, 0, 2});
  check(
      "where", [&](const auto& x) { return where(condition, x[0], x[1]); },
      normal({{2, 3, 4}, {4}}));
}

TEST_CASE("Functions of elements are exact over their range, and at their ends as numpy's") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const auto worst = [&](auto f, auto right, double low, double high) {
    double errors[] = {0.0, 0.0};
    const auto measure = [&](auto zero, double& error) {
      using T = decltype(zero);
      Tape<T> tape;
      Tensor<T> x({4001});
      for (Index k = 0; k < 4001; ++k) {
        x.data()[k] = static_cast<T>(low + (high - low) * static_cast<double>(k) / 4000);
      }
      const auto y = f(tape.input(x)).value();
      walk(
          [&](T v, T u) {
            const double r = right(static_cast<double>(v)), d = static_cast<double>(u) - r;
            if (r != 0.0 || d != 0.0) error = std::max(error, std::abs(d / r));
          },
          x.view().view(), y);
    };
    measure(0.0F, errors[0]);
    measure(0.0, errors[1]);
    CHECK(errors[0] < 1e-6);
    CHECK(errors[1] < 1e-14);
  };
  worst([](auto x) { return exp(x); }, [](double v) { return std::exp(v); }, -80, 80);
  worst([](auto x) { return log(x); }, [](double v) { return std::log(v); }, 1e-3, 30);
  worst([](auto x) { return sqrt(x); }, [](double v) { return std::sqrt(v); }, 0, 1e4);
  worst([](auto x) { return tanh(x); }, [](double v) { return std::tanh(v); }, -12, 12);
  worst([](auto x) { return sigmoid(x); }, [](double v) { return 1 / (1 + std::exp(-v)); }, -80,
        80);
  worst([](auto x) { return pow(x, 2.5); }, [](double v) { return std::pow(v, 2.5); }, 0, 100);

  Tape<double> tape;
  const auto ends = tape.constant_copy(Tensor<double>({6}, {0, -0.0, inf, -inf, nan, -1}));
  const double e = std::exp(-1.0);
  CHECK(relative_difference(exp(ends).value().slice(0, 0, 2), Tensor<double>({2}, {1, 1})) == 0.0);
  CHECK(exp(ends).value()(2) == inf);
  CHECK(exp(ends).value()(3) == 0.0);
  CHECK(std::isnan(exp(ends).value()(4)));
  CHECK(exp(ends).value()(5) == Approx(e).epsilon(1e-15));
  CHECK(log(ends).value()(0) == -inf);
  CHECK(log(ends).value()(2) == inf);
  for (const int k : {3, 4, 5}) CHECK(std::isnan(log(ends).value()(k)));
  CHECK(sqrt(ends).value()(0) == 0.0);
  CHECK(sqrt(ends).value()(2) == inf);
  for (const int k : {3, 4, 5}) CHECK(std::isnan(sqrt(ends).value()(k)));
  CHECK(tanh(ends).value()(2) == 1.0);
  CHECK(tanh(ends).value()(3) == -1.0);
  CHECK(std::isnan(clamp(ends, -1, 1).value()(4)));
  CHECK(clamp(ends, -1, 1).value()(2) == 1.0);
}

TEST_CASE("Slopes at kinks are those of the field") {
  Tape<double> tape;
  const auto slope = [&](double at, auto f) {
    const auto x = tape.input(Tensor<double>::scalar(at));
    tape.backward(f(x));
    return tape.gradient(x).item();
  };
  CHECK(slope(0, [](auto x) { return abs(x); }) == 0.0);
  CHECK(slope(0, [](auto x) { return relu(x); }) == 0.0);
  CHECK(slope(1, [](auto x) { return clamp(x, -1, 1); }) == 1.0);
  CHECK(slope(-1, [](auto x) { return clamp(x, -1, 1); }) == 1.0);
  CHECK(slope(1.5, [](auto x) { return clamp(x, -1, 1); }) == 0.0);
  CHECK(slope(0, [](auto x) { return l2_norm(x); }) == 0.0);
  CHECK(slope(0, [](auto x) { return l1_norm(x); }) == 0.0);
  const auto x = tape.input(Tensor<double>({2, 3}, {1, 7, 7, 5, 5, 5}));
  tape.backward(sum(max(x, 1)));
  CHECK(relative_difference(tape.gradient(x), Tensor<double>({2, 3}, {0, 0.5, 0.5, 1 / 3.0, 1 / 3.0,
                                                                      1 / 3.0})) < 1e-15);
}

TEST_CASE("Reductions over axes are those of tensors") {
  const Tensors x3 = normal({{2, 3, 4}}), x1 = normal({{5}}), x4 = normal({{2, 3, 2, 3}});
  const Axes all, first(0), last(-1), outer{0, 2}, inner{1, 2};
  for (const auto& [name, which] : {std::pair{"all", all},
                                    {"first", first},
                                    {"last", last},
                                    {"0 and 2", outer},
                                    {"1 and 2", inner}}) {
    const Axes axes = which;
    for (const Keep keep : {Keep::no, Keep::yes}) {
      const std::string where = text(" over ", name, keep == Keep::yes ? ", kept" : "");
      const auto with = [&](const std::string& what, auto f) {
        check(
            what + where, [&](const auto& x) { return f(x[0], axes, keep); }, x3);
      };
      with("sum", [](const auto& x, auto&... to) { return sum(x, to...); });
      with("mean", [](const auto& x, auto&... to) { return mean(x, to...); });
      with("var", [](const auto& x, auto&... to) { return var(x, to...); });
      with("max", [](const auto& x, auto&... to) { return max(x, to...); });
      with("min", [](const auto& x, auto&... to) { return min(x, to...); });
      with("l1_norm", [](const auto& x, auto&... to) { return l1_norm(x, to...); });
      with("l2_norm", [](const auto& x, auto&... to) { return l2_norm(x, to...); });
      with("logsumexp", [](const auto& x, auto&... to) { return logsumexp(x, to...); });
    }
  }
  check(
      "sum of a vector", [](const auto& x) { return sum(x[0]); }, x1);
  check(
      "mean over alternate axes",
      [](const auto& x) {
        return mean(x[0], {1, 3});
      },
      x4);
  check(
      "max over alternate axes",
      [](const auto& x) {
        return max(x[0], {0, 2});
      },
      x4);
}

TEST_CASE("max and min of long rows and columns find everything, and NaN before all") {
  Tensor<float> x = random_tensors<float>({{37, 53}}, "rows")[0];
  x(5, 51) = std::nanf("");
  x(36, 0) = 9.0F;
  Tape<float> tape;
  const auto v = tape.input(x);
  for (const int axis : {0, 1}) {
    CHECK(bit_difference(max(v, axis).value(), max(x, axis)) == "");
    CHECK(bit_difference(min(v, axis).value(), min(x, axis)) == "");
  }
  tape.backward(max(v), Tensor<float>(Shape{}, 1.0F));
  CHECK(tape.gradient(v)(5, 51) == 1.0F);
  CHECK(tape.gradient(v)(36, 0) == 0.0F);
}

TEST_CASE("Sums of many floats are added up in double") {
  Tape<float> tape;
  const Tensor<float> x({20000, 3}, 0.1F);
  const double right = 20000 * static_cast<double>(0.1F);
  const auto v = tape.input(x);
  // One after the other in float they would be 2e-4 off.
  CHECK(static_cast<double>(sum(v, 0).value()(1)) == Approx(right).epsilon(1e-7));
  CHECK(static_cast<double>(sum(v.transpose(), 1).value()(1)) == Approx(right).epsilon(1e-7));
  const auto bias = tape.input(Tensor<float>({1, 3}));
  tape.backward(sum(v + bias));
  CHECK(tape.gradient(bias)(0, 2) == 20000.0F);
}

TEST_CASE("softmax, log_softmax and layer_norm go along an axis") {
  const Tensors x = normal({{2, 3, 4}});
  for (const int axis : {0, 1, 2, -1, -2}) {
    check(
        text("softmax ", axis), [axis](const auto& v) { return softmax(v[0], axis); }, x);
    check(
        text("log_softmax ", axis), [axis](const auto& v) { return log_softmax(v[0], axis); }, x);
  }
  check(
      "softmax of [batch, pos]", [](const auto& v) { return softmax(v[0]); }, normal({{2, 3}}));
  const auto standard = [](const Tensors& v) {
    return (v[0] - mean(v[0], -1, Keep::yes)) / sqrt(var(v[0], -1, Keep::yes) + 1e-5);
  };
  check(
      "layer_norm", [](const auto& v) { return layer_norm(v[0]); }, standard, x);
  check(
      "layer_norm with w and b", [](const auto& v) { return layer_norm(v[0], v[1], v[2]); },
      [&](const Tensors& v) { return standard(v) * v[1] + v[2]; }, normal({{2, 3, 4}, {4}, {4}}));
}

TEST_CASE("log_softmax in float keeps the digits of a logarithm near 0") {
  Tape<float> tape;
  const auto y = log_softmax(tape.input(Tensor<float>({1, 3}, {12, 0, 1}))).value();
  CHECK(static_cast<double>(y(0, 0)) ==
        Approx(-std::log1p(std::exp(-12.0) + std::exp(-11.0))).epsilon(1e-6));
  const float inf = std::numeric_limits<float>::infinity();
  const auto hidden = log_softmax(tape.input(Tensor<float>({2, 2}, {-inf, -inf, -inf, 3}))).value();
  CHECK(hidden(0, 0) == -inf);
  CHECK(hidden(1, 0) == -inf);
  CHECK(hidden(1, 1) == 0.0F);
}

TEST_CASE("Variables have the shapes of views, and gradients flow back") {
  const Tensors x = normal({{2, 3, 4}});
  check(
      "select", [](const auto& v) { return v[0].select(1, -1); }, x);
  check(
      "slice", [](const auto& v) { return v[0].slice(2, 1, -1); }, x);
  check(
      "slice with steps", [](const auto& v) { return v[0].slice(-1, 0, 4, 3); }, x);
  check(
      "permute",
      [](const auto& v) {
        return v[0].permute({2, 0, 1});
      },
      x);
  check(
      "transpose", [](const auto& v) { return v[0].transpose(); }, x);
  check(
      "reshape",
      [](const auto& v) {
        return v[0].reshape({6, -1});
      },
      x);
  check(
      "reshape to a shape",
      [](const auto& v) {
        return v[0].reshape(Shape{4, 6});
      },
      [](const Tensors& v) {
        return v[0].view().reshape(Shape{4, 6});
      },
      x);
  check(
      "broadcast",
      [](const auto& v) {
        return v[0].broadcast({5, 2, 3, 4});
      },
      x);
  check(
      "all of it",
      [](const auto& v) {
        return v[0].permute({1, 2, 0}).slice(1, 1, 3).select(0, 1).transpose();
      },
      x);
  check(
      "element",
      [](const auto& v) {
        return element(v[0], {1, -1, 2});
      },
      [](const Tensors& v) { return Tensor<double>::scalar(v[0](1, -1, 2)); }, x);
}

TEST_CASE("take and take_along_axis pick as for tensors") {
  const Tensors x = normal({{2, 3, 4}});
  const Tensor<Index> pairs({2, 2}, {0, -1, 0, 1}), one = Tensor<Index>::scalar(1);
  const std::vector<Index> twice = {1, 1, 0};
  for (const int axis : {0, 1, -1}) {
    check(
        text("take ", axis), [&](const auto& v) { return take(v[0], axis, pairs); }, x);
    check(
        text("take one ", axis), [&](const auto& v) { return take(v[0], axis, one); }, x);
    check(
        text("take a list ", axis), [&](const auto& v) { return take(v[0], axis, twice); }, x);
    const Tensor<Index> best = argmax(x[0], axis, Keep::yes), order = argsort(x[0], axis);
    check(
        text("the best ", axis), [&](const auto& v) { return take_along_axis(v[0], best, axis); },
        x);
    check(
        text("sorted ", axis), [&](const auto& v) { return take_along_axis(v[0], order, axis); },
        x);
  }
}

TEST_CASE("stack and concat join any number of Variables") {
  const Tensors two = normal({{2, 3, 4}, {2, 3, 4}}), uneven = normal({{2, 3, 4}, {2, 1, 4}});
  for (const int axis : {0, 1, 2, -1}) {
    check(
        text("stack ", axis),
        [axis](const auto& x) {
          return stack({x[0], x[1], x[0]}, axis);
        },
        two);
    check(
        text("concat ", axis),
        [axis](const auto& x) {
          return concat({x[0], x[1]}, axis);
        },
        two);
  }
  check(
      "uneven",
      [](const auto& x) {
        return concat({x[0], x[1], x[0], x[1], x[1]}, 1);
      },
      uneven);
  Tape<double> tape;
  std::vector<Variable<double>> many;
  std::vector<Tensor<double>> tensors;
  for (int k = 0; k < 23; ++k) {
    tensors.push_back(Tensor<double>({2}, {1.0 * k, 10.0 * k}));
    many.push_back(tape.input(tensors.back()));
  }
  const auto joined = stack(many, 1);
  CHECK(relative_difference(joined.value(), stack(tensors, 1)) == 0.0);
  tape.backward(sum(joined * tape.constant(joined.value())));
  CHECK(relative_difference(tape.gradient(many[17]), tensors[17]) == 0.0);
}

TEST_CASE("matmul, einsum and linear multiply as for tensors") {
  const std::vector<std::vector<Shape>> products = {
      {{2, 3, 4}, {4, 5}}, {{3, 4}, {2, 4, 5}}, {{2, 3, 4}, {2, 4, 2}}, {{3, 4}, {4, 2}}};
  for (const auto& shapes : products) {
    check(
        text("matmul ", shapes[0], " ", shapes[1]),
        [](const auto& x) { return matmul(x[0], x[1]); }, normal(shapes));
  }
  check(
      "linear", [](const auto& x) { return linear(x[0], x[1], x[2]); },
      [](const Tensors& x) { return matmul(x[0], x[1]) + x[2]; }, normal({{2, 3, 4}, {4, 5}, {5}}));
  const std::vector<std::pair<std::string, std::vector<Shape>>> sums = {
      {"bpm,mh->bph", {{2, 3, 4}, {4, 5}}},    {"bphe,hed->bphd", {{2, 3, 2, 2}, {2, 2, 3}}},
      {"ij,ij->", {{2, 3}, {2, 3}}},           {"i,j->ij", {{3}, {4}}},
      {"ij,kj->ik", {{2, 3}, {4, 3}}},         {"bij,bjk->bki", {{2, 3, 4}, {2, 4, 2}}},
      {"ij,ij->ij", {{2, 3}, {2, 3}}},         {"iij,j->i", {{3, 3, 2}, {2}}},
      {"bqh,bkh->hbq", {{2, 3, 2}, {2, 4, 2}}}};
  for (const auto& [spec, shapes] : sums) {
    check(
        spec, [&spec = spec](const auto& x) { return einsum(spec, x[0], x[1]); }, normal(shapes));
  }
  check(
      "ii->", [](const auto& x) { return einsum("ii->", x[0]); }, normal({{3, 3}}));
  check(
      "ijk->ki", [](const auto& x) { return einsum("ijk->ki", x[0]); }, normal({{2, 3, 4}}));
  check(
      "three", [](const auto& x) { return einsum("ab,bc,cd->ad", x[0], x[1], x[2]); },
      normal({{2, 3}, {3, 4}, {4, 2}}));
}

TEST_CASE("Distinct rows stay distinct through functions of rows") {
  Tape<double> tape;
  auto x = tape.input(Tensor<double>({3, 4}, 1.0));
  x.node().rows = &kPlacesMap;
  const Tensor<double> W({4, 5}), b({5});
  const auto y = layer_norm(softmax(gelu(linear(2.0 * x + 1, W, b)) * b + b / 2.0));
  CHECK(y.rows() == &kPlacesMap);
  CHECK(y.shape() == Shape{3, 5});
  CHECK(matmul(x, W).rows() == &kPlacesMap);
  CHECK((x - Tensor<double>::scalar(1.0)).rows() == &kPlacesMap);
  CHECK((Tensor<double>({1}) / x).rows() == &kPlacesMap);
  CHECK((x + Tensor<double>({2, 3, 1})).shape() == Shape{2, 3, 4});
  CHECK(sum(x, -1).shape() == Shape{2, 3});
  CHECK(x.transpose().shape() == Shape{2, 4, 3});
}

TEST_CASE("Nothing flows back through a detached Variable") {
  Tape<double> tape;
  const auto x = tape.input(Tensor<double>({2}, {3, 4}));
  tape.backward(sum(x * x.detach()));
  CHECK(relative_difference(tape.gradient(x), Tensor<double>({2}, {3, 4})) == 0.0);
  CHECK_FALSE(x.detach().wants_gradient());
}

TEST_CASE("What does not fit is refused with both sides and the place") {
  Tape<double> tape;
  const Placed here(tape, "blocks.1.attn");
  const auto x = tape.input(Tensor<double>({2, 3}));
  const auto refuses = [&](auto f, const std::string& words) {
    CHECK_THROWS_WITH(f(), ContainsSubstring(words) && ContainsSubstring("; at blocks.1.attn"));
  };
  refuses([&] { return x + Tensor<double>({4}); }, "add: [2, 3] and [4] do not broadcast");
  refuses([&] { return sum(x, 2); }, "axis 2 does not exist");
  refuses([&] { return mean(x.slice(0, 0, 0)); }, "mean of no elements: the shape is [0, 3]");
  refuses([&] { return x.select(0, 2); }, "index 2 is outside axis 0 of the shape [2, 3]");
  refuses([&] { return x.slice(1, 2, 5); }, "slice 2:5:1 of axis 1");
  refuses([&] { return x.permute({0, 0}); }, "permute needs each axis once");
  refuses([&] { return x.reshape({4, 2}); }, "[2, 3] has 6 elements, [4, 2] has 8");
  refuses([&] { return x.broadcast({2, 4}); }, "x is [2, 3], it cannot become [2, 4]");
  refuses([&] { return take(x, 1, std::vector<Index>{3}); }, "index 3 is outside axis 1");
  refuses([&] { return concat({x, x.transpose()}); }, "part 0 is [2, 3], part 1 is [3, 2]");
  refuses([&] { return stack({x, x.transpose()}); }, "part 0 is [2, 3], part 1 is [3, 2]");
  refuses([&] { return matmul(x, x); }, "a has 3 columns but b has 2 rows");
  refuses([&] { return einsum("ij,ij->j", x, x.transpose()); }, "letter i is 2 in ij but 3 in ij");
  refuses([&] { return softmax(x, 2); }, "axis 2 does not exist");
  CHECK_THROWS_WITH(x + Variable<double>(), ContainsSubstring("empty Variable"));
  const Variable<double> empty;
  const auto is_empty = [](const auto& f) { CHECK_THROWS_WITH(f(), "a Variable is empty"); };
  is_empty([&] { return exp(empty); });
  is_empty([&] { return softmax(empty); });
  is_empty([&] { return max(empty, 0); });
  is_empty([&] { return matmul(x, empty); });
  is_empty([&] { return stack({x, empty}); });
  is_empty([&] { return empty.select(0, 0); });
  is_empty([&] { return empty.detach(); });
  CHECK_THROWS_AS(clamp(x, 2.0, 1.0), ConfigError);
}
