#include "hooked/core/sparse_product.hpp"

#include "check.hpp"
#include "hooked/testing/bits.hpp"

using namespace hooked;
using hooked::testing::bit_difference;

namespace {

/// Random numbers, of which so large a share is not zero.
template <Scalar T>
Tensor<T> some_numbers(const Shape& shape, double share) {
  Tensor<T> x = random_tensor<T>(shape, 1);
  Random random(Seed{2}, "some_numbers");
  for_each_element(x.view(), [&](Index, T& v) { v = random.uniform() < share ? v : T(0); });
  return x;
}

}  // namespace

#ifndef HOOKED_USE_BLAS
TEMPLATE_TEST_CASE("leaving zeros out of a product changes no bit", "", float, double) {
  using T = TestType;
  const double share = GENERATE(0.0, 0.03, 0.3, 1.0);
  // One block and more of each, and strips of every width.
  static constexpr Index kRows = detail::kBlockRows + 7, kDepth = 2 * detail::kBlockDepth + 1;
  const auto [rows, depth, columns] =
      GENERATE(table<Index, Index, Index>({{1, 5, 1},
                                           {70, kDepth, kPacket<T> + 1},
                                           {kRows, 5, 2 * kPacket<T> + 1},
                                           {70, 5, kTileColumns<T> - 1},
                                           {1, kDepth, kTileColumns<T> - 1},
                                           {kRows, kDepth, 2 * kTileColumns<T>}}));
  INFO(share << " of " << rows << " x " << depth << " x " << columns);
  const Tensor<T> a = some_numbers<T>({rows, depth}, share), turned(a.transpose());
  const Tensor<T> b = random_tensor<T>({depth, columns}, 3), bias = random_tensor<T>({columns}, 4);
  Tensor<T> dense({rows, columns}), sparse({rows, columns});

  set_product(a.matrix(), b.matrix(), bias.data(), dense.matrix());
  set_sparse_product(a.matrix(), b.matrix(), bias.data(), sparse.matrix());
  CHECK(bit_difference(sparse, dense) == "");

  add_product(turned.matrix().transpose(), b.matrix(), dense.matrix());
  sparse_product(turned.matrix().transpose(), b.matrix(), true, sparse.matrix());
  CHECK(bit_difference(sparse, dense) == "");

  set_product(turned.matrix().transpose(), b.matrix(), dense.matrix());
  sparse_product(turned.matrix().transpose(), b.matrix(), false, sparse.matrix());
  CHECK(bit_difference(sparse, dense) == "");

  // The other way round: the zeros are those of the second factor.
  Tensor<T> c({columns, rows}), by_sparse({columns, rows});
  set_product(b.matrix().transpose(), turned.matrix(), c.matrix());
  product_by_sparse<T>(b.matrix(), turned.matrix(), false, by_sparse.matrix());
  CHECK(bit_difference(by_sparse, c) == "");
  add_product(b.matrix().transpose(), turned.matrix(), c.matrix());
  product_by_sparse<T>(b.matrix(), turned.matrix(), true, by_sparse.matrix());
  CHECK(bit_difference(by_sparse, c) == "");

  // A second factor whose columns are contiguous.
  const Tensor<T> b_turned(b.transpose());
  set_product(a.matrix(), b_turned.matrix().transpose(), dense.matrix());
  sparse_product(a.matrix(), b_turned.matrix().transpose(), false, sparse.matrix());
  CHECK(bit_difference(sparse, dense) == "");
}
#endif

TEST_CASE("a product counts as sparse by the share of its numbers that are not zero") {
  const Tensor<float> few({2, 5}, {1, 0, 0, 2, 0, 0, 3, 0, 0, 4}),
      many({2, 5}, {1, 0, 0, 2, 0, 0, 3, 0, 5, 4}), none({3, 2});
  const auto is_sparse = [](const auto& m) {
    return detail::is_sparse(detail::strided(m), m.rows(), m.cols());
  };
#ifdef HOOKED_USE_BLAS
  CHECK(!is_sparse(few.matrix()));
#else
  CHECK(is_sparse(few.matrix()));
  CHECK(is_sparse(few.matrix().transpose()));
  CHECK(is_sparse(none.matrix()));
#endif
  CHECK(!is_sparse(many.matrix()));
  CHECK(!is_sparse(many.matrix().transpose()));
}
