// All operations in double, and how they are recorded.
#include "hooked/autograd/record.hpp"
#include "hooked/ops/ops.hpp"

namespace hooked::detail {

template Variable<double> record(const OpTable<double>&, const void*,
                                 std::array<Variable<double>, kMostInputs>);
#define HOOKED_INSTANTIATE(...) template struct TableOf<__VA_ARGS__, double>;
HOOKED_OPS(HOOKED_INSTANTIATE)

}  // namespace hooked::detail
#undef HOOKED_INSTANTIATE
