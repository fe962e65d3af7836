// Row maps: an activation that is kept as distinct rows means the same as its dense form.
#include "hooked/autograd/record.hpp"

#include <array>
#include <cmath>
#include <functional>

#include "catch.hpp"
#include "hooked/testing/any_op.hpp"
#include "hooked/testing/bits.hpp"

using namespace hooked;
using namespace hooked::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

// Six (batch, position) with three distinct rows between them.
constexpr std::array<Token, 6> kRow = {0, 1, 0, 2, 2, 0};
const RowMap kMap{2, 3, kRow.data()};

// The distinct rows of x and whatever else a function reads.
using Inputs = std::vector<Tensor<double>>;
using Function = std::function<Variable<double>(Variable<double> x, const Inputs& others)>;

struct Result {
  Tensor<double> y;
  Tensor<double> dx;  // of the distinct rows
};

/// Runs `f` on the rows of `table`, dense from the start or as a row map.
Result run(const Function& f, const Tensor<double>& table, const Inputs& others, bool mapped) {
  Tape<double> tape;
  tape.poison = true;
  const auto rows = tape.input(table);
  Variable<double> x = record<GatherRows>({kRow.data(), {2, 3}}, rows);
  if (mapped) {
    x = tape.reshape(rows, table.shape());
    x.node().rows = &kMap;
  }
  const auto y = dense(f(x, others));
  tape.backward(y, random_tensors<double>({y.shape()}, "cotangent")[0]);
  return {Tensor<double>(y.value()), Tensor<double>(tape.gradient(rows))};
}

/// "" when both ways agree: values to the bit, gradients up to the order of additions.
std::string disagreement(const Function& f, const Shape& trailing,
                         const std::vector<Shape>& others) {
  const auto table = random_tensors<double>({join({3}, trailing)}, "table")[0];
  const auto rest = random_tensors<double>(others, "others");
  const Result a = run(f, table, rest, false), b = run(f, table, rest, true);
  for (Index k = 0; k < a.dx.numel(); ++k) {
    if (std::abs(a.dx.data()[k] - b.dx.data()[k]) > 1e-13) {
      return text("gradient ", a.dx.data()[k], " and ", b.dx.data()[k], " at ", k);
    }
  }
  return bit_difference(a.y, b.y);
}

}  // namespace

TEST_CASE("Row by row, distinct rows give what dense rows give") {
  CHECK(disagreement([](auto x, auto&) { return record<Gelu>({}, x); }, {4}, {}) == "");
  CHECK(disagreement([](auto x, auto&) { return record<Center>({}, x); }, {4}, {}) == "");
  CHECK(disagreement([](auto x, auto&) { return record<Add>({}, x, x); }, {4}, {}) == "");
  CHECK(disagreement(
            [](auto x, const Inputs& p) {
              auto& tape = x.tape();
              return record<Linear>({}, x, tape.constant(p[0]), tape.constant(p[1]));
            },
            {4}, {{4, 5}, {5}}) == "");
  CHECK(disagreement(
            [](auto x, const Inputs& p) {
              auto& tape = x.tape();
              const auto heads = tape.with_trailing(x, {2, 2});
              return record<HeadLinear>({}, heads, tape.constant(p[0]));
            },
            {4}, {{2, 2, 3}}) == "");
}

TEST_CASE("A chain of row-wise ops stays in distinct rows to its end") {
  Tape<double> tape;
  auto x = tape.input(Tensor<double>({3, 4}, 1.0));
  x.node().rows = &kMap;
  const auto y = record<Relu>({}, record<Add>({}, x, record<Gelu>({}, x)));
  CHECK(y.shape() == Shape{3, 4});
  CHECK(y.rows() == &kMap);
  CHECK(tape.with_trailing(y, {2, 2}).shape() == Shape{3, 2, 2});
  CHECK(dense(y).shape() == Shape{2, 3, 4});
  CHECK(dense(y).rows() == nullptr);
}

TEST_CASE("Rows meet dense rows, or an op over positions, as dense rows") {
  CHECK(disagreement(
            [](auto x, const Inputs& p) { return record<Add>({}, x, x.tape().constant(p[0])); },
            {4}, {{2, 3, 4}}) == "");
  CHECK(disagreement(
            [](auto x, const Inputs& p) { return record<Add>({}, x.tape().constant(p[0]), x); },
            {4}, {{2, 3, 4}}) == "");
  CHECK(disagreement(
            [](auto x, auto&) {
              const auto q = x.tape().with_trailing(x, {2, 2});
              return record<AttentionScores>({}, q, q);
            },
            {4}, {}) == "");
}

TEST_CASE("Two maps do not mix: both sides become dense") {
  Tape<double> tape;
  const std::array<Token, 6> other_rows = {0, 0, 0, 1, 1, 1};
  const RowMap other{2, 3, other_rows.data()};
  auto a = tape.input(Tensor<double>({3, 1}, {1, 2, 3}));
  auto b = tape.input(Tensor<double>({2, 1}, {10, 20}));
  a.node().rows = &kMap;
  b.node().rows = &other;
  const auto sum = record<Add>({}, a, b);
  CHECK(bit_difference(sum.value(), Tensor<double>({2, 3, 1}, {11, 12, 11, 23, 23, 21})) == "");
}

TEST_CASE("A parameter keeps no rows, even where it shares the map") {
  Tape<double> tape;
  const std::array<Token, 2> row = {1, 0};
  const RowMap map{1, 2, row.data()};
  auto x = tape.input(Tensor<double>({2, 2}, {1, 2, 3, 4}));
  x.node().rows = &map;
  // As a bias, x is [batch, pos, 2] and no vector.
  CHECK_THROWS_WITH((record<AddBias>({}, x, x)), ContainsSubstring("x is [2, 2], b is [1, 2, 2]"));
}

TEST_CASE("Distinct rows are not reshaped into another number of rows") {
  Tape<double> tape;
  auto x = tape.input(Tensor<double>({3, 4}));
  x.node().rows = &kMap;
  CHECK_THROWS_WITH(tape.reshape(x, {12}), ContainsSubstring("[3, 4] as [12]"));
  CHECK(tape.reshape(x, {3, 2, 2}).rows() == &kMap);
}
