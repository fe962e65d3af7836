// cross_entropy: loss[r] = log(sum_j exp(x[r, j])) - x[r, label[r]], natural logarithm, for each
// row of logits; rows labelled kIgnored give 0 (contract, 5.5). Computed in double also for float
// logits. With rest = sum over the other tokens of exp(x_j - x_label), loss = log1p(rest): no
// cancellation however small the loss is, where float log-softmax floors at 1e-7 and makes long
// training runs spike. Backward: dx_j = dy (p_j - [j = label]), and p_label - 1 = -(sum of the
// other p_j).
#pragma once

#include <algorithm>
#include <cmath>

#include "hooked/ops/op.hpp"

namespace hooked {

struct CrossEntropy {
  static constexpr std::string_view name = "cross_entropy";
  static constexpr int inputs = 1;
  static constexpr Token kIgnored = -1;
  struct Args {
    const Token* labels;  // one for each row, or kIgnored
  };

  /// logits [..., d_vocab_out] -> loss [...]
  static Shape shape(const Args& args, const Shape& logits) {
    if (logits.rank() < 1 || logits[-1] < 1) {
      fail<ShapeError>("cross_entropy: logits are ", logits, ", they need an axis of tokens");
    }
    const Shape rows = logits.axes(0, logits.rank() - 1);
    for (Index r = 0; r < rows.numel(); ++r) {
      if (args.labels[r] != kIgnored && (args.labels[r] < 0 || args.labels[r] >= logits[-1])) {
        fail<ShapeError>("cross_entropy: label ", args.labels[r], " at row ", r, " of ", rows,
                         " is outside the ", logits[-1], " tokens of logits ", logits);
      }
    }
    return rows;
  }
  /// Keeps p_j - [j = label].
  static Shape saved(const Args&, const Shape& logits) { return logits; }

  template <Scalar T>
  static void forward(const Args& args, View<const T> logits, View<T> loss, View<T> saved) {
    const auto X = logits.array();
    auto slope = saved.array();
    for (Index r = 0; r < X.rows(); ++r) {
      const Token label = args.labels[r];
      if (label == kIgnored) {
        loss.data()[r] = T(0);
        slope.row(r) = T(0);
        continue;
      }
      const double top = static_cast<double>(X.row(r).maxCoeff());
      const double at_label = static_cast<double>(X(r, label)) - top;
      double rest = 0.0;
      constexpr Index kChunk = 64;
      for (Index start = 0; start < X.cols(); start += kChunk) {
        const Index n = std::min(kChunk, X.cols() - start);
        Eigen::Array<double, 1, Eigen::Dynamic, Eigen::RowMajor, 1, kChunk> e =
            (X.row(r).segment(start, n).template cast<double>() - top).exp();
        if (label >= start && label < start + n) e[label - start] = 0.0;
        rest += e.sum();
        slope.row(r).segment(start, n) = e.template cast<T>();
      }
      const double total = rest + std::exp(at_label);
      loss.data()[r] =
          static_cast<T>(at_label == 0.0 ? std::log1p(rest) : std::log(total) - at_label);
      slope.row(r) *= static_cast<T>(1.0 / total);
      slope(r, label) = static_cast<T>(-rest / total);
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T> logits, View<const T>, View<const T> saved,
                       View<const T> dloss, Acc<T> dlogits) {
    const Index rows = logits.array().rows();
    dlogits.array() += saved.array().colwise() * dloss.reshape(Shape{rows, 1}).array().col(0);
  }

  static std::vector<Sample<Args>> samples() {
    static constexpr Token labels[] = {2, 0, kIgnored, 3, 1, 1};
    return {{{labels}, {{6, 4}}}, {{labels}, {{2, 3, 5}}, 3.0}, {{labels + 1}, {{1, 1}}}};
  }
};

}  // namespace hooked
