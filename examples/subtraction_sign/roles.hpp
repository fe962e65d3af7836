// Heads and neurons by what they do: their numbers mean nothing from one training run to another.
#pragma once

#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "angles.hpp"

namespace subtraction {

/// Mean attention of "=" over all pairs, A^h[3, key]: [head, key].
inline Tensor<double> mean_attention(const Study& study) {
  return in_double(hooked::mean(study.pattern, 0));
}

/// The study has two heads that look at one operand alone and two that lean to one. With
/// d_h = A^h[3, a] - A^h[3, b], the head with the largest d_h is "only a" and the one with the
/// smallest "only b"; of the other two, the one with the larger d_h is "mostly a".
/// The study's heads 0, 1, 2, 3 are mostly x, only x, only y, mostly y, and which of a and b is x
/// is lost in its text; here x is a.
struct HeadRoles {
  static constexpr std::array<const char*, 4> names{"mostly a", "only a", "only b", "mostly b"};
  std::array<Index, 4> head;  // by role, in the order of `names`

  explicit HeadRoles(const Tensor<double>& attention) {
    std::array<Index, 4> order{0, 1, 2, 3};
    const auto d = [&](Index h) { return attention(h, kPositionA) - attention(h, kPositionB); };
    std::sort(order.begin(), order.end(), [&](Index g, Index h) { return d(g) > d(h); });
    head = {order[1], order[0], order[3], order[2]};
  }
};

/// The largest share of the variance of values [a, b] that one frequency of 3 to 50 cycles in 100
/// explains, along a and along b together. A ramp's share at 3 cycles is below 7%.
inline double periodicity(const Tensor<double>& values) {
  const auto along_a = hooked::mean(values, 1), along_b = hooked::mean(values, 0);
  const double variance = hooked::var(values).item();
  double best = 0.0;
  for (int cycles = 3; cycles <= 50; ++cycles) {
    double power = 0.0;
    for (const auto& line : {along_a, along_b}) {
      double c = 0.0, s = 0.0;
      for (Index n = 0; n < kNumbers; ++n) {
        const double angle = 2.0 * std::numbers::pi * cycles * static_cast<double>(n) / kNumbers;
        c += line(n) * std::cos(angle) / kNumbers, s += line(n) * std::sin(angle) / kNumbers;
      }
      power += (cycles == 50 ? 1.0 : 2.0) * (c * c + s * s);
    }
    best = std::max(best, power);
  }
  return variance > 0 ? best / variance : 0.0;
}

/// sign: moves logit_- - logit_+ most for each unit of b-a, -m_i (W_logit[i, -] - W_logit[i, +])
/// being largest among the neurons that grow with b-a. periodic: the most of its preactivation's
/// variance is one frequency.
struct NeuronRoles {
  Index sign = 0, periodic = 0;
  double periodic_share = 0.0;

  NeuronRoles(const Study& study, const NeuronFits& fits) {
    const Tensor<float> W_logit = logit_weights(study);
    double strongest = 0.0;
    for (Index i = 0; i < study.pre.size(1); ++i) {
      const double boost = static_cast<double>(W_logit(i, kMinus) - W_logit(i, kPlus));
      if (fits.m(i) < 0 && -fits.m(i) * boost > strongest) {
        strongest = -fits.m(i) * boost;
        sign = i;
      }
      const double share = periodicity(square(in_double(study.pre.select(1, i))));
      if (share > periodic_share) {
        periodic_share = share;
        periodic = i;
      }
    }
  }
};

inline void example_neurons(const Study& study, const NeuronFits& fits, const NeuronRoles& roles,
                            Report& report) {
  const auto add = [&](const std::string& name, Index i) {
    const auto map = [&](const Tensor<float>& x) { return square(x.select(1, i)); };
    report.add("neuron_" + name,
               Figure::heatmap("A " + name + " neuron (number " + std::to_string(i) + ")", "b", "a",
                               "activation", Figure::Colors::diverging)
                   .panel("preactivation", map(study.pre))
                   .panel("activation", map(study.post)));
  };
  add("sign", roles.sign);
  add("periodic", roles.periodic);
  report.add(judge({.claim = "sign neuron: R2 of the fit in a-b",
                    .study_says = "largely a linear function",
                    .unit = "%",
                    .definition = "pre ~ m (a-b) + c over all pairs; the neuron of m < 0 with the "
                                  "largest -m (W_logit[-] - W_logit[+])"},
                   100.0 * fits.of_difference.r2(roles.sign), {{50.0, 100.0}, {20.0, 100.0}}));
  report.add(judge({.claim = "sign neuron: slope m",
                    .study_says = "large enough to matter",
                    .definition = "of that fit, per unit of a-b; it matters when |m| > tau"},
                   fits.m(roles.sign), {{.high = -fits.kTau}, {.high = 0.0}}));
  report.add(
      judge({.claim = "periodic neuron: share of one frequency",
             .study_says = "strong periodicity",
             .unit = "%",
             .definition = "share of the preactivation's variance in its best frequency of 3 "
                           "to 50 cycles in 100, along a and b; the neuron with the largest"},
            100.0 * roles.periodic_share, {{50.0, 100.0}, {20.0, 100.0}}));
  report.add(judge({.claim = "periodic neuron: slope m",
                    .study_says = 0,
                    .definition = "pre ~ m (a-b) + c over all pairs; not important below tau"},
                   fits.m(roles.periodic), {within(0.0, fits.kTau), within(0.0, 5.0 * fits.kTau)}));
}

}  // namespace subtraction
