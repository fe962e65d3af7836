// What each head writes into the neurons for each number it attends to (analysis A6).
#pragma once

#include <string>
#include <vector>

#include "attention.hpp"
#include "hooked/interp/head_maps.hpp"
#include "neurons.hpp"

namespace subtraction {

/// W_neur^h = W_E[0:100] W_V^h W_O^h W_in, and for each head h and neuron i the straight line
/// W_neur^h[t, i] ~ s_{h,i} t + y_{h,i} through it.
struct HeadMaps {
  Tensor<double> number{hooked::Shape{kNumbers}};  // t: 0..99
  Tensor<double> map;                              // W_neur [head, t, neuron]
  std::vector<hooked::LinearFits> line;            // [head]: slopes s [1, neuron], intercepts y

  explicit HeadMaps(const Transformer<float>& model) {
    for (Index t = 0; t < kNumbers; ++t) number(t) = static_cast<double>(t);
    const View<const float> W_E = model["embed.W_E"];
    map = in_double(head_input_maps(model, 0, W_E.slice(0, 0, kNumbers)));
    for (Index h = 0; h < map.size(0); ++h) {
      line.push_back(fit_linear(number.reshape({kNumbers, 1}), map.select(0, h)));
    }
  }

  double slope(Index head, Index neuron) const { return fit(head).slopes(0, neuron); }
  double intercept(Index head, Index neuron) const { return fit(head).intercepts(neuron); }
  double r2(Index head, Index neuron) const { return fit(head).r2(neuron); }

 private:
  const hooked::LinearFits& fit(Index head) const { return line[static_cast<std::size_t>(head)]; }
};

/// |x + y| / (|x| + |y|): 0 where x and y are equal and opposite, 1 where they have one sign.
inline double not_opposite(double x, double y) {
  return std::abs(x + y) / (std::abs(x) + std::abs(y));
}

inline void draw_head_maps(const HeadMaps& maps, const HeadRoles& heads, const Examples& examples,
                           Report& report) {
  Figure figure = Figure::lines("What each head writes into a neuron", "number attended to",
                                "contribution to the preactivation");
  const auto draw = [&](const std::string& title, Index neuron) {
    figure.panel(title);
    for (std::size_t r = 0; r < heads.head.size(); ++r) {
      const Index h = heads.head[r];
      const auto line = maps.number * maps.slope(h, neuron) + maps.intercept(h, neuron);
      figure.line(heads.names[r], maps.number, maps.map.select(0, h).select(1, neuron));
      figure.line(std::string(heads.names[r]) + ", fit", maps.number, line, true);
    }
  };
  draw("sign neuron", examples.sign);
  draw("periodic neuron", examples.periodic);
  report.add("head_maps",
             "What a head adds to a neuron is nearly a straight line in its operand, with waves on "
             "it for a periodic neuron.",
             std::move(figure));
}

/// What the study shows of one neuron, asked of all 270.
inline void head_maps(const HeadMaps& maps, const NeuronFits& fits, const HeadRoles& heads,
                      Report& report) {
  const auto over_neurons = [&](auto value) {
    std::vector<double> values;
    for (const Index i : fits.important) values.push_back(value(i));
    return median(values);
  };
  std::vector<double> r2;
  for (const Index h : heads.head) {
    r2.push_back(over_neurons([&](Index i) { return 100.0 * maps.r2(h, i); }));
  }
  const auto around = [](double target, double worst) {
    return Rule{within(target, 20.0), {worst, 100.0}};
  };
  report.add(
      judge({.claim = "270 neurons: median R2 of each head's map",
             .study_says = {68, 97, 89, 53},
             .unit = "%",
             .definition = "W_E[0:100] W_V W_O W_in by a straight line in the number, for "
                           "each of the 270 neurons; heads: mostly a, only a, only b, mostly "
                           "b; the study's are of one neuron"},
            r2, {around(68, 30), around(97, 60), around(89, 60), around(53, 30)}));
  double alike = 0.0;
  for (const Index i : fits.important) {
    const double sign = fits.m(i) > 0 ? 1.0 : -1.0;
    const auto s = [&](std::size_t role) { return sign * maps.slope(heads.head[role], i); };
    alike += s(0) > 0 && s(1) > 0 && s(2) < 0 && s(3) < 0 ? 1.0 : 0.0;
  }
  const auto mirrored = [&](std::size_t one, std::size_t other, bool slopes) {
    const Index g = heads.head[one], h = heads.head[other];
    return over_neurons([&](Index i) {
      return slopes ? not_opposite(maps.slope(g, i), maps.slope(h, i))
                    : not_opposite(maps.intercept(g, i), maps.intercept(h, i));
    });
  };
  const Rule small{{0.0, 0.15}, {0.0, 0.3}};
  report.add(
      judge({.claim = "270 neurons: slopes of a and b opposite; 'mostly' heads mirrored",
             .study_says = "basically equal and opposite",
             .unit = "%, -, -",
             .definition = "share of the 270 for which the slopes of both heads of a have "
                           "the sign of m_i and those of b the other; median "
                           "of |x + y| / (|x| + |y|) for the slopes, then the intercepts, of "
                           "the heads mostly a (x) and mostly b (y)"},
            {100.0 * alike / static_cast<double>(fits.important.size()), mirrored(0, 3, true),
             mirrored(0, 3, false)},
            {{{90.0, 100.0}, {50.0, 100.0}}, small, small}));
}

}  // namespace subtraction
