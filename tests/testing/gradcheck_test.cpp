#include "hooked/testing/gradcheck.hpp"

#include "catch.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/testing/check_gradient.hpp"
#include "hooked/testing/check_mutants.hpp"

using namespace hooked;
using namespace hooked::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

// y = factor x W: an op as a user writes one, in a file of their own.
struct Project {
  static constexpr std::string_view name = "project";
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 1;
  struct Args {
    double factor = 1.0;
  };
  static Shape shape(const Args&, const Shape& x, const Shape& W) {
    if (x.rank() < 1 || W.rank() != 2 || x[-1] != W[0]) {
      fail<ShapeError>("project: x is ", x, ", W is ", W,
                       ": x needs as many columns as W has rows");
    }
    return join(x.axes(0, x.rank() - 1), {W[1]});
  }
  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<const T> W, View<T> y) {
    y.matrix().noalias() = static_cast<T>(args.factor) * x.matrix() * W.matrix();
  }
  template <Scalar T>
  static void backward(const Args& args, View<const T> x, View<const T> W, View<const T>,
                       View<const T> dy, Acc<T> dx, Acc<T> dW) {
    dx.matrix() += static_cast<T>(args.factor) * dy.matrix() * W.matrix().transpose();
    dW.matrix() += static_cast<T>(args.factor) * x.matrix().transpose() * dy.matrix();
  }
  static std::vector<Sample<Args>> samples() {
    return {{{2.0}, {{3, 4}, {4, 5}}}, {{0.5}, {{2, 3, 2}, {2, 3}}}, {{}, {{20, 30}, {30, 40}}}};
  }
};

// y = exp(x), which keeps its result for backward as if it had nothing better to keep.
struct Exponential {
  static constexpr std::string_view name = "exponential";
  static constexpr int inputs = 1;
  static constexpr int row_inputs = 1;
  struct Args {};
  static Shape shape(const Args&, const Shape& x) { return x; }
  static Shape saved(const Args&, const Shape& x) { return x; }
  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y, View<T> saved) {
    saved.array() = x.array().exp();
    y.array() = saved.array();
  }
  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T> saved,
                       View<const T> dy, Acc<T> dx) {
    dx.array() += dy.array() * saved.array();
  }
  static std::vector<Sample<Args>> samples() { return {{{}, {{3, 4}}}, {{}, {{2, 3, 2}}}}; }
};

// A softmax whose backward returns nothing: the sum of its outputs is 1 whatever x is, so a check
// along the sum of outputs finds no fault with it.
struct LazySoftmax : Softmax {
  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T>, Acc<T>) {}
};

struct NoSamples : Exponential {
  static std::vector<Sample<Args>> samples() { return {}; }
};
struct OneShapeTooFew : Project {
  static std::vector<Sample<Args>> samples() { return {{{}, {{3, 4}}}}; }
};

// What the checker says of an op with one function replaced.
template <class Change>
std::string failures_after(Change change) {
  AnyOp<double> op = any_op<Project, double>();
  change(op);
  return check_op(op, any_op<Project, float>()).summary();
}

}  // namespace

TEST_CASE("A user's own op is checked from the user's own file") {
  const GradReport report = check_op<Project>();
  INFO(report.summary());
  CHECK(report.ok());
  CHECK(report.max_error > 0.0);
  CHECK(report.max_error < 1e-8);
  CHECK_NOTHROW(report.check());
  CHECK(check_op<Exponential>().ok());
}

TEST_CASE("A softmax whose backward returns zero is rejected, with both numbers and the place") {
  const GradReport report = check_op<LazySoftmax>();
  CHECK_FALSE(report.ok());
  CHECK(report.max_error == 1.0);
  CHECK_THROWS_AS(report.check(), NumericError);
  CHECK_THROWS_WITH(report.check(),
                    ContainsSubstring("softmax (double), sample 0, input 0 [3, 4] at [0, 0]: "
                                      "the gradient is 0, central differences say "));
}

TEST_CASE("Every kind of fault is called by its name") {
  using Views = AnyOp<double>::Views;
  CHECK_THAT(
      failures_after([](AnyOp<double>& op) {
        op.forward = [f = op.forward](std::size_t k, const Views& in, View<double> y,
                                      View<double> saved) {
          const double before = y.data()[1];
          f(k, in, y, saved);
          y.data()[1] = before;
        };
      }),
      ContainsSubstring("project (double), sample 0: output at [0, 1] is NaN: never written"));
  CHECK_THAT(failures_after([](AnyOp<double>& op) {
               op.backward = [f = op.backward, run = 0](std::size_t k, const Views& in,
                                                        View<const double> y, auto saved, auto dy,
                                                        const auto& gradients) mutable {
                 f(k, in, y, saved, dy, gradients);
                 if (const auto dW = gradients[1].sums()) dW.add(0, ++run);
               };
             }),
             ContainsSubstring("other bits when run again, gradient of input 1 at [0, 0]"));
  CHECK_THAT(failures_after([](AnyOp<double>& op) {
               op.shape = [](std::size_t, const std::vector<Shape>& in) {
                 return join(in[0].axes(0, in[0].rank() - 1), {in[1][1]});
               };
             }),
             ContainsSubstring("project: shape() refuses nothing"));
  CHECK_THAT(failures_after([](AnyOp<double>& op) {
               op.shape = [f = op.shape](std::size_t k, const std::vector<Shape>& in) {
                 try {
                   return f(k, in);
                 } catch (const ShapeError&) {
                   throw ShapeError(text("x is ", in[0]));
                 }
               };
             }),
             ContainsSubstring("inputs [3, 3] [4, 5]: the error shows not both"));
  CHECK_THAT(failures_after([](AnyOp<double>& op) { op = any_op<NoSamples, double>(); }),
             ContainsSubstring("samples() is empty"));
  CHECK_THROWS_WITH(check_op<OneShapeTooFew>(),
                    "project: a sample has 1 shapes, the op has 2 inputs");
}

TEST_CASE("An op that calls the heap is rejected, unless that is allowed") {
  if (!AllocGuard::counting()) return;
  AnyOp<double> op = any_op<Project, double>();
  op.forward = [f = op.forward](std::size_t k, const auto& in, auto y, auto saved) {
    const Tensor<double> copy(in[0]);
    f(k, in, y, saved);
  };
  const auto op_float = any_op<Project, float>();
  CHECK_THAT(check_op(op, op_float).summary(),
             ContainsSubstring("sample 0: forward and backward call the heap 1 times"));
  CHECK(check_op(op, op_float, {.heap_calls = true}).ok());
}

TEST_CASE("No mutant of a user's op survives") {
  for (const MutationReport& report : {check_mutants<Project>(), check_mutants<Exponential>()}) {
    CHECK(report.tried > 40);
    CHECK(report.rejected + report.equivalent == report.tried);
    CHECK(report.survivors == std::vector<std::string>{});
    CHECK(report.false_alarms == std::vector<std::string>{});
  }
}

TEST_CASE("One wrong element of a large gradient is found in random directions") {
  const Tensor<double> x({20, 20}, 0.5);
  const Tensor<double> dy = Tensor<double>::scalar(1.0);
  const auto sum = [](const std::vector<Tensor<double>>& in, View<double> y) {
    y.item() = in[0].array().sum();
  };
  std::vector<Tensor<double>> gradients = {Tensor<double>({20, 20}, 1.0)};
  const auto check = [&] {
    GradReport report;
    CentralDifferences(sum, {x}, dy, {}, report).compare(gradients, "sum");
    return report.ok();
  };
  CHECK(check());
  gradients[0](7, 3) = 1.01;
  CHECK_FALSE(check());
  gradients[0](7, 3) = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(check());
}

TEST_CASE("A kink within reach of the first step does not condemn a right gradient") {
  const auto size = [](const std::vector<Tensor<double>>& in, View<double> y) {
    y.item() = std::abs(in[0].item());
  };
  const auto ok = [&](double gradient) {
    GradReport report;
    CentralDifferences(size, {Tensor<double>::scalar(1e-9)}, Tensor<double>::scalar(1).view(), {},
                       report)
        .compare({Tensor<double>::scalar(gradient)}, "abs");
    return report.ok();
  };
  CHECK(ok(1.0));
  CHECK_FALSE(ok(-1.0));
  CHECK_FALSE(ok(0.9));
}

TEST_CASE("A function of Variables is checked as the tape differentiates it") {
  const auto inputs = random_tensors<double>({{2, 3}, {3, 4}}, "function");
  const GradReport report = check_gradient(
      [](auto x) {
        const auto y = record<Exponential>({}, record<Project>({0.1}, x[0], x[1]));
        return record<Multiply>({}, y, y);
      },
      inputs);
  INFO(report.summary());
  CHECK(report.ok());
  CHECK(report.max_error < 1e-8);
}

TEST_CASE("A function that hides a path from the tape is rejected") {
  const auto inputs = random_tensors<double>({{2, 3}}, "function");
  const GradReport report = check_gradient(
      [](auto x) {
        const auto copy = x[0].tape().constant_copy(x[0].value());
        return record<Multiply>({}, x[0], copy);
      },
      inputs);
  CHECK_FALSE(report.ok());
  CHECK_THAT(report.summary(), ContainsSubstring("function, input 0 [2, 3] at [0, 0]"));
}
