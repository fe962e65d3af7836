// What somebody who knows PyTorch types first, with Variables: it compiles and gives numpy's
// numbers. Behind each line stands what PyTorch has.
#include <cmath>

#include "catch.hpp"
#include "core/check.hpp"
#include "hooked/hooked.hpp"

namespace hooked {
namespace {

const Tensor<double> kX({2, 3}, {1, 2, 3, 4, 5, 6});
const Tensor<double> kRow({3}, {10, 20, 30});
const Tensor<double> kW({3, 2}, {1, 0, 0, 1, 1, 1});

/// Numbers of a result, against numpy's in row-major order.
std::string spelt(const Variable<double>& y, const Shape& shape,
                  const std::vector<double>& numbers) {
  return difference(dense(y).value(), shape, numbers, 1e-12);
}

TEST_CASE("First spellings: arithmetic of Variables") {
  Tape<double> tape;
  const auto x = tape.input(kX), row = tape.input(kRow);
  CHECK(spelt(x * 2.0, {2, 3}, {2, 4, 6, 8, 10, 12}) == "");      // x * 2
  CHECK(spelt(2 * x + 1.0, {2, 3}, {3, 5, 7, 9, 11, 13}) == "");  // 2 * x + 1
  CHECK(spelt(1.0 - x, {2, 3}, {0, -1, -2, -3, -4, -5}) == "");   // 1 - x
  CHECK(spelt(6.0 / x, {2, 3}, {6, 3, 2, 1.5, 1.2, 1}) == "");    // 6 / x
  CHECK(spelt(x + row, {2, 3}, {11, 22, 33, 14, 25, 36}) == "");  // broadcasting
  CHECK(spelt(row / x, {2, 3}, {10, 10, 10, 2.5, 4, 5}) == "");
  CHECK(spelt(x * kRow, {2, 3}, {10, 40, 90, 40, 100, 180}) == "");  // a constant
  // x / x.sum(1, keepdim=True)
  CHECK(spelt(x / sum(x, {1}, Keep::yes), {2, 3},
              {1 / 6., 2 / 6., 3 / 6., 4 / 15., 5 / 15., 6 / 15.}) == "");
}

TEST_CASE("First spellings: products of Variables") {
  Tape<double> tape;
  const auto x = tape.input(kX), W = tape.input(kW), b = tape.input(Tensor<double>({2}, {1, -1}));
  const std::vector<double> product{4, 5, 10, 11};
  CHECK(spelt(matmul(x, W), {2, 2}, product) == "");                       // x @ W
  CHECK(spelt(einsum("bi,io->bo", x, W), {2, 2}, product) == "");          // torch.einsum
  CHECK(spelt(linear(x, W, b), {2, 2}, {5, 4, 11, 10}) == "");             // F.linear(x, W.T, b)
  CHECK(spelt(matmul(x, x.transpose()), {2, 2}, {14, 32, 32, 77}) == "");  // x @ x.T
}

TEST_CASE("First spellings: shapes of Variables") {
  Tape<double> tape;
  const auto x = tape.input(kX);
  CHECK(spelt(x.permute({1, 0}), {3, 2}, {1, 4, 2, 5, 3, 6}) == "");
  CHECK(spelt(x.reshape({3, -1}), {3, 2}, {1, 2, 3, 4, 5, 6}) == "");
  CHECK(spelt(x.select(1, -1), {2}, {3, 6}) == "");            // x[:, -1]
  CHECK(spelt(x.slice(1, 0, 2), {2, 2}, {1, 2, 4, 5}) == "");  // x[:, 0:2]
  CHECK(spelt(concat({x, x}, 1), {2, 6}, {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}) == "");
  CHECK(spelt(stack({x.select(0, 1), x.select(0, 0)}), {2, 3}, {4, 5, 6, 1, 2, 3}) == "");
  CHECK(spelt(take(x, 1, {2, 0}), {2, 2}, {3, 1, 6, 4}) == "");  // index_select
  const Tensor<Index> last({2, 1}, {2, 0});
  CHECK(spelt(take_along_axis(x, last, 1), {2, 1}, {3, 4}) == "");  // gather
}

TEST_CASE("First spellings: sums and functions of Variables") {
  Tape<double> tape;
  const auto x = tape.input(kX);
  const double e = std::exp(1.0), z = 1 + e + e * e;
  CHECK(spelt(sum(x), {}, {21}) == "");
  CHECK(spelt(mean(x, 0), {3}, {2.5, 3.5, 4.5}) == "");
  CHECK(spelt(max(x, {1}), {2}, {3, 6}) == "");  // x.amax(1)
  CHECK(spelt(l2_norm(x, -1), {2}, {std::sqrt(14.0), std::sqrt(77.0)}) == "");
  CHECK(spelt(softmax(x, -1).select(0, 1), {3}, {1 / z, e / z, e * e / z}) == "");
  CHECK(spelt(log_softmax(x).select(0, 0), {3}, {-std::log(z), 1 - std::log(z), 2 - std::log(z)}) ==
        "");
  CHECK(spelt(exp(log(x)), {2, 3}, {1, 2, 3, 4, 5, 6}) == "");
  CHECK(spelt(sqrt(pow(x, 2.0)), {2, 3}, {1, 2, 3, 4, 5, 6}) == "");
  CHECK(spelt(relu(x - 4.0), {2, 3}, {0, 0, 0, 0, 1, 2}) == "");
  CHECK(spelt(clamp(x, 2.0, 5.0), {2, 3}, {2, 2, 3, 4, 5, 5}) == "");
  CHECK(spelt(where(kX > 3.0, x, -x), {2, 3}, {-1, -2, -3, 4, 5, 6}) == "");
  CHECK(spelt(layer_norm(x, 0.0).select(0, 1), {3}, {-std::sqrt(1.5), 0, std::sqrt(1.5)}) == "");
  const auto loss = sum(x * x);
  CHECK(loss.item() == 91);
  CHECK(x.size(-1) == 3);
  CHECK_THROWS_AS(x.item(), ShapeError);
  tape.backward(loss);
  CHECK(difference(tape.gradient(x), {2, 3}, {2, 4, 6, 8, 10, 12}) == "");
}

}  // namespace
}  // namespace hooked
