#include "hooked/core/packets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "check.hpp"
#include "hooked/testing/bits.hpp"

using namespace hooked;
using hooked::testing::bits_of;

namespace {

/// Calls `visit(n, offset)` for every length of up to two packets and a bit, and every place that
/// its first number may have in a packet.
template <Scalar T, class Visit>
void at_all_places(Visit visit) {
  for (Index n = 0; n <= 2 * kPacket<T> + 1; ++n) {
    for (Index offset = 0; offset < kPacket<T>; ++offset) visit(n, offset);
  }
}

/// The `numbers` at `offset` in memory that is aligned and has room behind them.
template <Scalar T>
Tensor<T> placed(const Tensor<T>& numbers, Index n, Index offset, T rim) {
  Tensor<T> memory({offset + n + kPacket<T>}, rim);
  std::copy_n(numbers.data(), n, memory.data() + offset);
  return memory;
}

template <Scalar T>
Packet<T> square(const Packet<T>& p) {
  return Eigen::internal::pmul(p, p);
}

/// How far y is from `exact`, in steps between neighbouring numbers of type T.
template <Scalar T>
double in_ulps(T y, long double exact) {
  const T near = static_cast<T>(exact);
  const T step =
      std::nextafter(std::abs(near), std::numeric_limits<T>::infinity()) - std::abs(near);
  return static_cast<double>(std::abs(static_cast<long double>(y) - exact) / step);
}

}  // namespace

TEMPLATE_TEST_CASE("a map has the same bits at every address and touches nothing else", "", float,
                   double) {
  using T = TestType;
  const Tensor<T> x = random_tensor<T>({3 * kPacket<T>}, 1),
                  y = random_tensor<T>({3 * kPacket<T>}, 2);
  const auto f = [](const Packet<T>& p, const Packet<T>& q) {
    return Eigen::internal::pmadd(p, q, exp_or_zero<T>(p));
  };
  bool same = true, untouched = true;
  at_all_places<T>([&](Index n, Index offset) {
    const Tensor<T> at_x = placed(x, n, offset, T(77)), at_y = placed(y, n, 0, T(77));
    Tensor<T> out({offset + n + kPacket<T>}, T(-1));
    map_packets(n, out.data() + offset, f, at_x.data() + offset, at_y.data());
    for (Index i = 0; i < n; ++i) {
      T alone = 0;
      map_packets(1, &alone, f, x.data() + i, y.data() + i);
      same &= bits_of(out(offset + i)) == bits_of(alone);
    }
    for (Index i = 0; i < offset; ++i) untouched &= out(i) == T(-1);
    for (Index i = offset + n; i < out.numel(); ++i) untouched &= out(i) == T(-1);
  });
  CHECK(same);
  CHECK(untouched);
}

TEMPLATE_TEST_CASE("a map may write where it reads", "", float, double) {
  using T = TestType;
  Tensor<T> x({kPacket<T> + 3}, T(3));
  map_packets(x.numel(), x.data(), square<T>, static_cast<const T*>(x.data()));
  CHECK(difference(x, Tensor<T>({kPacket<T> + 3}, T(9))) == "");
}

TEMPLATE_TEST_CASE("sums have the same bits at every address and leave out what lies behind", "",
                   float, double) {
  using T = TestType;
  const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const Tensor<T> x = random_tensor<T>({3 * kPacket<T>}, 1);
  bool right = true;
  at_all_places<T>([&](Index n, Index offset) {
    const Tensor<T> here = placed(x, n, 0, nan), there = placed(x, n, offset, nan);
    const T *a = here.data(), *b = there.data() + offset;
    right &= bits_of(sum_packets<T>(n, square<T>, a)) == bits_of(sum_packets<T>(n, square<T>, b));
    right &= bits_of(dot(n, a, a)) == bits_of(dot(n, b, b));
    right &=
        bits_of(sum_in_double<T>(n, square<T>, a)) == bits_of(sum_in_double<T>(n, square<T>, b));
    double sum = 0;
    T top = -infinity;
    for (Index i = 0; i < n; ++i) {
      sum += static_cast<double>(x(i)) * static_cast<double>(x(i));
      top = std::max(top, x(i));
    }
    const double tolerance = 8 * static_cast<double>(std::numeric_limits<T>::epsilon()) * sum;
    right &= std::abs(static_cast<double>(dot(n, b, b)) - sum) <= tolerance;
    right &= std::abs(static_cast<double>(sum_packets<T>(n, square<T>, b)) - sum) <= tolerance;
    right &= largest(n, b) == top;
    right &= all_finite(n, b) && (n == 0 || !all_finite(n + 1, b));
  });
  CHECK(right);
}

TEST_CASE("many numbers are added up in double, in pieces") {
  // 2^24 + 1 is no float: added up in float, the ones would be lost.
  const Index n = 3 * 256;
  Tensor<float> x({n}, 1.0F);
  x(0) = 16777216.0F;
  const auto itself = [](const Packet<float>& p) { return p; };
  CHECK(sum_in_double<float>(n, itself, x.data()) - 16777216.0 >= 2 * 256);
  x(0) = 1.0F;
  CHECK(sum_in_double<float>(n, itself, x.data()) == n);
  CHECK(sum_in_double<float>(257, itself, x.data()) == 257);
}

TEMPLATE_TEST_CASE("add_scaled adds a x, also to a tail", "", float, double) {
  using T = TestType;
  for (Index n = 0; n <= 2 * kPacket<T> + 1; ++n) {
    const Tensor<T> x({n + 1}, T(2));
    Tensor<T> y({n + 1}, T(1));
    add_scaled(n, T(3), x.data(), y.data());
    for (Index i = 0; i < n; ++i) CHECK(y(i) == T(7));
    CHECK(y(n) == T(1));
  }
}

TEMPLATE_TEST_CASE("views are mapped row by row where their rows lie apart", "", float, double) {
  using T = TestType;
  const Index columns = kPacket<T> + 1;
  const Tensor<T> x = random_tensor<T>({4, 2 * columns}, 1);
  Tensor<T> y({4, columns + 2}, T(-1));
  map_views<T>(y.slice(1, 1, columns + 1), square<T>, x.slice(1, 2, columns + 2));
  for (Index r = 0; r < 4; ++r) {
    CHECK(y(r, 0) == T(-1));
    CHECK(y(r, columns + 1) == T(-1));
    for (Index c = 0; c < columns; ++c) CHECK(y(r, c + 1) == x(r, c + 2) * x(r, c + 2));
  }
}

TEMPLATE_TEST_CASE("the largest number is found where all are minus infinity or there is none", "",
                   float, double) {
  using T = TestType;
  const T infinity = std::numeric_limits<T>::infinity();
  const Tensor<T> x({kPacket<T> + 1}, -infinity);
  CHECK(largest(x.numel(), x.data()) == -infinity);
  CHECK(largest(Index{0}, x.data()) == -infinity);
}

TEMPLATE_TEST_CASE("what is not finite is found anywhere", "", float, double) {
  using T = TestType;
  using Limits = std::numeric_limits<T>;
  const Index n = 2 * kPacket<T> + 1;
  Tensor<T> x({n}, Limits::max());
  x(0) = Limits::denorm_min();
  CHECK(all_finite(n, x.data()));
  for (const T bad : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
    for (Index i = 0; i < n; ++i) {
      Tensor<T> y = x;
      y(i) = bad;
      CHECK_FALSE(all_finite(n, y.data()));
    }
  }
}

TEMPLATE_TEST_CASE("exp is close to the exact number, and zero instead of denormal", "", float,
                   double) {
  using T = TestType;
  const T lowest = std::log(std::numeric_limits<T>::min()) + T(0.01);
  const auto exp_of = [](T x) {
    T y = 0;
    map_packets(
        1, &y, [](const Packet<T>& p) { return exp_or_zero<T>(p); }, static_cast<const T*>(&x));
    return y;
  };
  const auto worst_down_to = [&](T end) {  // softmax has no positive arguments
    double worst = 0;
    for (int i = 0; i <= 20000; ++i) {
      const T x = end * static_cast<T>(i) / T(20000);
      worst = std::max(worst, in_ulps(exp_of(x), std::exp(static_cast<long double>(x))));
    }
    return worst;
  };
  CHECK(worst_down_to(T(-20)) <= 2.0);
  CHECK(worst_down_to(lowest) <= 6.0);  // Eigen's for AVX-512 loses some bits in float
  CHECK(exp_of(T(0)) == T(1));
  CHECK(bits_of(exp_of(-std::numeric_limits<T>::infinity())) == 0);
  CHECK(bits_of(exp_of(lowest - T(1))) == 0);
  CHECK(std::isnan(exp_of(std::numeric_limits<T>::quiet_NaN())));
}
