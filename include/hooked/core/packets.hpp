// Rows of numbers, a register at a time. What comes out depends on the numbers and their count
// alone, never on their address: Eigen's own loops start with single numbers up to the next aligned
// address, which adds them up in another order and takes another exp for them.
#pragma once

#include <algorithm>
#include <array>
#include <limits>

#include "hooked/core/view.hpp"

/// `name` points to `count` numbers of type T that live until the end of the block: on the stack,
/// or on the heap beyond EIGEN_STACK_ALLOCATION_LIMIT. Eigen's macro needs its namespace at hand.
#define HOOKED_SCRATCH(T, name, count)  \
  namespace internal = Eigen::internal; \
  ei_declare_aligned_stack_constructed_variable(T, name, static_cast<std::size_t>(count), nullptr)

namespace hooked {

/// A register full of numbers, through Eigen's packet maths.
template <Scalar T>
using Packet = typename Eigen::internal::packet_traits<T>::type;
/// How many numbers a register holds.
template <Scalar T>
inline constexpr Index kPacket = Eigen::internal::unpacket_traits<Packet<T>>::size;

/// `n` rounded up to full packets.
template <Scalar T>
constexpr Index whole_packets(Index n) {
  return (n + kPacket<T> - 1) / kPacket<T> * kPacket<T>;
}

/// A register full of x.
template <Scalar T>
Packet<T> splat(T x) {
  return Eigen::internal::pset1<Packet<T>>(x);
}
/// The numbers at x, of any alignment.
template <Scalar T>
Packet<T> load(const T* x) {
  return Eigen::internal::ploadu<Packet<T>>(x);
}
/// Writes a register to x, of any alignment.
template <Scalar T>
void store(T* x, const Packet<T>& p) {
  Eigen::internal::pstoreu(x, p);
}

// Parts of a packet are copied by loops of kPacket - 1 rounds: of copy_n g++ says that it leaves
// the array, and calls memcpy.

/// The first `n` numbers, 0 < n < kPacket; the others are `rest`.
template <Scalar T>
Packet<T> load_part(const T* x, Index n, T rest = T(0)) {
#ifdef EIGEN_VECTORIZE_AVX512
  if constexpr (std::same_as<T, float>) {
    return _mm512_mask_loadu_ps(splat(rest), static_cast<__mmask16>((1U << n) - 1), x);
  } else {
    return _mm512_mask_loadu_pd(splat(rest), static_cast<__mmask8>((1U << n) - 1), x);
  }
#else
  std::array<T, static_cast<std::size_t>(kPacket<T>)> whole;
  whole.fill(rest);
  for (Index i = 0; i < kPacket<T> - 1; ++i) {
    if (i < n) whole[static_cast<std::size_t>(i)] = x[i];
  }
  return load(whole.data());
#endif
}
/// Writes the first `n` numbers of a register, 0 < n < kPacket.
template <Scalar T>
void store_part(T* x, Index n, const Packet<T>& p) {
#ifdef EIGEN_VECTORIZE_AVX512
  if constexpr (std::same_as<T, float>) {
    _mm512_mask_storeu_ps(x, static_cast<__mmask16>((1U << n) - 1), p);
  } else {
    _mm512_mask_storeu_pd(x, static_cast<__mmask8>((1U << n) - 1), p);
  }
#else
  std::array<T, static_cast<std::size_t>(kPacket<T>)> whole;
  store(whole.data(), p);
  for (Index i = 0; i < kPacket<T> - 1; ++i) {
    if (i < n) x[i] = whole[static_cast<std::size_t>(i)];
  }
#endif
}

/// Where row r of a MatrixMap begins.
template <class Map>
auto* row_of(Map m, Index r) {
  return m.data() + r * m.outerStride();
}

/// exp(x), and exactly 0 where that is less than the smallest normal number, as for minus infinity.
template <Scalar T>
Packet<T> exp_or_zero(const Packet<T>& x) {
  using namespace Eigen::internal;
  constexpr T kLogOfSmallest = std::same_as<T, float> ? T(-87.336544) : T(-708.39641853226408);
  return pselect(pcmp_lt(x, splat(kLogOfSmallest)), splat(T(0)), pexp(x));
}

/// f of each number, for functions that no packet instruction has.
template <Scalar T, class F>
Packet<T> each(const Packet<T>& x, F f) {
  std::array<T, static_cast<std::size_t>(kPacket<T>)> numbers;
  store(numbers.data(), x);
  for (T& number : numbers) number = f(number);
  return load(numbers.data());
}

/// y[i] = f(x[i]...) for i < n, where f takes and gives packets. y may be one of the x.
template <Scalar T, class F, std::same_as<const T*>... X>
void map_packets(Index n, T* y, F&& f, X... x) {
  Index i = 0;
  for (; i + kPacket<T> <= n; i += kPacket<T>) store<T>(y + i, f(load(x + i)...));
  if (i < n) store_part<T>(y + i, n - i, f(load_part(x + i, n - i)...));
}

/// y = f(x...) element by element, for views of one shape.
template <Scalar T, class F, std::same_as<View<const T>>... X>
void map_views(View<T> y, F f, X... x) {
  if (y.is_contiguous() && (x.is_contiguous() && ...)) {
    return map_packets(y.numel(), y.data(), f, x.data()...);
  }
  const auto map_rows = [&](const auto& Y, const auto&... rows) {
    for (Index r = 0; r < Y.rows(); ++r) map_packets(Y.cols(), row_of(Y, r), f, row_of(rows, r)...);
  };
  map_rows(y.matrix(), x.matrix()...);
}

/// The sum over i < n of f(x[i]...), where f takes and gives packets and f(0...) is 0.
template <Scalar T, class F, std::same_as<const T*>... X>
T sum_packets(Index n, F f, X... x) {
  using Eigen::internal::padd;
  Packet<T> sum = splat(T(0));
  Index i = 0;
  for (; i + kPacket<T> <= n; i += kPacket<T>) sum = padd(sum, Packet<T>(f(load(x + i)...)));
  if (i < n) sum = padd(sum, Packet<T>(f(load_part(x + i, n - i)...)));
  return Eigen::internal::predux(sum);
}

/// The same over many numbers: in pieces, whose sums are added up in double.
template <Scalar T, class F>
double sum_in_double(Index n, F f, const T* x) {
  constexpr Index kPiece = 256;
  double sum = 0.0;
  for (Index i = 0; i < n; i += kPiece) {
    sum += static_cast<double>(sum_packets<T>(std::min(kPiece, n - i), f, x + i));
  }
  return sum;
}

/// Whether none of the numbers in `rows` rows of n, `stride` apart, is infinite or NaN; 0 times any
/// other is 0.
template <Scalar T>
bool all_finite(Index n, const T* x, Index rows = 1, Index stride = 0) {
  using Eigen::internal::pmadd;
  const Packet<T> zero = splat(T(0));
  Packet<T> sum = zero;
  for (Index r = 0; r < rows; ++r, x += stride) {
    Index i = 0;
    for (; i + kPacket<T> <= n; i += kPacket<T>) sum = pmadd(load(x + i), zero, sum);
    if (i < n) sum = pmadd(load_part(x + i, n - i), zero, sum);
  }
  return Eigen::internal::predux(sum) == T(0);
}

/// sum over i < n of x[i] y[i].
template <Scalar T>
T dot(Index n, const T* x, const T* y) {
  using Eigen::internal::pmadd;
  Packet<T> sum = splat(T(0));
  Index i = 0;
  for (; i + kPacket<T> <= n; i += kPacket<T>) sum = pmadd(load(x + i), load(y + i), sum);
  if (i < n) sum = pmadd(load_part(x + i, n - i), load_part(y + i, n - i), sum);
  return Eigen::internal::predux(sum);
}

/// y[i] += a x[i].
template <Scalar T>
void add_scaled(Index n, T a, const T* x, T* y) {
  const Packet<T> A = splat(a);
  const auto sum = [&](const Packet<T>& p, const Packet<T>& q) {
    return Eigen::internal::pmadd(A, p, q);
  };
  map_packets(n, y, sum, x, static_cast<const T*>(y));
}

/// The largest of n numbers, minus infinity for none.
template <Scalar T>
T largest(Index n, const T* x) {
  using Eigen::internal::pmax;
  constexpr T kNone = -std::numeric_limits<T>::infinity();
  Packet<T> top = splat(kNone);
  Index i = 0;
  for (; i + kPacket<T> <= n; i += kPacket<T>) top = pmax(top, load(x + i));
  if (i < n) top = pmax(top, load_part(x + i, n - i, kNone));
  return Eigen::internal::predux_max(top);
}

}  // namespace hooked
