// einsum.hpp, matmul.hpp
#include "hooked/core/einsum.hpp"

#include <map>

#include "check.hpp"
#include "hooked/core/matmul.hpp"

using namespace hooked;

namespace {

// einsum by its definition: every letter runs through its size, one addend at a time.
Tensor<double> naive(const std::string& spec, const std::vector<View<const double>>& operands) {
  std::vector<std::string> inputs{""};
  const std::size_t arrow = spec.find("->");
  for (const char c : spec.substr(0, arrow)) {
    if (c == ',') {
      inputs.emplace_back();
    } else {
      inputs.back() += c;
    }
  }
  const std::string output = spec.substr(arrow + 2);
  std::map<char, Index> size, at;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    for (std::size_t axis = 0; axis < inputs[k].size(); ++axis) {
      size[inputs[k][axis]] = operands[k].size(static_cast<int>(axis));
    }
  }
  const auto index = [&](const std::string& letters) {
    std::vector<Index> found;
    for (const char letter : letters) found.push_back(at[letter]);
    return found;
  };
  Shape shape;
  for (const char letter : output) shape.push_back(size[letter]);
  Tensor<double> y(shape);
  Index addends = 1;
  for (const auto& [letter, n] : size) addends *= n;
  for (Index i = 0; i < addends; ++i) {
    Index rest = i;
    for (const auto& [letter, n] : size) {
      at[letter] = rest % n;
      rest /= n;
    }
    double product = 1;
    for (std::size_t k = 0; k < inputs.size(); ++k) product *= operands[k][index(inputs[k])];
    y.view()[index(output)] += product;
  }
  return y;
}

// A random tensor in which letter 'a' + k has size sizes[k]; seen through strides of every kind.
template <class T>
struct Operand {
  Tensor<T> numbers;
  View<const T> view;

  Operand(const std::string& letters, int layout, std::uint64_t seed) {
    constexpr std::array<Index, 8> sizes{2, 3, 4, 5, 1, 2, 3, 2};
    Shape shape, stored;
    for (const char letter : letters) {
      shape.push_back(sizes[static_cast<std::size_t>(letter - 'a')]);
    }
    const int rank = shape.rank();
    // 0: contiguous; 1: axes stored in reverse; 2: every second element of wider axes.
    for (int axis = 0; axis < rank; ++axis) {
      stored.push_back(layout == 2 ? 2 * shape[axis] : shape[layout == 1 ? -1 - axis : axis]);
    }
    numbers = random_tensor<T>(stored, seed);
    view = std::as_const(numbers).view();
    if (layout == 1) {
      typename View<const T>::Strides strides{};
      for (int axis = 0; axis < rank; ++axis) {
        strides[static_cast<std::size_t>(axis)] = view.stride(rank - 1 - axis);
      }
      view = View<const T>(numbers.data(), shape, strides);
    }
    for (int axis = 0; axis < rank && layout == 2; ++axis) {
      view = view.slice(axis, 0, view.size(axis), 2);
    }
  }
  Tensor<double> as_double() const {
    Tensor<double> x(view.shape());
    walk([](double& to, T from) { to = from; }, x.view(), view);
    return x;
  }
};

}  // namespace

TEMPLATE_TEST_CASE("einsum agrees with its definition for every layout of the operands",
                   "[core][einsum]", float, double) {
  using T = TestType;
  const double tolerance = std::is_same_v<T, float> ? 2e-5 : 1e-13;

  const std::vector<std::pair<std::string, std::string>> one{
      {"abc", "abc"}, {"abc", "cab"}, {"abc", "b"}, {"abc", ""},    {"aa", "a"}, {"aa", ""},
      {"aba", "ba"},  {"aab", "b"},   {"bbb", "b"}, {"abab", "ba"}, {"e", "e"},  {"", ""},
      {"abcdef", ""}, {"aeb", "be"},  {"abb", "a"}, {"abcd", "da"}, {"ee", "e"}};
  for (const auto& [letters, output] : one) {
    for (int layout = 0; layout < 3; ++layout) {
      const Operand<T> x(letters, layout, 1);
      const std::string spec = letters + "->" + output;
      INFO(spec << " layout " << layout);
      CHECK(difference(einsum(spec, x.view), naive(spec, {x.as_double().view()}), tolerance) == "");
    }
  }

  const std::vector<std::array<std::string, 3>> two{
      {"ab", "bc", "ac"},        {"ab", "cb", "ac"},
      {"ab", "bc", "ca"},        {"abcd", "cde", "abe"},
      {"abcd", "cdb", "abc"},    {"abcd", "cde", "abce"},
      {"ab", "ab", "ab"},        {"ab", "ab", ""},
      {"ab", "ba", "ab"},        {"ab", "ab", "a"},
      {"a", "b", "ab"},          {"a", "b", "ba"},
      {"abc", "bcd", "d"},       {"abc", "d", "bd"},
      {"abc", "", "abc"},        {"", "", ""},
      {"aa", "ab", "b"},         {"aab", "bbc", "ac"},
      {"abcd", "bacd", "cdab"},  {"ae", "eb", "ab"},
      {"abc", "abd", "abcd"},    {"abc", "abd", "cd"},
      {"ab", "c", ""},           {"abcd", "abcd", "bd"},
      {"hab", "bhc", "ahc"},     {"abc", "cba", "b"},
      {"ab", "bcdefg", "agfedc"}};
  for (const auto& [left, right, output] : two) {
    for (int layout = 0; layout < 9; ++layout) {
      const Operand<T> a(left, layout % 3, 2), b(right, layout / 3, 3);
      const std::string spec = left + "," + right + "->" + output;
      INFO(spec << " layout " << layout);
      CHECK(difference(einsum(spec, a.view, b.view),
                       naive(spec, {a.as_double().view(), b.as_double().view()}),
                       20 * tolerance) == "");
    }
  }

  const std::vector<std::array<std::string, 4>> three{
      {"ab", "bc", "cd", "ad"}, {"ab", "ac", "ad", "bcd"}, {"a", "a", "a", ""},
      {"ab", "cd", "ac", "bd"}, {"abc", "b", "bd", "dca"}, {"aa", "bb", "ab", "ab"}};
  for (const auto& [first, second, third, output] : three) {
    const Operand<T> a(first, 0, 4), b(second, 1, 5), c(third, 2, 6);
    const std::string spec = first + "," + second + "," + third + "->" + output;
    INFO(spec);
    CHECK(
        difference(einsum(spec, a.view, b.view, c.view),
                   naive(spec, {a.as_double().view(), b.as_double().view(), c.as_double().view()}),
                   20 * tolerance) == "");
  }
}

TEMPLATE_TEST_CASE("einsum of small matrices can be checked by hand", "[core][einsum]", float,
                   double) {
  using T = TestType;
  const Tensor<T> a({2, 2}, {1, 2, 3, 4}), b({2, 2}, {5, 6, 7, 8});
  CHECK(difference(einsum("ij,jk->ik", a, b), {2, 2}, {19, 22, 43, 50}) == "");
  CHECK(difference(einsum("ij,jk->ki", a, b), {2, 2}, {19, 43, 22, 50}) == "");
  CHECK(difference(einsum("ij,ij->", a, b), {}, {70}) == "");
  CHECK(difference(einsum(" i j , i j -> i j ", a, b), {2, 2}, {5, 12, 21, 32}) == "");
  CHECK(difference(einsum("ii->", a), {}, {5}) == "");
  CHECK(difference(einsum("ii->i", b), {2}, {5, 8}) == "");
  CHECK(difference(einsum("ij->ji", a), {2, 2}, {1, 3, 2, 4}) == "");
  CHECK(difference(einsum("ij->j", a), {2}, {4, 6}) == "");
  CHECK(difference(einsum("ij,jk,kl->il", a, b, a), {2, 2}, {85, 126, 193, 286}) == "");
  CHECK(difference(einsum("Aa,Ba->AB", a, b), {2, 2}, {17, 23, 39, 53}) == "");
}

TEST_CASE("einsum over an empty axis gives zeros, and over an empty output nothing",
          "[core][einsum]") {
  const Tensor<float> a({2, 0}), b({0, 3});
  CHECK(difference(einsum("ij,jk->ik", a, b), Tensor<float>({2, 3})) == "");
  CHECK(einsum("ij,jk->j", a, b).shape() == Shape{0});
  CHECK(einsum("ij->i", a).shape() == Shape{2});
  CHECK(einsum("ij,ij->ij", a, a).shape() == Shape{2, 0});
}

TEST_CASE("einsum says which letters do not fit", "[core][einsum]") {
  const Tensor<float> z({2, 3, 4, 5}), W({4, 6, 7}), square({2, 3});
  CHECK(error_of<ShapeError>([&] { einsum("bphe,hed->bphd", z, W); }) ==
        "einsum \"bphe,hed->bphd\": bphe is [2, 3, 4, 5], hed is [4, 6, 7]: "
        "letter e is 5 in bphe but 6 in hed");
  CHECK(error_of<ShapeError>([&] { einsum("ii->", square); }) ==
        "einsum \"ii->\": ii is [2, 3]: letter i is 2 in ii but 3 in ii");
  CHECK(error_of<ShapeError>([&] { einsum("bp,hed->bphd", z, W); }) ==
        "einsum \"bp,hed->bphd\": bp is [2, 3, 4, 5], hed is [4, 6, 7]: bp names 2 axes");
  CHECK(error_of<ShapeError>([&] { einsum("ij->ijk", square); }) ==
        "einsum \"ij->ijk\": ij is [2, 3]: letter k is in no operand");
  CHECK(error_of<ShapeError>([&] { einsum("ij->ii", square); }) ==
        "einsum \"ij->ii\": ij is [2, 3]: letter i is twice in the output");
  CHECK(error_of<ShapeError>([&] { einsum("ij,jk->ik", square); }) ==
        "einsum \"ij,jk->ik\": 2 operands are named, 1 given");
  CHECK(error_of<ShapeError>([&] { einsum("ij", square); }) ==
        "einsum \"ij\": say the output, as in \"ij,jk->ik\"");
  CHECK(error_of<ShapeError>([&] { einsum("...j->j", square); }) ==
        "einsum \"...j->j\": '.' is out of place");
  CHECK(error_of<ShapeError>([&] { einsum("ij->i,j", square); }) ==
        "einsum \"ij->i,j\": ',' is out of place");
  CHECK(error_of<ShapeError>([&] { einsum("ij->i->j", square); }) ==
        "einsum \"ij->i->j\": '-' is out of place");
}

TEMPLATE_TEST_CASE("matmul multiplies one matrix or many", "[core][matmul]", float, double) {
  using T = TestType;
  const Tensor<T> a({2, 2}, {1, 2, 3, 4}), b({2, 2}, {5, 6, 7, 8});
  CHECK(difference(matmul(a, b), {2, 2}, {19, 22, 43, 50}) == "");
  CHECK(difference(matmul(a, b.transpose()), {2, 2}, {17, 23, 39, 53}) == "");

  const auto many = random_tensor<T>({2, 3, 4, 5}, 1), others = random_tensor<T>({2, 3, 5, 2}, 2);
  const Tensor<T> products = matmul(many, others);
  CHECK(products.shape() == Shape{2, 3, 4, 2});
  const auto one_by_one = matmul(many.select(0, 1).select(0, 2), others.select(0, 1).select(0, 2));
  CHECK(difference(products.select(0, 1).select(0, 2), one_by_one, 1e-5) == "");

  const auto shared = others.select(0, 0).select(0, 1);
  const Tensor<T> right = matmul(many, shared);
  CHECK(right.shape() == Shape{2, 3, 4, 2});
  CHECK(difference(right.select(0, 1).select(0, 0), matmul(many.select(0, 1).select(0, 0), shared),
                   1e-5) == "");
  const Tensor<T> left = matmul(shared.transpose(), many.transpose());
  CHECK(left.shape() == Shape{2, 3, 2, 4});
  CHECK(difference(left.select(0, 1).select(0, 2).transpose(), right.select(0, 1).select(0, 2),
                   1e-5) == "");
}

TEST_CASE("matmul says which sizes do not fit", "[core][matmul]") {
  const Tensor<float> a({2, 3}), b({2, 3}), many({4, 3, 2}), more({5, 2, 3}), vector({3});
  CHECK(error_of<ShapeError>([&] { matmul(a, b); }) ==
        "matmul: a is [2, 3], b is [2, 3]: a has 3 columns but b has 2 rows");
  CHECK(error_of<ShapeError>([&] { matmul(many, more); }) ==
        "matmul: a is [4, 3, 2], b is [5, 2, 3]: the leading axes differ");
  CHECK(error_of<ShapeError>([&] { matmul(a, vector); }) ==
        "matmul: a is [2, 3], b is [3]: both need two axes");
}
