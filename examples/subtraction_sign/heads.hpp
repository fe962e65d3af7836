// What each head writes into the neurons for each number it attends to (analysis A6).
#pragma once

#include <string>
#include <vector>

#include "hooked/interp/head_maps.hpp"
#include "roles.hpp"

namespace subtraction {

/// W_neur^h = W_E[0:100] W_V^h W_O^h W_in, and for each head h and neuron i the straight line
/// W_neur^h[t, i] ~ s_{h,i} t + y_{h,i} through it.
struct HeadMaps {
  Tensor<double> number{hooked::Shape{kNumbers}};  // t: 0..99
  Tensor<double> map;                              // W_neur [head, t, neuron]
  std::vector<hooked::LinearFits> line;            // [head]: slopes s [1, neuron], intercepts y

  explicit HeadMaps(const Study& study) {
    for (Index t = 0; t < kNumbers; ++t) number(t) = static_cast<double>(t);
    const View<const float> W_E = study.model["embed.W_E"];
    map = in_double(head_input_maps(study.model, 0, W_E.slice(0, 0, kNumbers)));
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

inline void head_maps(const HeadMaps& maps, const NeuronFits& fits, const HeadRoles& heads,
                      const NeuronRoles& neurons, Report& report) {
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
  draw("sign neuron", neurons.sign);
  draw("periodic neuron", neurons.periodic);
  report.add("head_maps", std::move(figure));

  const auto by_role = [&](auto value) {
    std::vector<double> values;
    for (const Index h : heads.head) values.push_back(value(h));
    return values;
  };
  const std::string order = "; heads: mostly a, only a, only b, mostly b";
  const auto around = [](double target, double worst) {
    return Rule{within(target, 20.0), {worst, 100.0}};
  };
  report.add(judge({.claim = "sign neuron: R2 of each head's map",
                    .study_says = {68, 97, 89, 53},
                    .unit = "%",
                    .definition = "W_E[0:100] W_V W_O W_in of the neuron by a straight line in the "
                                  "number" +
                                  order},
                   by_role([&](Index h) { return 100.0 * maps.r2(h, neurons.sign); }),
                   {around(68, 20), around(97, 50), around(89, 50), around(53, 20)}));
  const Rule flat{{0.0, 5.0}, {0.0, 20.0}};
  report.add(judge({.claim = "periodic neuron: R2 of each head's map",
                    .study_says = "below 5",
                    .unit = "%",
                    .definition = "as for the sign neuron" + order},
                   by_role([&](Index h) { return 100.0 * maps.r2(h, neurons.periodic); }),
                   {flat, flat, flat, flat}));
  const Rule falls{{.high = 0.0}, {.high = 0.0}}, rises{{.low = 0.0}, {.low = 0.0}};
  report.add(judge(
      {.claim = "sign neuron: slope of each head's map",
       .study_says = "one sign for a, the other for b",
       .definition = "of these lines; a neuron that grows with b-a falls with a" + order},
      by_role([&](Index h) { return maps.slope(h, neurons.sign); }), {falls, falls, rises, rises}));
  double alike = 0.0;
  for (const Index i : fits.important) {
    const double sign = fits.m(i) > 0 ? 1.0 : -1.0;
    const auto s = by_role([&](Index h) { return sign * maps.slope(h, i); });
    alike += s[0] > 0 && s[1] > 0 && s[2] < 0 && s[3] < 0 ? 1.0 : 0.0;
  }
  report.add(judge({.claim = "important neurons whose slopes have these signs",
                    .study_says = "all, if they are like the sign neuron",
                    .unit = "%",
                    .definition = "the two heads of a have the sign of m_i, those of b the other"},
                   100.0 * alike / static_cast<double>(fits.important.size()),
                   {{90.0, 100.0}, {50.0, 100.0}}));

  const auto mirror = [&](auto value, std::size_t one, std::size_t other) {
    const double x = value(heads.head[one]), y = value(heads.head[other]);
    return std::abs(x + y) / std::abs(x);
  };
  const auto slope = [&](Index h) { return maps.slope(h, neurons.sign); };
  const auto intercept = [&](Index h) { return maps.intercept(h, neurons.sign); };
  const Rule small{{0.0, 0.3}, {0.0, 1.0}};
  report.add(
      judge({.claim = "sign neuron: 'mostly' heads mirror each other",
             .study_says = "equal and opposite: 0, 0",
             .definition = "|x + y| / |x| of the slopes, then of the intercepts, of the heads "
                           "mostly a (x) and mostly b (y)"},
            {mirror(slope, 0, 3), mirror(intercept, 0, 3)}, {small, small}));
  report.add(
      judge({.claim = "sign neuron: 'only' heads mirror each other",
             .study_says = "opposite",
             .definition = "|x + y| / |x| of the slopes, then of the intercepts, of the heads "
                           "only a (x) and only b (y)"},
            {mirror(slope, 1, 2), mirror(intercept, 1, 2)}, {small, small}));
}

}  // namespace subtraction
