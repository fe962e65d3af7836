// multiply: y = a * b, element by element. Backward: da = dy b, db = dy a.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct Multiply {
  static constexpr std::string_view name = "multiply";
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 2;
  struct Args {};

  /// a [...], b of the same shape -> [...]
  static Shape shape(const Args&, const Shape& a, const Shape& b) {
    if (a != b) fail<ShapeError>("multiply: a is ", a, ", b is ", b, ": the shapes must agree");
    return a;
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> a, View<const T> b, View<T> y) {
    map_views(y, times<T>, a, b);
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> a, View<const T> b, View<const T>,
                       View<const T> dy, Acc<T> da, Acc<T> db) {
    da.add_map(times<T>, dy, b);
    db.add_map(times<T>, dy, a);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {3, 4}}}, {{}, {{2, 3, 5}, {2, 3, 5}}}};
  }

 private:
  template <Scalar T>
  static constexpr auto times =
      [](const Packet<T>& p, const Packet<T>& q) { return Eigen::internal::pmul(p, q); };
};

}  // namespace hooked
