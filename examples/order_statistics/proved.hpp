// A lower bound on accuracy over all inputs, proved from the weights of an attention-only model
// with one layer and one head that finds the maximum (after Gross et al., "Compact proofs of model
// performance via mechanistic interpretability", 2024).
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "at_answers.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/interp/attention_by.hpp"

namespace order_statistics {

/// For a tuple with the largest number m, output m beats output z if
///   sum_k a_k (b(z) + o_k(z)) > 0
/// where the sum is over the keys k, numbers and "=", with attention a_k; o_k(z) is what the head
/// moves from k to the logit of m less that of z, and b(z) the same of what "=" has by itself.
/// Attention is exp(s_k) over their sum, which is positive, so this is
///   sum_k f_k(z) > 0   with   f_k(z) = exp(s_k) (b(z) + o_k(z)):
/// each number adds its own part, whatever the others are. The worst tuple has the worst number in
/// each place: all tuples with numbers up to t beside m are right if that one is, which takes
/// values^3 n operations to know, where trying all takes values^n.
class Proof {
 public:
  explicit Proof(const AtAnswers& at) : values_(at.task.values), length_(at.task.length) {
    const auto weight = [&](const char* name) { return in_double(at.model[name]); };
    const Tensor<double> W_E = weight("embed.W_E"), W_pos = weight("pos_embed.W_pos");
    const Tensor<double> W_U = weight("unembed.W_U");
    Tensor<double> keys({length_ * values_ + 1, W_E.size(1)});  // place j, number x; last "="
    for (Index j = 0; j < length_; ++j) {
      for (Index x = 0; x < values_; ++x) {
        copy(W_E.select(0, x) + W_pos.select(0, j), keys.select(0, j * values_ + x));
      }
    }
    const Tensor<double> equals = W_E.select(0, values_) + W_pos.select(0, length_);
    copy(equals.view(), keys.select(0, length_ * values_));
    const auto of_head = [&](const char* name) { return in_double(at.model[name].select(0, 0)); };
    const auto q = matmul(equals.view_as({1, equals.numel()}), of_head("blocks.0.attn.W_Q"));
    const auto k = matmul(keys, of_head("blocks.0.attn.W_K"));
    const double divisor = at.model.config().attention_divisor(0);
    exp_score_ = Tensor<double>({keys.size(0)});
    exp_score_.matrix() = q.matrix() * k.matrix().transpose() / divisor;
    const double largest = hooked::max(exp_score_).item();
    exp_score_ = hooked::map(exp_score_, [&](double s) { return std::exp(s - largest); });
    const auto z = matmul(keys, of_head("blocks.0.attn.W_V"));
    moved_ = matmul(matmul(z, of_head("blocks.0.attn.W_O")), W_U);  // [key, output]
    own_ = matmul(equals.view_as({1, equals.numel()}), W_U);
  }

  /// The largest t for which every tuple of m and numbers up to t is proved to give m; -1 where it
  /// is that of m alone, -2 where not even that.
  Index proved_beside(Index m) const {
    Index t = m - 1;
    for (Index z = 0; z < values_ && t > -2; ++z) {
      while (z != m && t > -2 && !(worst(m, z, t) > 0.0)) --t;
    }
    return t;
  }

  /// The share of all tuples that are proved to be right.
  double share() const {
    const auto power = [&](Index base) {
      return std::pow(static_cast<double>(base), static_cast<double>(length_));
    };
    double right = 0.0;
    for (Index m = 0; m < values_; ++m) {
      const Index below = proved_beside(m) + 1;  // so many numbers may stand beside m
      if (below >= 0) right += power(below + 1) - power(below);
    }
    return right / power(values_);
  }

 private:
  static constexpr double kMargin = 1e-3;  // of logits: more than rounding in float can turn

  double part(Index key, Index m, Index z) const {
    const double lead = own_(0, m) - own_(0, z) + moved_(key, m) - moved_(key, z);
    return exp_score_(key) * (lead - kMargin);
  }

  /// The least sum of f over tuples of m, at least once, and numbers up to t.
  double worst(Index m, Index z, Index t) const {
    double sum = part(length_ * values_, m, z),
           least_rise = std::numeric_limits<double>::infinity();
    for (Index j = 0; j < length_; ++j) {
      const double of_m = part(j * values_ + m, m, z);
      double least = of_m;
      for (Index x = 0; x <= t; ++x) least = std::min(least, part(j * values_ + x, m, z));
      sum += least, least_rise = std::min(least_rise, of_m - least);
    }
    return sum + least_rise;  // one place has m
  }

  Index values_, length_;
  Tensor<double> exp_score_;  // [key]
  Tensor<double> moved_;      // [key, output]
  Tensor<double> own_;        // [1, output]
};

/// Whether the proof fits the model.
inline bool can_be_proved(const AtAnswers& at) {
  const auto& c = at.model.config();
  return at.task.name == "max" && !at.task.distinct && c.attn_only && c.n_layers == 1 &&
         c.n_heads == 1;
}

inline void proved_accuracy(const AtAnswers& at, Report& report) {
  const double proved = 100.0 * Proof(at).share();
  report.add(hooked::report({.claim = "accuracy: proved for all inputs, measured",
                             .unit = "%",
                             .definition = "share of all tuples of numbers for which the weights "
                                           "prove the right answer; accuracy on plain test tuples"},
                            std::vector<double>{proved, at.accuracy(at.plain, 0, {})}));
  report.say("Of all tuples there are, " + hooked::short_text(proved) +
             "% are proved from the weights to be answered right.");
}

}  // namespace order_statistics
