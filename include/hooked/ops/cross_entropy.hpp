// cross_entropy: loss[r] = log(sum_j exp(x[r, j])) - x[r, label[r]], natural logarithm, for each
// row of logits; rows labelled kIgnored give 0 (contract, 5.5). Computed in double also for float
// logits. With rest = sum over the other tokens of exp(x_j - x_label), loss = log1p(rest): no
// cancellation however small the loss is, where float log-softmax floors at 1e-7 and makes long
// training runs spike. Backward: dx_j = dy (p_j - [j = label]), and p_label - 1 = -(sum of the
// other p_j).
// Smoothing s mixes the label with all K tokens (Szegedy et al., 2016): the target is
// (1 - s) [j = label] + s / K, which adds s (x_label - mean_j x_j) to the loss and
// s ([j = label] - 1 / K) to its slope.
#pragma once

#include <algorithm>
#include <cmath>

#include "hooked/ops/op.hpp"

namespace hooked {

struct CrossEntropy {
  static constexpr std::string_view name = "cross_entropy";
  static constexpr int inputs = 1;
  /// The label that does not count.
  static constexpr Token kIgnored = -1;
  struct Args {
    const Token* labels;     // one for each row, or kIgnored
    double smoothing = 0.0;  ///< of labels, in [0, 1)
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
    const auto X = logits.matrix();
    const auto slope = saved.matrix();
    for (Index r = 0; r < X.rows(); ++r) {
      const Token label = args.labels[r];
      if (label == kIgnored) {
        loss.data()[r] = T(0);
        std::fill_n(row_of(slope, r), X.cols(), T(0));
        continue;
      }
      const T* x = row_of(X, r);
      T* const e = row_of(slope, r);
      const T top = largest(X.cols(), x);
      const double at_label = static_cast<double>(x[label] - top);
      const auto shifted_exp = [Top = splat(top)](const Packet<T>& v) {
        return exp_or_zero<T>(Eigen::internal::psub(v, Top));
      };
      map_packets(X.cols(), e, shifted_exp, x);
      e[label] = T(0);
      const auto itself = [](const Packet<T>& v) { return v; };
      double rest = sum_in_double<T>(X.cols(), itself, e);
      constexpr double kFew = 1e-30;  // near the least that T's exp tells from 0
      if (rest < kFew) {
        rest = 0.0;
        for (Index j = 0; j < X.cols(); ++j) {
          const double p = j == label ? 0.0 : std::exp(static_cast<double>(x[j] - top));
          e[j] = static_cast<T>(p);
          rest += p;
        }
      }
      const double total = rest + std::exp(at_label);
      loss.data()[r] =
          static_cast<T>(at_label == 0.0 ? std::log1p(rest) : std::log(total) - at_label);
      const auto share = [factor = splat(static_cast<T>(1.0 / total))](const Packet<T>& v) {
        return Eigen::internal::pmul(v, factor);
      };
      map_packets(X.cols(), e, share, static_cast<const T*>(e));
      e[label] = static_cast<T>(-rest / total);
      if (args.smoothing != 0.0) smooth(args.smoothing, label, X.cols(), x, loss.data() + r, e);
    }
  }

  template <Scalar T>
  static void backward(const Args&, View<const T>, View<const T>, View<const T> saved,
                       View<const T> dloss, Acc<T> dlogits) {
    const auto times = [&](Index r) {
      return [factor = splat(dloss.data()[r])](const Packet<T>& v) {
        return Eigen::internal::pmul(v, factor);
      };
    };
    dlogits.add_rows(times, saved);
  }

  static std::vector<Sample<Args>> samples() {
    static constexpr Token labels[] = {2, 0, kIgnored, 3, 1, 1};
    return {{{labels}, {{6, 4}}},
            {{labels}, {{2, 3, 5}}, 3.0},
            {{labels + 1}, {{1, 1}}},
            {{labels, 0.1}, {{2, 3, 5}}}};
  }

 private:
  template <Scalar T>
  static void smooth(double s, Token label, Index n, const T* x, T* loss, T* slope) {
    const double share = s / static_cast<double>(n);
    double sum = 0.0;
    for (Index j = 0; j < n; ++j) {
      sum += static_cast<double>(x[j]);
      slope[j] = static_cast<T>(static_cast<double>(slope[j]) - share);
    }
    slope[label] = static_cast<T>(static_cast<double>(slope[label]) + s);
    *loss += static_cast<T>(s * static_cast<double>(x[label]) - share * sum);
  }
};

}  // namespace hooked
