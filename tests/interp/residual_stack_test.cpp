// A stack's parts by label.
#include "hooked/interp/residual_stack.hpp"

#include "hooked/interp/decompose_resid.hpp"
#include "interp/streams.hpp"

namespace hooked {
namespace {

TEST_CASE("A stack gives its parts by label, and names the nearest of one that it lacks") {
  const ResidualStack<float> stack{.labels = {"embed", "0_attn_out", "0_mlp_out"},
                                   .values = Tensor<float>({3, 1, 2}, {1, 2, 3, 4, 5, 6})};
  CHECK(stack["0_mlp_out"](0, 1) == 6);
  CHECK_THROWS_WITH(stack["0_mlp_in"],
                    "the stack has no part \"0_mlp_in\"; of 3 the nearest are: 0_mlp_out, "
                    "embed, 0_attn_out");
}

TEST_CASE("A model of floats is taken apart in floats") {
  const auto model = golden::model<float>();
  const auto cache = cache_of(model);
  const auto stack = decompose_resid(model, cache, {.layer = 1, .apply_ln = true});
  CHECK(max_norm(sum(stack.values, 0) - cache["normalized1ln1"]).item() < 1e-5f);
}

}  // namespace
}  // namespace hooked
