#include "hooked/core/masked_product.hpp"

#include "check.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/testing/bits.hpp"

using namespace hooked;

TEMPLATE_TEST_CASE("a masked product is the product where the mask is not zero", "", float,
                   double) {
  using T = TestType;
  const double share = GENERATE(0.0, 0.03, 0.5, 1.0);
  const auto [rows, depth, columns] = GENERATE(
      table<Index, Index, Index>({{1, 1, 1}, {7, 5, 70}, {3, 257, 40}, {9, 5000, 3}, {4, 64, 65}}));
  INFO(share << " of " << rows << " x " << depth << " x " << columns);
  const Tensor<T> a = random_tensor<T>({rows, depth}, 1), b = random_tensor<T>({columns, depth}, 2);
  Tensor<T> mask = random_tensor<T>({rows, columns}, 3);
  Random random(Seed{4});
  for_each_element(mask.view(), [&](Index, T& v) { v = random.uniform() < share ? v : T(0); });
  Tensor<T> dense({rows, columns}), masked({rows, columns}, T(7));
  set_product(a.matrix(), b.matrix().transpose(), dense.matrix());
  for_each_element(dense.view(), [&](Index i, T& v) { v = mask.data()[i] != T(0) ? v : T(0); });
  const double tolerance = (std::is_same_v<T, float> ? 1e-6 : 1e-14) * static_cast<double>(depth);

  masked_product<T>(a.matrix(), b.matrix(), std::as_const(mask).matrix(), false, masked.matrix());
  CHECK(difference(masked, dense, tolerance) == "");
  Tensor<T> twice(masked);
  masked_product<T>(a.matrix(), b.matrix(), std::as_const(mask).matrix(), true, twice.matrix());
  CHECK(testing::bit_difference(twice, masked + masked) == "");

  // A row's bits hang on nothing beside it.
  for (Index r = 0; r < rows; ++r) {
    Tensor<T> alone({1, columns});
    masked_product<T>(a.slice(0, r, r + 1).matrix(), b.matrix(),
                      std::as_const(mask).slice(0, r, r + 1).matrix(), false, alone.matrix());
    CHECK(testing::bit_difference(alone, masked.slice(0, r, r + 1)) == "");
  }
}
