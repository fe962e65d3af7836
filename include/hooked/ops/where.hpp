// where: y = mask ? b : a, element by element. Every edit of an activation ends in it: zero, mean
// and resample ablation and patching choose elements and what stands there instead. Backward: da =
// mask ? 0 : dy, db = mask ? dy : 0.
#pragma once

#include <cstdint>

#include "hooked/core/sums.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct Where {
  static constexpr std::string_view name = "where";
  static constexpr int inputs = 2;
  struct Args {
    const std::uint8_t* mask;  // one byte for each element; 1 takes b
  };

  /// a [...], b of the same shape -> [...]
  static Shape shape(const Args&, const Shape& a, const Shape& b) {
    if (a != b) fail<ShapeError>("where: a is ", a, ", b is ", b, ": the shapes must agree");
    return a;
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> a, View<const T> b, View<T> y) {
    const auto A = a.array(), B = b.array();
    auto Y = y.array();
    const std::uint8_t* takes_b = args.mask;
    for (Index r = 0; r < Y.rows(); ++r) {
      for (Index c = 0; c < Y.cols(); ++c) Y(r, c) = *takes_b++ != 0 ? B(r, c) : A(r, c);
    }
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T>, View<const T>, View<const T>,
                       View<const T> dy, Acc<T> da, Acc<T> db) {
    const Sums<T> to_a = da.sums(), to_b = db.sums();
    for (Index i = 0; i < dy.numel(); ++i) {
      const Sums<T> to = args.mask[i] != 0 ? to_b : to_a;
      if (to) to.add(i, dy.data()[i]);
    }
  }

  static std::vector<Sample<Args>> samples() {
    static constexpr std::uint8_t mask[] = {1, 0, 0, 1, 1, 0};
    return {{{mask}, {{2, 3}, {2, 3}}}, {{mask}, {{1, 2, 1}, {1, 2, 1}}}};
  }
};

}  // namespace hooked
