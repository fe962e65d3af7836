// head_linear: every head has its own input and its own matrix, y[r, h] = x[r, h] W[h].
// hook_result is z_h W_O[h]; with split inputs q_h is x_h W_Q[h] (reference: contract, 3.2). Of
// fewer matrices than heads, as many heads in a row share each. Backward: dx_h = dy_h W_h^T, dW_h =
// x_h^T dy_h, summed over the heads that share it.
#pragma once

#include "hooked/ops/attention_mask.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct HeadLinear {
  static constexpr std::string_view name = "head_linear";
  static constexpr int inputs = 2;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// x [..., head, in], W [head, in, out] -> [..., head, out]; W's heads divide those of x
  static Shape shape(const Args&, const Shape& x, const Shape& W) {
    if (x.rank() < 2 || W.rank() != 3 || !share_heads(x[-2], W[0]) || x[-1] != W[1]) {
      fail<ShapeError>("head_linear: x is ", x, ", W is ", W,
                       ": x must end in the [head, in] of W [head, in, out]");
    }
    return join(x.axes(0, x.rank() - 1), {W[2]});
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> W, View<T> y) {
    const Index heads = x.size(-2), sharing = heads / W.size(0);
    for (Index h = 0; h < heads; ++h) {
      set_product(x.select(-2, h).matrix(), W.select(0, h / sharing).matrix(),
                  y.select(-2, h).matrix());
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> W, View<const T>,
                       View<const T> dy, Acc<T> dx, Acc<T> dW) {
    const Index heads = x.size(-2), sharing = heads / W.size(0);
    for (Index h = 0; h < heads; ++h) {
      const auto x_h = x.select(-2, h).matrix();
      const auto dy_h = dy.select(-2, h).matrix();
      dx.select(-2, h).add_product(dy_h, W.select(0, h / sharing).matrix().transpose());
      dW.select(0, h / sharing).add_product(x_h.transpose(), dy_h);
    }
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 2, 4}, {2, 4, 5}}},
            {{}, {{2, 3, 2, 1}, {2, 1, 3}}},
            {{}, {{3, 4, 2}, {2, 2, 3}}},
            {{}, {{48, 4, 32}, {4, 32, 128}}}};
  }
};

}  // namespace hooked
