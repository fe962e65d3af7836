// Eigen, quietly: g++ 12 says of its own AVX-512 intrinsics that they are uninitialized (its bug
// 105593), wherever Eigen uses one. What they are quiet about is said where they are read first.
#pragma once

#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include <Eigen/Core>
