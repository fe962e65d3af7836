// The whole way from tokens to preactivations put together from its parts (analysis A8).
#pragma once

#include <vector>

#include "heads.hpp"
#include "hooked/core/einsum.hpp"

namespace subtraction {

/// What does not depend on a and b in the preactivations, with mean attention alpha [head, key]:
///   sum_h sum_p alpha_{h,p} x_p W_V^h W_O^h W_in + sum_h b_V^h W_O^h W_in + b_O W_in
///   + x_3 W_in + b_in                                                                  [neuron]
/// where x_p is what stands at position p besides a and b: W_pos[p], and the tokens "-" and "=".
inline Tensor<double> constant_part(const AtEquals& at, const Tensor<double>& alpha) {
  const auto& model = at.model;
  Tensor<float> x(model["pos_embed.W_pos"].slice(0, 0, kPositionEquals + 1));  // [pos, d_model]
  x.matrix().row(kPositionMinus) += model["embed.W_E"].matrix().row(kMinus);
  x.matrix().row(kPositionEquals) += model["embed.W_E"].matrix().row(kEquals);

  const View<const float> b_V = model["blocks.0.attn.b_V"];  // [head, d_head]
  const auto written = hooked::einsum("he,hed->d", b_V, model["blocks.0.attn.W_O"]);
  const auto resid = written + model["blocks.0.attn.b_O"] + x.select(0, kPositionEquals);
  const auto direct = hooked::einsum("d,dm->m", resid, model["blocks.0.mlp.W_in"]);
  const auto through_heads =
      hooked::einsum("hp,hpm->m", alpha, in_double(head_input_maps(model, 0, x)));
  return through_heads + in_double(direct) + in_double(model["blocks.0.mlp.b_in"]);
}

/// pre_i(a, b) ~ sum_h (alpha_{h,a} (s_{h,i} a + y_{h,i}) + alpha_{h,b} (s_{h,i} b + y_{h,i})) +
/// bias_i over all pairs: [10000, neuron].
inline Tensor<double> assembled_preactivations(const AtEquals& at, const HeadMaps& maps) {
  const Tensor<double> alpha = mean_attention(at);
  const Tensor<double> bias = constant_part(at, alpha);
  const Index neurons = at.pre.size(1);
  Tensor<double> of_a({neurons}), of_b({neurons}), rest(bias);
  for (Index i = 0; i < neurons; ++i) {
    for (Index h = 0; h < alpha.size(0); ++h) {
      of_a(i) += alpha(h, kPositionA) * maps.slope(h, i);
      of_b(i) += alpha(h, kPositionB) * maps.slope(h, i);
      rest(i) += (alpha(h, kPositionA) + alpha(h, kPositionB)) * maps.intercept(h, i);
    }
  }
  const auto a = over_pairs([](double first, double) { return first; });
  const auto b = over_pairs([](double, double second) { return second; });
  return hooked::einsum("n,m->nm", a, of_a) + hooked::einsum("n,m->nm", b, of_b) + rest;
}

inline void assembled_model(const AtEquals& at, const NeuronFits& fits, const HeadMaps& maps,
                            Report& report) {
  const Tensor<double> assembled = assembled_preactivations(at, maps);
  const auto of_important = [&](const Tensor<double>& r2) {
    std::vector<double> values;
    for (const Index i : fits.important) values.push_back(100.0 * r2(i));
    return median(values);
  };
  const Score s = at.score_replaced(kPre, assembled);
  report.add(judge(
      {.claim = "assembled model: accuracy lost, R2 against linear fits",
       .study_says = "roughly of the form",
       .unit = "points, %",
       .definition = "hook_pre of all 512 neurons at '=' is put together from mean "
                     "attention, a straight line for each head's map and all constants: "
                     "points of accuracy lost, and median R2 against m_i (a-b) + c_i over the 270 "
                     "neurons"},
      {at.base.accuracy - s.accuracy,
       of_important(r_squared(fits.of_difference.predict(fits.difference), assembled))},
      {{{.high = 2.0}, {.high = 10.0}}, {{80.0, 100.0}, {50.0, 100.0}}}));
  report.add(
      hooked::report({.claim = "assembled model: loss, R2 against preactivations",
                      .unit = "nats, %",
                      .definition = "the same"},
                     std::vector<double>{s.loss, of_important(r_squared(at.pre, assembled))}));
}

}  // namespace subtraction
