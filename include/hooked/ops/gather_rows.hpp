// gather_rows: y[i, ...] = table[index[i], ...].
// Token and position embedding, the choice of wanted positions and the spreading of distinct rows
// over (batch, position) are all this one operation. Backward: d table[r] = sum of dy[i] over all i
// with index[i] = r, added in the order of i.
#pragma once

#include "hooked/core/sums.hpp"
#include "hooked/ops/op.hpp"

namespace hooked {

struct GatherRows {
  static constexpr std::string_view name = "gather_rows";
  static constexpr int inputs = 1;
  struct Args {
    const Token* index;  // leading.numel() row numbers
    Shape leading;       // the shape that the index has
  };

  /// table [rows, trailing...] -> [leading..., trailing...]
  static Shape shape(const Args& args, const Shape& table) {
    if (table.rank() < 1) fail<ShapeError>("gather_rows: the table has no rows, its shape is []");
    for (Index i = 0; i < args.leading.numel(); ++i) {
      if (args.index[i] < 0 || args.index[i] >= table[0]) {
        fail<ShapeError>("gather_rows: index ", args.index[i], " at place ", i, " of ",
                         args.leading, " is outside the ", table[0], " rows of the table ", table);
      }
    }
    return join(args.leading, table.axes(1, table.rank()));
  }

  template <Scalar T>
  static void forward(const Args& args, View<const T> table, View<T> y) {
    const auto rows = by_row(table, table.size(0));
    const auto out = by_row(y, args.leading.numel());
    for (Index i = 0; i < out.rows(); ++i) {
      std::copy_n(row_of(rows, args.index[i]), out.cols(), row_of(out, i));
    }
  }

  template <Scalar T>
  static void backward(const Args& args, View<const T> table, View<const T>, View<const T> dy,
                       Acc<T> d_table) {
    const auto dout = by_row(dy, args.leading.numel());
    const Sums<T> rows = d_table.sums();
    if (!rows || dout.rows() == 0) return;
    const Index width = table.numel() / table.size(0);
    for (Index i = 0; i < dout.rows(); ++i) {
      rows.from(args.index[i] * width).add_row(width, row_of(dout, i));
    }
  }

  static std::vector<Sample<Args>> samples() {
    static constexpr Token index[] = {2, 0, 2, 1, 2, 2};
    return {{{index, {2, 3}}, {{3, 4}}}, {{index, {6}}, {{5, 2, 3}}}, {{index, {1}}, {{4}}}};
  }

 private:
  template <class T>
  static MatrixMap<T> by_row(View<T> x, Index rows) {
    const Index width = rows == 0 ? 0 : x.numel() / rows;
    if (x.is_contiguous()) return {x.data(), rows, width, Eigen::OuterStride<>(width)};
    return x.view_as(Shape{rows, width}).matrix();
  }
};

}  // namespace hooked
