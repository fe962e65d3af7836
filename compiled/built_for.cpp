// The mark by which the linker finds a program that was built for other registers than the library.
#include "hooked/core/compiled.hpp"

namespace hooked::detail {

template <int kAlignment, int kRegisterBytes>
const char LibraryBuiltFor<kAlignment, kRegisterBytes>::here = 0;
template struct LibraryBuiltFor<
    EIGEN_MAX_ALIGN_BYTES, static_cast<int>(sizeof(Eigen::internal::packet_traits<float>::type))>;

}  // namespace hooked::detail
