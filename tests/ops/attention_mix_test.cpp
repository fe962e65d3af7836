// attention_mix and fused_attention where values are not finite: what is hidden stays hidden.
#include "hooked/ops/attention_mix.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "hooked/autograd/record.hpp"
#include "hooked/testing/any_op.hpp"
#include "hooked/testing/bits.hpp"

using namespace hooked;
using namespace hooked::testing;

namespace {

/// What attention gives, and the gradients of q, k and v.
template <Scalar T>
using Results = std::vector<Tensor<T>>;

/// x is q, k, v [batch, pos, head, d_head], and the gradient of the output.
template <Scalar T>
Results<T> attend(bool fused, const std::vector<Tensor<T>>& x, const AttentionMask& mask) {
  Tape<T> tape;
  const auto q = tape.input(x[0]), k = tape.input(x[1]), v = tape.input(x[2]);
  const auto staged = [&] {
    const auto pattern =
        record<Softmax>({}, record<AttentionScores>({.divisor = 2.0, .mask = mask}, q, k));
    return record<AttentionMix>({}, pattern, v);
  };
  const auto z =
      fused ? record<FusedAttention>(
                  {q.shape()[0], {q.shape()[1]}, {k.shape()[1]}, {v.shape()[1]}, 2.0, mask},
                  table_of(q), table_of(k), table_of(v))
            : staged();
  tape.backward(z, x[3]);
  Results<T> results{Tensor<T>(z.value())};
  for (const auto& input : {q, k, v}) results.emplace_back(tape.gradient(input));
  return results;
}

template <Scalar T>
std::vector<Tensor<T>> random_inputs(Index queries, Index keys) {
  const Shape asks{2, queries, 2, 5}, answers{2, keys, 2, 5};
  return random_tensors<T>({asks, answers, answers, asks}, "attention");
}

template <Scalar T>
bool all_finite(View<const T> x) {
  bool finite = true;
  for_each_element(x, [&](Index, const T& element) { finite &= std::isfinite(element); });
  return finite;
}

}  // namespace

TEMPLATE_TEST_CASE("A value that is not finite does nothing where the mask hides its key", "",
                   float, double) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const Index keys = GENERATE(3, 7, 19, 150);
  const T bad = GENERATE(Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN());
  const Index hidden = keys - 1;
  auto x = random_inputs<T>(keys, keys);
  AttentionMask mask;
  std::vector<std::uint8_t> visible(static_cast<std::size_t>(2 * keys), 1);
  std::vector<Token> positions;
  SECTION("as padding") {
    mask.causal = GENERATE(true, false);
    visible[static_cast<std::size_t>(hidden)] = visible.back() = 0;
    mask.key_visible = visible.data();
  }
  SECTION("as the future") {
    for (Token i = 0; i < hidden; ++i) positions.push_back(i);
    mask.query_position = positions.data();
    x[0] = Tensor<T>(x[0].slice(1, 0, hidden));
    x[3] = Tensor<T>(x[3].slice(1, 0, hidden));
  }
  const Results<T> finite = attend(false, x, mask);
  x[2].slice(1, hidden, keys).select(2, 0).select(0, 1).array() = bad;  // one head of one sequence
  x[2](0, hidden, 1, 3) = bad;
  const Results<T> staged = attend(false, x, mask), fused = attend(true, x, mask);
  for (std::size_t i = 0; i < finite.size(); ++i) {
    INFO("result " << i << ", " << keys << " keys, value " << bad);
    CHECK(all_finite(finite[i].view()));
    CHECK(bit_difference(staged[i], finite[i]) == "");
    CHECK(bit_difference(fused[i], finite[i]) == "");
  }
}

TEST_CASE("A value that is not finite shows where its key is seen, in both ways of attention") {
  const Index keys = GENERATE(3, 19);
  auto x = random_inputs<double>(keys, keys);
  const auto finite = attend(false, x, {})[0];
  x[2](0, 1, 0, 2) = std::numeric_limits<double>::infinity();
  const auto staged = attend(false, x, {})[0], fused = attend(true, x, {})[0];
  CHECK(bit_difference(staged, fused) == "");
  CHECK(bit_difference(staged.select(1, 0), finite.select(1, 0)) == "");
  CHECK(bit_difference(staged.select(0, 1), finite.select(0, 1)) == "");
  for (Index i = 1; i < keys; ++i) {
    CHECK(std::isinf(staged(0, i, 0, 2)));
    CHECK(staged(0, i, 0, 1) == finite(0, i, 0, 1));
  }
}
