// rotary: the first `dim` numbers of every head rotate in pairs by angles that grow with the
// position (Su et al., "RoFormer", 2021; contract, 5.3): with pair j = (a, b) at position p, (a cos
// - b sin, b cos + a sin) of the angle p / base^(2 j / dim). The pairs are (j, j + dim / 2), or (2
// j, 2 j + 1) where they are adjacent; all other numbers stay. Backward: the same by -angle.
#pragma once

#include "hooked/core/sums.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct Rotary {
  static constexpr std::string_view name = "rotary";
  static constexpr int inputs = 1;
  struct Args {
    const double* cos;      ///< [position, dim / 2], for every position that there is
    const double* sin;      ///< [position, dim / 2]
    const Token* position;  ///< [batch, pos]: where each token stands
    Index dim;              ///< of d_head, so many rotate
    bool adjacent = false;  ///< which numbers are pairs
  };

  /// [batch, pos, head, d_head] -> the same
  static Shape shape(const Args& args, const Shape& x) {
    if (x.rank() != 4 || args.dim > x[3]) {
      fail<ShapeError>("rotary: x is ", x, ", it must be [batch, pos, head, d_head], d_head being ",
                       args.dim, " at least");
    }
    return x;
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> x, View<T> y) {
    const auto X = x.matrix();  // [batch * pos * head, d_head]
    auto Y = y.matrix();
    for (Index r = 0; r < X.rows(); ++r)
      rotate(args, r / x.size(2), T(1), row_of(X, r), row_of(Y, r));
    const Index rest = x.size(3) - args.dim;
    Y.rightCols(rest) = X.rightCols(rest);
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> x, View<const T>, View<const T> dy,
                       Acc<T> dx) {
    if (!dx) return;
    const auto dY = dy.matrix();
    HOOKED_SCRATCH(T, rotated, dY.cols());
    const Sums<T> dX = dx.sums();
    for (Index r = 0; r < dY.rows(); ++r) {
      std::copy_n(row_of(dY, r), dY.cols(), rotated);
      rotate(args, r / x.size(2), T(-1), row_of(dY, r), rotated);
      dX.from(r * dY.cols()).add_row(dY.cols(), rotated);
    }
  }

  static std::vector<Sample<Args>> samples() {
    static constexpr double cos[] = {1.0, 1.0, 0.6, 0.8, -0.28, 0.28};
    static constexpr double sin[] = {0.0, 0.0, 0.8, 0.6, 0.96, 0.96};
    static constexpr Token position[] = {0, 1, 2, 2, 0, 1};
    return {{{cos, sin, position, 4}, {{2, 3, 2, 4}}},
            {{cos, sin, position, 4, true}, {{2, 3, 1, 4}}},
            {{cos, sin, position, 4}, {{1, 2, 1, 7}}}};
  }

 private:
  // The pairs of one head of token `row`, in the direction `turn`.
  template <Scalar T>
  static void rotate(const Args& args, Index row, T turn, const T* x, T* y) {
    const Index half = args.dim / 2, first = Index{args.position[row]} * half;
    const Index step = args.adjacent ? 2 : 1, apart = args.adjacent ? 1 : half;
    for (Index j = 0; j < half; ++j) {
      const auto c = static_cast<T>(args.cos[first + j]),
                 s = turn * static_cast<T>(args.sin[first + j]);
      const T a = x[j * step], b = x[j * step + apart];
      y[j * step] = a * c - b * s;
      y[j * step + apart] = b * c + a * s;
    }
  }
};

}  // namespace hooked
