// matmul: y[..., i, k] = sum_j a[..., i, j] b[..., j, k]. The leading axes are the same, or one of
// the two has none and serves all matrices of the other. Backward: da = dy b^T, db = a^T dy, each
// summed over what it serves.
#pragma once

#include "hooked/ops/op.hpp"

namespace hooked {

struct MatMul {
  static constexpr std::string_view name = "matmul";
  static constexpr int inputs = 2;
  struct Args {};

  /// a [..., m, n], b [..., n, p] -> [..., m, p]
  static Shape shape(const Args&, const Shape& a, const Shape& b) {
    const auto refuse = [&](const auto&... parts) {
      fail<ShapeError>("matmul: a is ", a, ", b is ", b, ": ", parts...);
    };
    if (a.rank() < 2 || b.rank() < 2) refuse("both need two axes");
    if (a[-1] != b[-2]) refuse("a has ", a[-1], " columns but b has ", b[-2], " rows");
    const Shape a_leads = a.axes(0, a.rank() - 2), b_leads = b.axes(0, b.rank() - 2);
    if (a_leads != b_leads && a_leads.rank() > 0 && b_leads.rank() > 0) {
      refuse("the leading axes differ");
    }
    return join(a_leads.rank() > 0 ? a_leads : b_leads, {a[-2], b[-1]});
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> a, View<const T> b, View<T> y) {
    in_order("matmul: a", a);
    in_order("matmul: b", b);
    if (b.rank() == 2) return set_product(a.matrix(), b.matrix(), y.matrix());
    const auto A = stacked(a), B = stacked(b);
    const auto Y = stacked(y);
    for (Index i = 0; i < Y.size(0); ++i) {
      set_product(part(A, i).matrix(), part(B, i).matrix(), part(Y, i).matrix());
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> a, View<const T> b, View<const T>,
                       View<const T> dy, Acc<T> da, Acc<T> db) {
    if (b.rank() == 2) {
      da.add_product(dy.matrix(), b.matrix().transpose());
      db.add_product(a.matrix().transpose(), dy.matrix());
      return;
    }
    const auto A = stacked(a), B = stacked(b), dY = stacked(dy);
    const Acc<T> dA = da.reshape(A.shape()), dB = db.reshape(B.shape());
    for (Index i = 0; i < dY.size(0); ++i) {
      const auto rows = part(dY, i).matrix();
      dA.select(0, A.size(0) == 1 ? 0 : i).add_product(rows, part(B, i).matrix().transpose());
      dB.select(0, i).add_product(part(A, i).matrix().transpose(), rows);
    }
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4, 2}}},
            {{}, {{2, 3, 4}, {4, 5}}},
            {{}, {{3, 4}, {2, 4, 5}}},
            {{}, {{2, 2, 3, 4}, {2, 2, 4, 2}}},
            {{}, {{4, 33, 20}, {4, 20, 40}}}};
  }

 private:
  // Leading axes folded into one.
  template <class T>
  static View<T> stacked(View<T> x) {
    const Index count = x.shape().axes(0, x.rank() - 2).numel();
    return x.view_as(Shape{count, x.size(-2), x.size(-1)});
  }
  template <class T>
  static View<T> part(View<T> x, Index i) {
    return x.select(0, x.size(0) == 1 ? 0 : i);
  }
};

}  // namespace hooked
