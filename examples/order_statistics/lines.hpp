// The QK circuit of "=": scores as a function of the number, and the straight lines behind them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "at_answers.hpp"
#include "hooked/core/matmul.hpp"
#include "hooked/core/svd.hpp"
#include "hooked/interp/attention_by.hpp"

namespace order_statistics {

/// The scores that "=" gives to numbers: [head, value], with W_E[=] + W_pos[n] as the query and the
/// numbers at an average place as keys. For a model of one layer this is all that attention sees,
/// but for the places.
inline Tensor<float> scores_of_equals(const AtAnswers& at) {
  const View<const float> W_E = at.model["embed.W_E"], W_pos = at.model["pos_embed.W_pos"];
  const Tensor<float> query =
      W_E.select(0, at.task.equals()) + W_pos.select(0, at.task.at_equals());
  const auto scores =
      head_scores(at.model, at.layer, query.view_as({1, query.numel()}), at.numbers_in_tuple());
  return Tensor<float>(scores.select(1, 0));
}

/// The line score_h(x) ~ slope_h x + c_h for each head.
inline hooked::LinearFits lines_of_scores(const AtAnswers& at) {
  return fit_linear(all_values(at.task).reshape({at.task.values, 1}),
                    scores_of_equals(at).transpose());
}

/// The share of the QK form's variance over all pairs of numbers that is one product f(x) g(y): the
/// square of the largest singular value of W_E W_Q W_K^T W_E^T, rows and columns centred, over the
/// sum of all squares. It does not change when the head's basis does. The least of the heads.
inline double rank_one_share(const AtAnswers& at) {
  const Tensor<float> numbers = at.numbers_in_tuple();
  const auto scores = in_double(head_scores(at.model, at.layer, numbers, numbers));
  double least = 1.0;
  for (Index h = 0; h < scores.size(0); ++h) {
    Eigen::MatrixXd form = scores.select(0, h).matrix();
    form.rowwise() -= form.colwise().mean().eval();
    form.colwise() -= form.rowwise().mean().eval();
    Tensor<double> centred({form.rows(), form.cols()});
    centred.matrix() = form;
    const double all = form.squaredNorm(), largest = hooked::svd(centred).S(0);
    least = std::min(least, largest * largest / all);
  }
  return least;
}

/// q_j(x) and k_j(x), the dimensions of queries and keys of all heads, as straight lines: median R2
/// of either, and the share of dimensions in which one rises and the other falls.
struct DimensionLines {
  double r2_of_queries, r2_of_keys, opposite;
};
inline DimensionLines dimension_lines(const AtAnswers& at, Report& report) {
  const Tensor<float> numbers = at.numbers_in_tuple();
  const Tensor<double> x = all_values(at.task);
  const auto rows = [&](const std::string& W) {
    return in_double(matmul(numbers, at.model[at.site("attn." + W)]));  // [head, value, d_head]
  };
  const Tensor<double> q = rows("W_Q"), k = rows("W_K");
  std::vector<double> of_queries, of_keys;
  std::vector<std::string> dimensions;
  for (Index j = 0; j < q.size(2); ++j) dimensions.push_back(std::to_string(j));
  Figure slopes = Figure::bars("Slopes of queries and keys", "dimension", "slope");
  Figure regressed = Figure::heatmap("Scores by the straight lines of queries and keys", "key",
                                     "query", "score", Figure::Colors::diverging);
  double opposite = 0.0;
  for (Index h = 0; h < q.size(0); ++h) {
    const auto column = x.reshape({at.task.values, 1});
    const auto queries = fit_linear(column, q.select(0, h)),
               keys = fit_linear(column, k.select(0, h));
    for (Index j = 0; j < q.size(2); ++j) {
      of_queries.push_back(100.0 * queries.r2(j)), of_keys.push_back(100.0 * keys.r2(j));
      opposite += queries.slopes(0, j) * keys.slopes(0, j) < 0 ? 100.0 : 0.0;
    }
    const std::string head = "head " + std::to_string(h);
    slopes.panel_with_groups(head, dimensions)
        .series("queries", queries.slopes.select(0, 0))
        .series("keys", keys.slopes.select(0, 0));
    const double divisor = at.model.config().attention_divisor(at.layer);
    regressed.panel(head,
                    matmul(queries.predict(column), keys.predict(column).transpose()) / divisor);
  }
  Figure figure = Figure::lines("Dimensions of head 0", "number", "value");
  for (const auto& [title, values] : {std::pair{"queries", &q}, std::pair{"keys", &k}}) {
    figure.panel(title);
    for (Index j = 0; j < q.size(2); ++j) {
      figure.line(std::to_string(j), x, values->select(0, 0).select(1, j));
    }
  }
  report.add("slopes",
             "Where the query's bar points up the key's points down, and the other way round.",
             std::move(slopes));
  report.add("regressed_score_map", "It is the map of scores, with straight lines alone.",
             std::move(regressed));
  report.add("dimensions",
             "Where the maximum is sought, every dimension of queries and keys is nearly a "
             "straight line in the number.",
             std::move(figure));
  return {median(of_queries), median(of_keys), opposite / static_cast<double>(of_keys.size())};
}

inline void draw_scores(const AtAnswers& at, Report& report) {
  const Tensor<double> x = all_values(at.task);
  const Tensor<float> scores = scores_of_equals(at);
  const hooked::LinearFits lines = lines_of_scores(at);
  Figure figure = Figure::lines("Scores of '='", "number", "score");
  for (Index h = 0; h < scores.size(0); ++h) {
    figure.panel("head " + std::to_string(h));
    figure.line("score", x, in_double(scores.select(0, h)));
    figure.line("straight line", x, x * lines.slopes(0, h) + lines.intercepts(h), true);
  }
  report.add("scores",
             "The score rises with the number along a straight line where the maximum is sought.",
             std::move(figure));
  const Tensor<float> numbers = at.numbers_in_tuple();
  const Tensor<float> all = head_scores(at.model, at.layer, numbers, numbers);
  Figure map = Figure::heatmap("Scores of every number for every number", "key", "query", "score",
                               Figure::Colors::diverging);
  for (Index h = 0; h < all.size(0); ++h) map.panel("head " + std::to_string(h), all.select(0, h));
  report.add("score_map",
             "Scores depend on the key in the same way for all queries: the rows are alike.",
             std::move(map));
}

inline void score_lines(const AtAnswers& at, Report& report) {
  draw_scores(at, report);
  const DimensionLines dims = dimension_lines(at, report);
  report.add(judge({.claim = "queries and keys over numbers: R2 of lines, opposite slopes",
                    .study_says = "essentially a straight line; m_j m_j < 0",
                    .unit = "%",
                    .definition = "median R2 of q_j(x), then of k_j(x), by m x + c over all "
                                  "dimensions of all heads; share of dimensions whose two slopes "
                                  "have opposite signs (by chance 50)"},
                   {dims.r2_of_queries, dims.r2_of_keys, dims.opposite},
                   {{{90.0, 100.0}, {70.0, 100.0}},
                    {{90.0, 100.0}, {70.0, 100.0}},
                    {{90.0, 100.0}, {75.0, 100.0}}}));
  report.add(hooked::report({.claim = "one product f(x) g(y) in the QK form of numbers",
                             .unit = "%",
                             .definition = "share of the variance of W_E W_Q W_K^T W_E^T over all "
                                           "pairs of numbers; the least of the heads"},
                            100.0 * rank_one_share(at)));

  const hooked::LinearFits lines = lines_of_scores(at);
  const Tensor<float> scores = scores_of_equals(at);
  const Index small = small_values(at.task);
  std::vector<double> slope, r2, flat;
  const auto slope_over = [&](Index first, Index last) {
    return fit_linear(all_values(at.task).slice(0, first, last).view_as({last - first, 1}),
                      scores.slice(1, first, last).transpose())
        .slopes;
  };
  const auto of_small = slope_over(0, small), of_rest = slope_over(small, at.task.values);
  for (Index h = 0; h < scores.size(0); ++h) {
    slope.push_back(lines.slopes(0, h)), r2.push_back(100.0 * lines.r2(h));
    flat.push_back(of_small(0, h) / of_rest(0, h));
  }
  const bool is_max = at.task.name == "max";
  Claim line{.claim = "scores of '=': slope over the number, R2",
             .study_says = {0.15, nullptr},
             .unit = "per unit, %",
             .definition =
                 "W_E[=] W_Q and W_E[x] W_K by a x + c, positions included: median over "
                 "heads of a, of its R2"};
  Claim start{.claim = "scores of '=': slope for small numbers over that for others",
              .study_says = "no slope in that segment",
              .definition =
                  "of lines through the scores of the lowest fifth of the numbers, and of "
                  "the others; median over heads"};
  if (!is_max) line.study_says = start.study_says = nullptr;
  if (is_max) {
    report.add(
        judge(line, {median(slope), median(r2)},
              {{hooked::within_factor(0.15, 2.0), {.low = 0.0}}, {{90.0, 100.0}, {70.0, 100.0}}}));
    report.add(judge(start, median(flat), {within(0.0, 0.2), within(0.0, 0.5)}));
  } else {
    report.add(hooked::report(line, std::vector<double>{median(slope), median(r2)}));
    report.add(hooked::report(start, median(flat)));
  }
}

}  // namespace order_statistics
