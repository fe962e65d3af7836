#include "hooked/core/tile_product.hpp"

#include "check.hpp"

using namespace hooked;

TEMPLATE_TEST_CASE("a tile of any size starts where it is told and is scaled", "", float, double) {
  using T = TestType;
  const Index rows = GENERATE(range(1, 8)), depth = 3, row = kTileColumns<T> + kPacket<T>;
  const Index columns = GENERATE(1, kPacket<T>, kTileColumns<T> - 1, kTileColumns<T> + 1);
  Tensor<T> a({rows, depth}), b({depth, row}), start({rows, row}), c({rows, row});
  const auto number = [](Index i, T& x) { x = static_cast<T>(i % 7); };
  for_each_element(a.view(), number);
  for_each_element(b.view(), number);
  for_each_element(start.view(), number);
  const auto sum = [&](Index i, Index j) {
    return a(i, 0) * b(0, j) + a(i, 1) * b(1, j) + a(i, 2) * b(2, j);
  };
  const auto check = [&](const TileTarget<T>& to, auto expected) {
    c.fill(T(-1));
    tile_product<T>({a.data(), depth, 1}, b.data(), row, to, rows, depth, columns);
    bool right = true;
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < row; ++j) right &= c(i, j) == (j < columns ? expected(i, j) : T(-1));
    }
    CHECK(right);
  };
  INFO(rows << " rows, " << columns << " columns");
  check({c.data(), row}, sum);
  check({c.data(), row, nullptr, 0, T(2)}, [&](Index i, Index j) { return 2 * sum(i, j); });
  check({c.data(), row, start.data(), row},
        [&](Index i, Index j) { return start(i, j) + sum(i, j); });
  check({c.data(), row, start.data(), 0, T(2)},
        [&](Index i, Index j) { return start(0, j) + 2 * sum(i, j); });
}

TEMPLATE_TEST_CASE("packed rows and columns are filled up with zeros", "", float, double) {
  using T = TestType;
  const Index count = GENERATE(1, kPacket<T>, kPacket<T> + 1);
  const Index width = GENERATE(1, kPacket<T> - 1, kPacket<T> + 1);
  Tensor<T> x({count, width});
  for_each_element(x.view(), [](Index i, T& v) { v = static_cast<T>(i + 1); });
  const auto row = [&](Index i) { return x.data() + i * width; };
  const Index wide = whole_packets<T>(width), tall = whole_packets<T>(count);
  CHECK(wide % kPacket<T> == 0);
  CHECK(wide - width < kPacket<T>);

  Tensor<T> rows({count, wide}, T(-1)), columns({width, tall}, T(-1));
  pack_rows<T>(row, count, width, rows.data(), wide);
  pack_columns<T>(row, count, width, columns.data(), tall);
  CHECK(difference(rows.slice(1, 0, width), x) == "");
  CHECK(rows.slice(1, width, wide).matrix().isZero(0));
  CHECK(difference(columns.slice(1, 0, count), x.transpose()) == "");
  CHECK(columns.slice(1, count, tall).matrix().isZero(0));
}
