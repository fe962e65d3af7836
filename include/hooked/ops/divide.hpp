// divide: y = a / b, element by element. Backward: da = dy / b, db = -dy y / b.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Divide {
  static constexpr std::string_view name = "divide";
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 2;
  struct Args {};

  /// a [...], b of the same shape -> [...]
  static Shape shape(const Args&, const Shape& a, const Shape& b) {
    if (a != b) fail<ShapeError>("divide: a is ", a, ", b is ", b, ": the shapes must agree");
    return a;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> a, View<const T> b, View<T> y) {
    map_views(y, over<T>, a, b);
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T> b, View<const T> y,
                       View<const T> dy, Acc<T> da, Acc<T> db) {
    da.add_map(over<T>, dy, b);
    const auto slope = [](const Packet<T>& d, const Packet<T>& v, const Packet<T>& q) {
      using Eigen::internal::pdiv, Eigen::internal::pmul, Eigen::internal::pnegate;
      return pnegate(Packet<T>(pdiv(Packet<T>(pmul(d, v)), q)));
    };
    db.add_map(slope, dy, y, b);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {3, 4}}, 0.3, 2.0}, {{}, {{2, 3, 5}, {2, 3, 5}}, 0.3, -2.0}};
  }

 private:
  template <Scalar T>
  static constexpr auto over =
      [](const Packet<T>& p, const Packet<T>& q) { return Eigen::internal::pdiv(p, q); };
};

}  // namespace hooked
