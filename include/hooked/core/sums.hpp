// Sums<T>: numbers that can be read and added to, never set. What kernels are handed that add to a
// gradient here and there.
#pragma once

#include "hooked/core/tile_product.hpp"

namespace hooked {

/// Numbers in their plain order, or none (a gradient that nobody wants).
template <Scalar T>
class Sums {
 public:
  Sums() = default;
  explicit Sums(T* numbers) : numbers_(numbers) {}

  explicit operator bool() const { return numbers_ != nullptr; }
  /// Number i.
  T operator[](Index i) const { return numbers_[i]; }
  /// The numbers from i on.
  Sums from(Index i) const { return Sums(numbers_ + i); }

  void add(Index i, T x) const { numbers_[i] += x; }
  /// Adds the first n numbers of a register.
  void add(Index i, Index n, const Packet<T>& x) const {
    using Eigen::internal::padd;
    T* const at = numbers_ + i;
    if (n == kPacket<T>) {
      store<T>(at, padd(load(at), x));
    } else {
      store_part<T>(at, n, padd(load_part(at, n), x));
    }
  }
  /// Adds x[i] to each of the first n.
  void add_row(Index n, const T* x) const {
    const auto sum = [](const Packet<T>& s, const Packet<T>& v) {
      return Eigen::internal::padd(s, v);
    };
    map_packets(n, numbers_, sum, so_far(), x);
  }
  /// Adds a x[i].
  void add_row(Index n, T a, const T* x) const { add_scaled(n, a, x, numbers_); }
  /// Adds x[i] y[i].
  void add_products(Index n, const T* x, const T* y) const {
    const auto sum = [](const Packet<T>& s, const Packet<T>& v, const Packet<T>& w) {
      return Eigen::internal::pmadd(v, w, s);
    };
    map_packets(n, numbers_, sum, so_far(), x, y);
  }
  /// Adds the product that tile_product takes, to rows that lie `row` apart.
  void add_tiles(Index row, Strided<const T> a, const T* b, Index b_row, Index rows, Index depth,
                 Index columns) const {
    tile_product<T>(a, b, b_row, {numbers_, row, numbers_, row}, rows, depth, columns);
  }

 private:
  const T* so_far() const { return numbers_; }

  T* numbers_ = nullptr;
};

}  // namespace hooked
