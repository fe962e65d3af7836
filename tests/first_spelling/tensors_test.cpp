// What somebody who knows numpy or PyTorch writes first compiles and gives numpy's numbers: twenty
// spellings for tensors, each beside its Python.
#include <algorithm>
#include <sstream>
#include <vector>

#include "catch.hpp"
#include "hooked/hooked.hpp"

namespace hooked {
namespace {

template <TensorLike X>
std::vector<double> numbers(const X& x) {
  return to_vector(cast<double>(x));
}
using Numbers = std::vector<double>;

// [[0, 1, 2], [3, 4, 5]]
Tensor<float> six() { return arange<float>(6).reshape({2, 3}); }

TEST_CASE("making tensors", "[first_spelling]") {
  // np.zeros((2, 3)); np.ones(2); np.full((2,), 7.)
  CHECK(numbers(zeros<float>({2, 3})) == Numbers(6, 0.0));
  CHECK(numbers(concat({ones<float>({2}), full<float>({2}, 7)})) == Numbers{1, 1, 7, 7});
  // np.arange(0, 10, 2)
  CHECK(numbers(arange<float>(0, 10, 2)) == Numbers{0, 2, 4, 6, 8});
  // np.eye(2)
  CHECK(numbers(eye<double>(2)) == Numbers{1, 0, 0, 1});
  // F.one_hot(torch.tensor([1, 0]), 3)
  CHECK(numbers(one_hot<float>(Tensor<Token>({2}, {1, 0}), 3)) == Numbers{0, 1, 0, 1, 0, 0});
  // torch.randn(2, 3); torch.randint(0, 5, (4,)), of a seed
  CHECK(randn<float>({2, 3}, Seed{0}).shape() == Shape{2, 3});
  CHECK(all(randint<Token>(0, 5, {4}, Seed{0}) < 5));
}

TEST_CASE("arithmetic, in place and with masks", "[first_spelling]") {
  Tensor<float> x = six();
  // x += 1; x *= 2
  x += 1;
  x *= 2;
  CHECK(numbers(x) == Numbers{2, 4, 6, 8, 10, 12});
  // x[0] -= x[1]
  x.select(0, 0) -= x.select(0, 1);
  CHECK(numbers(x) == Numbers{-6, -6, -6, 8, 10, 12});
  // x / x.sum(axis=-1, keepdims=True)
  CHECK(numbers(six() / sum(six(), -1, Keep::yes)) ==
        Numbers{0, 1.0f / 3, 2.0f / 3, 0.25, 1.0f / 3, 5.0f / 12});
  // np.where(x > 0, x, 0); np.maximum(x, 0)
  CHECK(numbers(where(x > 0, x, 0)) == Numbers{0, 0, 0, 8, 10, 12});
  CHECK(numbers(relu(x)) == numbers(where(x > 0, x, 0)));
  // (x > 9).any(), (x > 9).all()
  CHECK(any(x > 9));
  CHECK_FALSE(all(x > 9));
  // (logits.argmax(-1) == labels).mean()
  const Tensor<Token> labels({2}, {2, 0});
  CHECK(mean(argmax(six(), -1) == labels).item() == 0.5);
  // x.astype(np.int32)
  CHECK(numbers(cast<Token>(six() / 2)) == Numbers{0, 0, 1, 1, 2, 2});
}

TEST_CASE("shapes", "[first_spelling]") {
  const Tensor<float> x = six();
  // x.T.reshape(-1)
  CHECK(numbers(x.transpose().reshape({-1})) == Numbers{0, 3, 1, 4, 2, 5});
  // x[:, 1:]; x[-1]
  CHECK(numbers(x.slice(1, 1, 3)) == Numbers{1, 2, 4, 5});
  CHECK(numbers(x.select(0, -1)) == Numbers{3, 4, 5});
  // np.stack([x, x]).shape; np.concatenate([x, x], axis=1).shape
  CHECK(stack({x, x}).shape() == Shape{2, 2, 3});
  CHECK(concat({x, x}, 1).shape() == Shape{2, 6});
  // [row.sum() for row in x]
  Numbers sums;
  for (const auto& row : x) sums.push_back(sum(row).item());
  CHECK(sums == Numbers{3, 12});
}

TEST_CASE("products, numbers from and to elsewhere, and text", "[first_spelling]") {
  const Tensor<float> x = six();
  // x @ x.T
  CHECK(numbers(matmul(x, x.transpose())) == Numbers{5, 14, 14, 50});
  // np.einsum("ij,ij->i", x, x)
  CHECK(numbers(einsum("ij,ij->i", x, x)) == Numbers{5, 50});
  // torch.topk(x, 2)
  CHECK(numbers(topk(x, 2).values) == Numbers{2, 1, 5, 4});
  // np.array([1, 2]).tolist()
  CHECK(to_vector(Tensor<float>(std::vector<float>{1, 2})) == std::vector<float>{1, 2});
  // Eigen's matrices, which stand for arrays here
  CHECK(numbers(Tensor<float>(Eigen::MatrixXf(x.matrix().transpose()))) == numbers(x.transpose()));
  // print(x)
  std::ostringstream out;
  out << x;
  CHECK(out.str() == "Tensor<float> [2, 3]\n[[0. 1. 2.]\n [3. 4. 5.]]");
}

// Variables of the same names live beside tensors.
TEST_CASE("functions of tensors and of Variables share their names", "[first_spelling]") {
  Tape<double> tape;
  const Tensor<double> x({2}, {-1, 2});
  const Variable<double> v = tape.constant_copy(x);
  CHECK(numbers(where(x > 0, v, x * 2).value()) == numbers(where(x > 0, x, x * 2)));
  CHECK(numbers(relu(v).value()) == numbers(relu(x)));
  CHECK(numbers(abs(v).value()) == numbers(abs(x)));
  CHECK(numbers(pow(v, 2).value()) == numbers(pow(x, 2)));
  CHECK(numbers(clamp(v, 0, 1).value()) == numbers(clamp(x, 0, 1)));
  CHECK(numbers((v + x).value()) == numbers(x + x));
  CHECK(sum(v).value().item() == sum(x).item());
  CHECK(numbers(v.reshape({2, 1}).value()) == numbers(x.reshape({2, 1})));
}

}  // namespace
}  // namespace hooked
