// fused_mlp: out = f(x W_in + b_in) W_out + b_out in one go, where nobody looks between the steps
// (contract, 5.4). The hidden layer is four times as wide as its surroundings, so whole it would
// leave the caches between one step and the next: it is taken in blocks of rows. Products do not
// mix rows, so the blocks change no bit. Backward, with pre = x W_in + b_in, post = f(pre): dpre =
// (dout W_out^T) f'(pre), then dx = dpre W_in^T, dW_in = x^T dpre, dW_out = post^T dout, db_in and
// db_out sums over rows.
#pragma once

#include <algorithm>
#include <array>

#include "hooked/ops/gelu.hpp"
#include "hooked/ops/gelu_new.hpp"
#include "hooked/ops/op.hpp"
#include "hooked/ops/pointwise.hpp"
#include "hooked/ops/relu.hpp"
#include "hooked/ops/silu.hpp"

namespace hooked {

namespace detail {

// The gradients of weights are added up in blocks of rows of 2^17 numbers (in float half a
// megabyte), but of enough rows to be worth it.
inline Index rows_of_mlp_block(Index width, Index rows) {
  constexpr Index kNumbers = Index{1} << 17, kFewest = 48;
  return std::min(rows, std::max(kFewest, kNumbers / std::max<Index>(1, width)));
}
// So many blocks at a time meet the weights, which each time must be fetched and packed; of double
// more would go to the heap (EIGEN_STACK_ALLOCATION_LIMIT).
template <Scalar T>
inline constexpr Index kMlpBlocks = sizeof(T) == sizeof(float) ? 3 : 1;

template <class T>
MatrixMap<T> mlp_block(T* data, Index n, Index width) {
  return {data, n, width, Eigen::OuterStride<>(width)};
}
template <class T>
MatrixMap<T> mlp_rows(const auto& m, Index first, Index n) {
  return {row_of(m, first), n, m.cols(), Eigen::OuterStride<>(m.outerStride())};
}

// One of each for a scalar, which the activations share.
template <Scalar T>
[[gnu::noinline]] void fused_mlp(const RowFunction<T>& f, View<const T> x, View<const T> W_in,
                                 View<const T> b_in, View<const T> W_out, View<const T> b_out,
                                 View<T> out, View<T> pre) {
  const auto X = x.matrix();
  const auto Out = out.matrix(), Pre = pre.matrix();
  const Index width = W_in.size(1);
  const Index at_once = std::min(X.rows(), kMlpBlocks<T> * rows_of_mlp_block(width, X.rows()));
  HOOKED_SCRATCH(T, post, at_once * width);
  for (Index r = 0; r < X.rows(); r += at_once) {
    const Index n = std::min(at_once, X.rows() - r);
    set_product(mlp_rows<const T>(X, r, n), W_in.matrix(), in_order("fused_mlp: b_in", b_in),
                mlp_rows<T>(Pre, r, n));
    f.value(n * width, post, row_of(Pre, r));
    set_product(mlp_block<const T>(post, n, width), W_out.matrix(),
                in_order("fused_mlp: b_out", b_out), mlp_rows<T>(Out, r, n));
  }
}

template <Scalar T>
[[gnu::noinline]] void fused_mlp_backward(const RowFunction<T>& f, View<const T> x,
                                          View<const T> W_in, View<const T> W_out,
                                          View<const T> pre, View<const T> dout, Acc<T> dx,
                                          Acc<T> dW_in, Acc<T> db_in, Acc<T> dW_out,
                                          Acc<T> db_out) {
  const auto X = x.matrix(), Pre = pre.matrix(), dOut = dout.matrix();
  const Index width = W_in.size(1), block_rows = rows_of_mlp_block(width, X.rows());
  const Index at_once = std::min(X.rows(), kMlpBlocks<T> * block_rows);
  HOOKED_SCRATCH(T, post, block_rows * width);
  HOOKED_SCRATCH(T, dpre, at_once * width);
  const Acc<T> dx_rows = dx.reshape({X.rows(), X.cols()});
  for (Index first = 0; first < X.rows(); first += at_once) {
    const Index last = std::min(X.rows(), first + at_once);
    set_product(mlp_rows<const T>(dOut, first, last - first), W_out.matrix().transpose(),
                mlp_block<T>(dpre, last - first, width));
    for (Index r = first; r < last; r += block_rows) {
      const Index n = std::min(block_rows, last - r);
      T* const slope = dpre + (r - first) * width;
      f.value(n * width, post, row_of(Pre, r));
      f.slope(n * width, slope, row_of(Pre, r), slope, false);
      const auto dout_r = mlp_rows<const T>(dOut, r, n);
      const auto dpre_r = mlp_block<const T>(slope, n, width);
      dW_out.add_product(mlp_block<const T>(post, n, width).transpose(), dout_r);
      db_out.add_column_sums(dout_r);
      dW_in.add_product(mlp_rows<const T>(X, r, n).transpose(), dpre_r);
      db_in.add_column_sums(dpre_r);
    }
    dx_rows.slice(0, first, last)
        .add_product(mlp_block<const T>(dpre, last - first, width), W_in.matrix().transpose());
  }
}

}  // namespace detail

/// `Function` as for Pointwise.
template <class Function>
struct FusedMlp {
  static constexpr auto kName = [] {  // "fused_mlp_relu"
    constexpr std::string_view first = "fused_mlp_", second = Function::name;
    std::array<char, first.size() + second.size()> joined{};
    std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), joined.begin()));
    return joined;
  }();
  static constexpr std::string_view name{kName.data(), kName.size()};
  static constexpr int inputs = 5;
  static constexpr int row_inputs = 1;
  struct Args {};

  /// x [..., d_model], W_in [d_model, d_mlp], b_in [d_mlp], W_out [d_mlp, d_model], b_out [d_model]
  /// -> [..., d_model]
  static Shape shape(const Args&, const Shape& x, const Shape& W_in, const Shape& b_in,
                     const Shape& W_out, const Shape& b_out) {
    if (x.rank() < 1 || W_in.rank() != 2 || W_out.rank() != 2 || x[-1] != W_in[0] ||
        W_in[1] != W_out[0] || b_in != Shape{W_in[1]} || b_out != Shape{W_out[1]}) {
      fail<ShapeError>("fused_mlp: x is ", x, ", W_in is ", W_in, ", b_in is ", b_in, ", W_out is ",
                       W_out, ", b_out is ", b_out,
                       ": they must be [..., m], [m, h], [h], [h, n] and [n]");
    }
    return join(x.axes(0, x.rank() - 1), {W_out[1]});
  }
  /// Keeps x W_in + b_in.
  static Shape saved(const Args&, const Shape& x, const Shape& W_in, const Shape&, const Shape&,
                     const Shape&) {
    return join(x.axes(0, x.rank() - 1), {W_in[1]});
  }

  template <Scalar T>
  static void forward(const Args&, View<const T> x, View<const T> W_in, View<const T> b_in,
                      View<const T> W_out, View<const T> b_out, View<T> out, View<T> pre) {
    detail::fused_mlp(detail::row_function<Function, T>, x, W_in, b_in, W_out, b_out, out, pre);
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> x, View<const T> W_in, View<const T>,
                       View<const T> W_out, View<const T>, View<const T>, View<const T> pre,
                       View<const T> dout, Acc<T> dx, Acc<T> dW_in, Acc<T> db_in, Acc<T> dW_out,
                       Acc<T> db_out) {
    detail::fused_mlp_backward(detail::row_function<Function, T>, x, W_in, W_out, pre, dout, dx,
                               dW_in, db_in, dW_out, db_out);
  }

  static std::vector<Sample<Args>> samples() {
    return {{{}, {{3, 4}, {4, 5}, {5}, {5, 4}, {4}}},
            {{}, {{2, 3, 1}, {1, 2}, {2}, {2, 3}, {3}}},
            {{}, {{100, 2}, {2, 3000}, {3000}, {3000, 1}, {1}}},
            {{}, {{96, 32}, {32, 128}, {128}, {128, 32}, {32}}}};
  }
};

}  // namespace hooked
