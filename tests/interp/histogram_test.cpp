#include "hooked/interp/histogram.hpp"

#include "catch.hpp"

using namespace hooked;

TEST_CASE("A bin takes its lower edge, the last one also its upper", "[histogram]") {
  const Tensor<float> x({7}, {0.0f, 0.49f, 0.5f, 1.0f, 1.99f, 2.0f, 2.01f});
  const Histogram h = histogram(x, 4, 0.0, 2.0);
  CHECK(h.edges(0) == 0.0);
  CHECK(h.edges(4) == 2.0);
  CHECK(h.counts(0) == 2.0);
  CHECK(h.counts(1) == 1.0);
  CHECK(h.counts(2) == 1.0);
  CHECK(h.counts(3) == 2.0);
  CHECK_THROWS_WITH(histogram(x, 0, 0.0, 1.0), "histogram: 0 bins between 0 and 1");
}
