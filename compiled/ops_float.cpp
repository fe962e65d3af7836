// All operations in float, and how they are recorded.
#include "hooked/autograd/record.hpp"
#include "hooked/ops/ops.hpp"

namespace hooked::detail {

template Variable<float> record(const OpTable<float>&, const void*,
                                std::array<Variable<float>, kMostInputs>);
#define HOOKED_INSTANTIATE(...) template struct TableOf<__VA_ARGS__, float>;
HOOKED_OPS(HOOKED_INSTANTIATE)

}  // namespace hooked::detail
#undef HOOKED_INSTANTIATE
