#include "hooked/core/product.hpp"

#include "check.hpp"
#include "hooked/testing/bits.hpp"

using namespace hooked;
using hooked::testing::bit_difference;

namespace {

/// Whole numbers from -3 to 3: their products and sums are exact, in whatever order.
template <Scalar T>
Tensor<T> whole_numbers(const Shape& shape, std::uint64_t seed) {
  Tensor<T> x = random_tensor<T>(shape, seed);
  for_each_element(x.view(), [](Index, T& v) { v = std::clamp(std::round(v), T(-3), T(3)); });
  return x;
}

/// The definition: the sum over k of a[i, k] b[k, j].
template <Scalar T>
Tensor<T> by_definition(View<const T> a, View<const T> b) {
  Tensor<T> c({a.size(0), b.size(1)});
  for (Index i = 0; i < c.size(0); ++i) {
    for (Index j = 0; j < c.size(1); ++j) {
      for (Index k = 0; k < a.size(1); ++k) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}

/// A matrix inside a larger one, so that its rows lie apart; `rim` stands around it.
template <Scalar T>
class Framed {
 public:
  Framed(Index rows, Index columns, T rim) : all_({rows + 2, columns + 3}, rim), rim_(rim) {}
  View<T> inner() { return all_.slice(0, 1, all_.size(0) - 1).slice(1, 1, all_.size(1) - 2); }
  bool is_rim_intact() {
    inner().matrix().setConstant(rim_);
    bool intact = true;
    for_each_element(all_.view(), [&](Index, T& v) { intact &= v == rim_; });
    return intact;
  }

 private:
  Tensor<T> all_;
  T rim_;
};

/// Calls `visit(a, b, name)` with the same numbers lying in four ways: each as it is or transposed.
template <Scalar T, class Visit>
void in_all_layouts(View<const T> a, View<const T> b, Visit visit) {
  const Tensor<T> a_turned(a.transpose()), b_turned(b.transpose());
  visit(a.matrix(), b.matrix(), "a b");
  visit(a_turned.matrix().transpose(), b.matrix(), "a^T b");
  visit(a.matrix(), b_turned.matrix().transpose(), "a b^T");
  visit(a_turned.matrix().transpose(), b_turned.matrix().transpose(), "a^T b^T");
}

}  // namespace

TEMPLATE_TEST_CASE("products of any size and layout are what the definition says", "", float,
                   double) {
  using T = TestType;
  const Index rows = GENERATE(1, 5, 6, 7, 13), depth = GENERATE(1, 3, 161);
  const Index columns = GENERATE(1, kPacket<T> - 1, kPacket<T> + 1, kTileColumns<T> + 1);
  const Tensor<T> a = whole_numbers<T>({rows, depth}, 1), b = whole_numbers<T>({depth, columns}, 2);
  const Tensor<T> bias = whole_numbers<T>({columns}, 3);
  const Tensor<T> expected = by_definition<T>(a, b);
  Tensor<T> more = expected, with_bias = expected;
  more.array() += T(5);
  with_bias.matrix().rowwise() += bias.matrix().row(0);
  in_all_layouts<T>(a, b, [&](const auto& A, const auto& B, const char* layout) {
    INFO(layout << ", " << rows << " x " << depth << " x " << columns);
    Framed<T> c(rows, columns, T(77));
    c.inner().matrix().setConstant(std::numeric_limits<T>::quiet_NaN());
    set_product(A, B, c.inner().matrix());
    CHECK(difference(c.inner(), expected) == "");
    c.inner().matrix().setConstant(T(5));
    add_product(A, B, c.inner().matrix());
    CHECK(difference(c.inner(), more) == "");
    c.inner().matrix().setConstant(std::numeric_limits<T>::quiet_NaN());
    set_product(A, B, bias.data(), c.inner().matrix());
    CHECK(difference(c.inner(), with_bias) == "");
    CHECK(c.is_rim_intact());
  });
}

TEMPLATE_TEST_CASE("products that are cut into several blocks are what the definition says", "",
                   float, double) {
  using T = TestType;
  const Index rows = detail::kBlockRows + 7, depth = 2 * detail::kBlockDepth + 1, columns = 19;
  const Tensor<T> a = whole_numbers<T>({rows, depth}, 1), b = whole_numbers<T>({depth, columns}, 2);
  const Tensor<T> expected = by_definition<T>(a, b);
  in_all_layouts<T>(a, b, [&](const auto& A, const auto& B, const char* layout) {
    INFO(layout);
    Tensor<T> c({rows, columns}, std::numeric_limits<T>::quiet_NaN());
    set_product(A, B, c.matrix());
    CHECK(difference(c, expected) == "");
  });
}

TEST_CASE("products with strided operands read their own numbers only") {
  const Tensor<double> a = whole_numbers<double>({7, 40}, 1),
                       b = whole_numbers<double>({20, 30}, 2);
  const auto a_part = a.slice(1, 3, 23), b_part = b.slice(1, 5, 24);
  Tensor<double> c({7, 19});
  set_product(a_part.matrix(), b_part.matrix(), c.matrix());
  CHECK(difference(c, by_definition<double>(a_part, b_part)) == "");
  Tensor<double> d({20, 19});
  const Tensor<double> e = whole_numbers<double>({7, 30}, 3);
  set_product(a_part.matrix().transpose(), e.slice(1, 5, 24).matrix(), d.matrix());
  CHECK(difference(d, by_definition<double>(a_part.transpose(), e.slice(1, 5, 24))) == "");
}

TEST_CASE("a product over nothing is zero, the bias or what was there") {
  const Tensor<double> a({3, 0}), b({0, 2}), bias({2}, {8, 9});
  Tensor<double> c({3, 2}, 5.0);
  add_product(a.matrix(), b.matrix(), c.matrix());
  CHECK(difference(c, {3, 2}, {5, 5, 5, 5, 5, 5}) == "");
  set_product(a.matrix(), b.matrix(), bias.data(), c.matrix());
  CHECK(difference(c, {3, 2}, {8, 9, 8, 9, 8, 9}) == "");
  set_product(a.matrix(), b.matrix(), c.matrix());
  CHECK(difference(c, {3, 2}, {0, 0, 0, 0, 0, 0}) == "");
}

#ifndef HOOKED_USE_BLAS
TEMPLATE_TEST_CASE("the bits of an element depend on its row and its column alone", "", float,
                   double) {
  using T = TestType;
  const Index rows = 20, depth = 333, columns = 67;
  const Tensor<T> a = random_tensor<T>({rows, depth}, 1), b = random_tensor<T>({depth, columns}, 2);
  in_all_layouts<T>(a, b, [&](const auto& A, const auto& B, const char* layout) {
    INFO(layout);
    Tensor<T> whole({rows, columns});
    set_product(A, B, whole.matrix());
    for (const auto& [first, count] : {std::pair<Index, Index>{0, 1}, {3, 1}, {4, 7}, {13, 7}}) {
      Tensor<T> part({count, columns});
      set_product(A.middleRows(first, count), B, part.matrix());
      CHECK(bit_difference(part, whole.slice(0, first, first + count)) == "");
    }
    for (const auto& [first, count] : {std::pair<Index, Index>{1, 1}, {5, 33}, {64, 3}}) {
      Tensor<T> part({rows, count});
      set_product(A, B.middleCols(first, count), part.matrix());
      CHECK(bit_difference(part, whole.slice(1, first, first + count)) == "");
    }
  });
}
#endif
