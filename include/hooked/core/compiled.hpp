// With HOOKED_COMPILED (the target hooked::compiled), what everybody uses is not compiled in every
// program but comes from a library: headers say `extern template`, and compiled/ instantiates.
//
// It pays for function templates and static data that are defined outside their class. What is
// defined inside a class is inline, and compilers instantiate it all the same.
#pragma once

#ifdef HOOKED_COMPILED

#include "hooked/core/eigen.hpp"

namespace hooked::detail {

/// Programs must be built for the same registers as the library: for others the arithmetic and the
/// alignment of memory differ. The library defines the one that fits it, so a program that was
/// built for other registers (-march, EIGEN_MAX_ALIGN_BYTES) does not link.
template <int kAlignment, int kRegisterBytes>
struct LibraryBuiltFor {
  static const char here;
};
using LibraryBuiltForUs =
    LibraryBuiltFor<EIGEN_MAX_ALIGN_BYTES,
                    static_cast<int>(sizeof(Eigen::internal::packet_traits<float>::type))>;
extern template struct LibraryBuiltFor<
    EIGEN_MAX_ALIGN_BYTES, static_cast<int>(sizeof(Eigen::internal::packet_traits<float>::type))>;

[[gnu::used]] inline const char* const kLibraryFits = &LibraryBuiltForUs::here;

}  // namespace hooked::detail

#endif
