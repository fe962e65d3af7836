#include "hooked/autograd/tape.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/testing/alloc_guard.hpp"
#include "hooked/testing/bits.hpp"
#include "hooked/testing/check_gradient.hpp"

using namespace hooked;
using namespace hooked::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

Tensor<double> vector(std::initializer_list<double> numbers) {
  return Tensor<double>({static_cast<Index>(numbers.size())}, numbers);
}

/// The gradient of a variable, as "1 2 3".
std::string gradient(Variable<double> x) {
  std::string numbers;
  for_each_element(x.tape().gradient(x), [&](Index i, const double& value) {
    numbers += text(i == 0 ? "" : " ", value);
  });
  return numbers;
}

// y = x, but for the last element.
struct Forgetful {
  static constexpr std::string_view name = "forgetful";
  static constexpr int inputs = 1;
  struct Args {};
  static Shape shape(const Args&, const Shape& x) { return x; }
  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<T> y) {
    for (Index k = 0; k + 1 < x.numel(); ++k) y.data()[k] = x.data()[k];
  }
  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T>, Acc<T>) {}
  static std::vector<Sample<Args>> samples() { return {{{}, {{2}}}}; }
};

}  // namespace

TEST_CASE("A composed function has the gradient of the chain rule") {
  // log-loss of a two-layer network, in every input and parameter
  const auto inputs = random_tensors<double>({{2, 3, 4}, {4, 5}, {5}, {5, 3}, {3}}, "network");
  static constexpr std::array<Token, 6> labels = {0, 2, 1, 1, CrossEntropy::kIgnored, 0};
  const GradReport report = check_gradient(
      [](auto x) {
        const auto hidden = record<Gelu>({}, record<Linear>({}, x[0], x[1], x[2]));
        const auto logits = record<Linear>({}, hidden, x[3], x[4]);
        return record<Sum>({1.0 / 5}, record<CrossEntropy>({labels.data()}, logits));
      },
      inputs);
  INFO(report.summary());
  CHECK(report.ok());
}

TEST_CASE("A variable that is used twice receives both gradients") {
  Tape<double> tape;
  const auto x = tape.input(vector({1, 2, 3}));
  // sum(x^2 + x): 2 x + 1
  const auto y = record<Add>({}, record<Multiply>({}, x, x), x);
  tape.backward(record<Sum>({}, y));
  CHECK(gradient(x) == "3 5 7");
}

TEST_CASE("add(x, x) counts x twice") {
  Tape<double> tape;
  const auto x = tape.input(vector({1, 2}));
  tape.backward(record<Add>({}, x, x), vector({10, 20}));
  CHECK(gradient(x) == "20 40");
}

TEST_CASE("Another shape of a variable shares its numbers and its gradient") {
  Tape<double> tape;
  const auto x = tape.input(Tensor<double>({2, 3}, {1, 2, 3, 4, 5, 6}));
  const auto flat = tape.reshape(tape.reshape(x, {3, 2}), {6});
  CHECK(flat.value().data() == x.value().data());
  const auto picked = record<Multiply>({}, flat, tape.constant_copy(vector({0, 1, 0, 0, 0, 2})));
  tape.backward(record<Add>({}, record<Sum>({}, picked), record<Sum>({}, x)));
  CHECK(gradient(x) == "1 2 1 1 1 3");
  CHECK(gradient(flat) == "1 2 1 1 1 3");
  CHECK(tape.gradient(flat).shape() == Shape{6});
  CHECK_THROWS_AS(tape.reshape(x, {5}), ShapeError);
}

TEST_CASE("with_trailing splits the columns of rows") {
  Tape<double> tape;
  const auto x = tape.input(Tensor<double>({1, 2, 6}));
  CHECK(tape.with_trailing(x, {2, 3}).shape() == Shape{1, 2, 2, 3});
  CHECK(tape.with_trailing(tape.with_trailing(x, {2, 3}), {6}).shape() == Shape{1, 2, 6});
}

TEST_CASE("An alias may look at a parameter in another order, and so may its gradient") {
  Tape<double> tape;
  const Tensor<double> W({2, 2}, {1, 2, 3, 4}), x({1, 2}, {10, 100});
  Tensor<double> dW({2, 2}, std::numeric_limits<double>::quiet_NaN());
  const auto leaf = tape.leaf(W, dW);
  const auto turned = tape.alias(leaf, W.transpose(), dW.transpose());
  const std::array<Token, 1> second = {1};
  const auto row = record<GatherRows>({second.data(), {1}}, leaf);
  const auto y = record<Multiply>({}, tape.constant(x), row);
  tape.backward(y, Tensor<double>({1, 2}, 1.0));
  CHECK(gradient(leaf) == "0 0 10 100");
  CHECK(gradient(turned) == "0 10 0 100");
}

TEST_CASE("A leaf's gradient is written by the first walk, whatever was there, and then added to") {
  Tape<double> tape;
  const Tensor<double> w = vector({1, 2});
  Tensor<double> dw({2}, std::numeric_limits<double>::quiet_NaN());
  const auto square = [&] {
    const auto leaf = tape.leaf(w, dw);
    return record<Sum>({}, record<Multiply>({}, leaf, leaf));
  };
  auto y = square();
  tape.backward(y);
  CHECK(bit_difference(dw, vector({2, 4})) == "");
  tape.backward(y);
  CHECK(bit_difference(dw, vector({4, 8})) == "");
  tape.reset();
  tape.backward(square());
  CHECK(bit_difference(dw, vector({2, 4})) == "");
}

TEST_CASE("Another walk on a tape starts afresh: rows of a Jacobian, one by one") {
  Tape<double> tape;
  const auto x = tape.input(vector({1, 2}));
  const auto y = record<Multiply>({}, x, x);
  const auto z = record<Scale>({10.0}, y);
  tape.backward(z, vector({1, 0}));
  CHECK(gradient(y) == "10 0");
  CHECK(gradient(x) == "20 0");
  tape.backward(z, vector({0, 1}));
  CHECK(gradient(y) == "0 10");
  CHECK(gradient(x) == "20 40");  // inputs add up
  tape.backward(y, vector({1, 1}));
  CHECK(gradient(z) == "0 0");  // not on the way
  CHECK(gradient(x) == "22 44");
}

TEST_CASE("Leaves want a gradient of their own shape") {
  Tape<double> tape;
  const Tensor<double> w({2, 3});
  Tensor<double> dw({3, 2});
  CHECK_THROWS_WITH(tape.leaf(w, dw), "leaf: value is [2, 3], gradient is [3, 2]");
}

TEST_CASE("A constant gets no gradient, and no work is done for it") {
  Tape<double> tape;
  tape.poison = true;
  const auto x = tape.input(vector({1, 2})), c = tape.constant_copy(vector({3, 4}));
  const auto two_constants = record<Multiply>({}, c, c);
  CHECK_FALSE(two_constants.wants_gradient());
  const auto y = record<Multiply>({}, x, two_constants);
  CHECK(y.wants_gradient());
  CHECK_FALSE(tape.accumulator(c.node()));
  tape.backward(record<Sum>({}, y));
  CHECK(gradient(x) == "9 16");
  CHECK(gradient(c) == "0 0");
  CHECK(gradient(two_constants) == "0 0");
}

TEST_CASE("A variable that the output does not depend on has the gradient zero") {
  Tape<double> tape;
  tape.poison = true;
  const auto x = tape.input(vector({1, 2})), other = tape.input(vector({3, 4}));
  const auto aside = record<Scale>({2.0}, other);
  tape.backward(record<Sum>({}, x));
  CHECK(gradient(other) == "0 0");
  CHECK(gradient(aside) == "0 0");
}

TEST_CASE("backward refuses outputs that are no scalar or depend on nothing") {
  Tape<double> tape;
  const auto x = tape.input(vector({1, 2}));
  CHECK_THROWS_WITH(tape.backward(x), ContainsSubstring("the output is [2]"));
  CHECK_THROWS_WITH(tape.backward(x, vector({1, 2, 3})),
                    ContainsSubstring("[3]") && ContainsSubstring("[2]"));
  const auto c = record<Sum>({}, tape.constant_copy(vector({1})));
  CHECK_THROWS_WITH(tape.backward(c), ContainsSubstring("does not depend on anything"));
}

TEST_CASE("A tape that does not record computes, and cannot walk back") {
  Tape<double> tape;
  tape.recording = false;
  const auto y = record<Sum>({}, tape.input(vector({1, 2})));
  CHECK(y.value().item() == 3.0);
  CHECK_THROWS_WITH(tape.backward(y), ContainsSubstring("does not depend on anything"));
}

TEST_CASE("A shape error says at which place the op stood") {
  Tape<double> tape;
  const auto a = tape.input(vector({1, 2})), b = tape.input(vector({1, 2, 3}));
  CHECK_THROWS_WITH(record<Add>({}, a, b), "add: a is [2], b is [3]: the shapes must agree");
  tape.place = "blocks.1.mlp";
  CHECK_THROWS_WITH(record<Add>({}, a, b),
                    "add: a is [2], b is [3]: the shapes must agree; at blocks.1.mlp");
}

TEST_CASE("A place is left again, also by an error") {
  Tape<double> tape;
  const auto place_in_words = [&] { return std::string(tape.place); };
  {
    const Placed block(tape, "blocks.1");
    {
      const Placed mlp(tape, "blocks.1.mlp");
      CHECK(place_in_words() == "blocks.1.mlp");
    }
    CHECK(place_in_words() == "blocks.1");
    try {
      const Placed attention(tape, "blocks.1.attn");
      fail<ShapeError>("no");
    } catch (const ShapeError&) {
      CHECK(place_in_words() == "blocks.1");
    }
  }
  const auto a = tape.input(vector({1, 2})), b = tape.input(vector({1, 2, 3}));
  CHECK_THROWS_WITH(record<Add>({}, a, b), "add: a is [2], b is [3]: the shapes must agree");
}

TEST_CASE("Empty variables and variables of another tape are refused") {
  Tape<double> tape, other;
  const auto x = tape.input(vector({1}));
  CHECK_THROWS_WITH(record<Add>({}, x, Variable<double>()), "add: input 1 is an empty Variable");
  CHECK_THROWS_WITH(record<Add>({}, x, other.input(vector({1}))),
                    "add: input 1 is of another tape");
}

TEST_CASE("reset keeps the memory: the second equal step calls the heap not once") {
  Tape<float> tape;
  const auto inputs = random_tensors<float>({{100, 60}, {60, 200}, {200}}, "step");
  Tensor<float> dW({60, 200}), db({200});
  const auto step = [&] {
    const auto y =
        record<Relu>({}, record<Linear>({}, tape.constant(inputs[0]), tape.leaf(inputs[1], dW),
                                        tape.leaf(inputs[2], db)));
    tape.backward(record<Sum>({}, y));
    tape.reset();
  };
  step();
  const std::size_t size = tape.arena().high_water();
  const Tensor<float> first = dW;
  const AllocGuard guard;
  step();
  if (AllocGuard::counting()) CHECK(guard.calls() == 0);
  CHECK(tape.arena().bytes_used() == 0);
  CHECK(tape.arena().high_water() == size);
  CHECK(bit_difference(dW, first) == "");
}

TEST_CASE("A poisoned tape shows what an op forgot to write") {
  Tape<double> tape;
  tape.poison = true;
  const auto y = record<Forgetful>({}, tape.input(vector({1, 2})));
  CHECK(y.value()(0) == 1.0);
  CHECK(std::isnan(y.value()(1)));
}

TEST_CASE("A recycling tape gives the gradients of leaves and of nodes that keep theirs") {
  Tape<double> tape;
  tape.recycling = true;
  const Tensor<double> numbers({2, 2}, {1, 2, 3, 4});
  const auto x = tape.input(numbers);
  const auto doubled = record<Scale>({2.0}, x), tripled = record<Scale>({3.0}, doubled);
  tripled.node().keeps_gradient = true;
  const auto shifted = record<Add>({}, tripled, tripled);
  tape.backward(record<hooked::Sum>({1.0}, shifted));
  CHECK(tape.gradient(x)(1, 1) == 12.0);
  CHECK(tape.gradient(tripled)(0, 0) == 2.0);
  CHECK_THROWS_WITH(tape.gradient(doubled),
                    "this gradient of [2, 2] was passed on and its memory used again "
                    "(Tape::recycling); keep the site's");
}

TEST_CASE("A recycling tape keeps the gradient of a node that is kept under another shape") {
  Tape<double> tape;
  tape.recycling = true;
  const auto x = tape.input(Tensor<double>({1, 2, 4}, 1.0));
  const auto doubled = record<Scale>({2.0}, x);
  const auto heads = tape.with_trailing(doubled, {2, 2});  // as hook_q sees it
  heads.node().keeps_gradient = true;
  const auto table = table_of(heads);  // as attention reads it
  const auto tripled = record<Scale>({3.0}, table);
  tape.backward(record<hooked::Sum>({1.0}, record<Add>({}, tripled, tripled)));
  CHECK(gradient(heads) == "6 6 6 6 6 6 6 6");
  CHECK(tape.gradient(heads).shape() == Shape{1, 2, 2, 2});
  CHECK(gradient(x) == "12 12 12 12 12 12 12 12");
  CHECK_THROWS_AS(tape.gradient(tripled), Error);
}

TEST_CASE("A kept shape keeps the gradient that arrives by another shape") {
  Tape<double> tape;
  tape.recycling = true;
  const auto y = record<Scale>({2.0}, tape.input(vector({1, 2, 3, 4})));
  const auto kept = tape.reshape(y, {4, 1}), used = tape.reshape(y, {2, 2});
  kept.node().keeps_gradient = true;
  tape.backward(record<hooked::Sum>({1.0}, used));
  CHECK(gradient(kept) == "1 1 1 1");
}
