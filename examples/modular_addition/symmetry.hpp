// Whether x and y are treated alike: position embeddings, attention and neurons.
#pragma once

#include "at_equals.hpp"
#include "hooked/core/angles.hpp"
#include "hooked/core/reduce.hpp"

namespace addition {

/// |a - b|^2 / (|a| |b|), as Nanda's code measures how alike two tensors are.
template <hooked::TensorLike X, hooked::TensorLike Y>
double relative_square(const X& a, const Y& b) {
  const auto norm = [](const auto& x) { return static_cast<double>(l2_norm(x).item()); };
  const double difference = norm(a - b);
  return difference * difference / (norm(a) * norm(b));
}

inline void operands_alike(const AtEquals& at, Report& report) {
  const auto positions = at.model["pos_embed.W_pos"];
  report.add(
      judge({.claim = "position embeddings of x and y: difference, cosine",
             .study_says = {0.7655, 0.6173},
             .definition = "|W_pos[0] - W_pos[1]|^2 / (|W_pos[0]| |W_pos[1]|), and their "
                           "cosine"},
            {relative_square(positions.select(0, 0), positions.select(0, 1)),
             static_cast<double>(cosine_similarity(positions)(0, 1))},
            {{within_factor(0.7655, 1.5), {0.0, 1.5}}, {within(0.6173, 0.2), {.low = 0.25}}}));

  const auto grid = at.post.view_as({at.p, at.p, at.post.size(1)});
  report.add(judge({.claim = "neurons of (x, y) and (y, x): difference",
                    .study_says = 9.627e-6,
                    .definition = "with A the activations after ReLU at '=' [p, p, neuron] and B "
                                  "the same with x and y exchanged, |A - B|^2 / (|A| |B|)"},
                   relative_square(grid, grid.permute({1, 0, 2})), {{0.0, 1e-4}, {0.0, 1e-2}}));
}

inline void attention(const AtEquals& at, Report& report) {
  const Tensor<double> mean = hooked::mean(cast<double>(at.pattern), 0);  // [head, key]
  const auto to_x = mean.select(1, kPositionX);
  report.add(
      judge({.claim = "attention of '=' to x: least and largest of the heads; to itself",
             .study_says = {0.5, 0.5, nullptr},
             .definition = "mean over all pairs of each head's pattern at '='; to itself, "
                           "the largest of the heads"},
            {min(to_x).item(), max(to_x).item(), max(mean.select(1, kPositionEquals)).item()},
            {{within(0.5, 0.05), within(0.5, 0.12)},
             {within(0.5, 0.05), within(0.5, 0.12)},
             {{0.0, 0.05}, {0.0, 0.15}}}));

  const auto to_x_of = at.pattern.select(2, kPositionX);  // [p^2, head]
  const Tensor<double> strongest = max(frequency_shares(to_x_of), 0);
  report.add(judge({.claim = "heads: one frequency in the attention to x, least and largest",
                    .study_says = {97.91, 99.07},
                    .unit = "%",
                    .definition = "of the variance of A^h['=', x] over all pairs, the share of the "
                                  "8 waves of one frequency in x, y and both, the strongest; the "
                                  "numbers are those of Nanda et al., who allow the waves in x and "
                                  "in y alone; the study says 'periodic patterns'"},
                   {100.0 * min(strongest).item(), 100.0 * max(strongest).item()},
                   {{{90.0, 100.0}, {60.0, 100.0}}, {{90.0, 100.0}, {60.0, 100.0}}}));

  Figure patterns =
      Figure::heatmap("Attention of = to x", "y", "x", "attention", Figure::Colors::sequential);
  Figure waves = Figure::heatmap("Attention of = to x, by waves (const, cos 1, sin 1, ...)",
                                 "wave in y", "wave in x", "size", Figure::Colors::sequential);
  for (Index h = 0; h < to_x_of.size(1); ++h) {
    const std::string head = "head " + std::to_string(h);
    patterns.panel(head, square(to_x_of.select(1, h)));
    Tensor<double> sizes = square_of_waves(to_x_of.select(1, h));
    sizes(0, 0) = 0.0;  // the mean would outshine the rest
    waves.panel(head, sizes);
  }
  report.add("attention",
             "Attention goes to x or to y by turns, in stripes: it is periodic in both numbers.",
             std::move(patterns));
  report.add("attention_waves", "Few cells are bright: waves of one frequency in x and in y.",
             std::move(waves));
}

}  // namespace addition
