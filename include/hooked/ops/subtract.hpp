// subtract: y = a - b. Backward: da = dy, db = -dy.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Subtract {
  static constexpr std::string_view name = "subtract";
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 2;
  struct Args {};

  /// a [...], b of the same shape -> [...]
  static Shape shape(const Args&, const Shape& a, const Shape& b) {
    if (a != b) fail<ShapeError>("subtract: a is ", a, ", b is ", b, ": the shapes must agree");
    return a;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> a, View<const T> b, View<T> y) {
    const auto difference = [](const Packet<T>& p, const Packet<T>& q) {
      return Eigen::internal::psub(p, q);
    };
    map_views(y, difference, a, b);
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T>, View<const T> dy,
                       Acc<T> da, Acc<T> db) {
    da.add(dy);
    db.add_map([](const Packet<T>& v) { return Eigen::internal::pnegate(v); }, dy);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {3, 4}}}, {{}, {{2, 3, 5}, {2, 3, 5}}}};
  }
};

}  // namespace hooked
