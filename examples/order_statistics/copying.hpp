// The OV circuit: what comes out where all heads look at one number, and how much of another may be
// mixed in.
#pragma once

#include <limits>
#include <vector>

#include "at_answers.hpp"

namespace order_statistics {

/// All heads look at the first number of the tuple, and with the share `alpha` at the second, from
/// where answer k is read.
inline Hook<float> forced_attention(const AtAnswers& at, Index k, double alpha) {
  Tensor<float> pattern({at.task.tokens()});
  pattern(0) = static_cast<float>(1.0 - alpha), pattern(1) = static_cast<float>(alpha);
  return replace(at.site("attn.hook_pattern"), pattern, {.positions = {at.position(k)}});
}

/// `copies` tuples for every number from `first` on, which stands first; the others are drawn from
/// these numbers, the second being another one. The labels are the first number, for all answers.
inline Dataset to_copy(const AtAnswers& at, Index first, Index last, Index copies) {
  hooked::Random random({0}, "tuples to copy from");
  Tensor<Token> tuples({(last - first) * copies, at.task.length});
  for (Index i = 0; i < tuples.size(0); ++i) {
    const Index value = first + i / copies;
    tuples(i, 0) = static_cast<Token>(value);
    for (Index j = 1; j < at.task.length; ++j) {
      tuples(i, j) = static_cast<Token>(first + random.below(last - first));
    }
    const Index other = first + random.below(last - first - 1);
    tuples(i, 1) = static_cast<Token>(other >= value ? other + 1 : other);
  }
  Dataset data = dataset_of(at.task, tuples);
  for (Index i = 0; i < data.size(); ++i) {
    for (Index k = 0; k < at.task.answers(); ++k) data.labels(i, k) = tuples(i, 0);
  }
  return data;
}

/// The share of the second number at which fewer than 99% of the first come out, in a line between
/// the shares that were tried; NaN where that is so at 0.
inline double robustness(const std::vector<double>& share, const std::vector<double>& accuracy) {
  constexpr double kLeast = 99.0;
  if (!(accuracy[0] >= kLeast)) return std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 1; i < share.size(); ++i) {
    if (accuracy[i] >= kLeast) continue;
    const double way = (accuracy[i - 1] - kLeast) / (accuracy[i - 1] - accuracy[i]);
    return share[i - 1] + way * (share[i] - share[i - 1]);
  }
  return 1.0;
}

/// What comes out where all heads look at a number, for every number.
inline void draw_copies(const AtAnswers& at, Index answer, Report& report) {
  const Dataset data = to_copy(at, 0, at.task.values, 1);
  const Tensor<double> x = all_values(at.task);
  const auto said =
      hooked::in_double(at.answers(data, answer, {forced_attention(at, answer, 0.0)}));
  report.add("copies", "Where copying is perfect, the line is the diagonal.",
             Figure::lines("All heads look at one number", "the number", "what comes out")
                 .panel("all numbers")
                 .line("the model", x, said)
                 .line("a perfect copy", x, x, true));
}

inline void copying(const AtAnswers& at, Report& report) {
  constexpr Index kCopies = 20;
  const Index small = small_values(at.task), last = at.task.answers() - 1;
  const auto copied = [&](Index first, Index end, double alpha) {
    return at.accuracy(to_copy(at, first, end, kCopies), last, {forced_attention(at, last, alpha)});
  };
  report.add(judge({.claim = "a number that all heads look at comes out: large, small numbers",
                    .study_says = "almost perfect score; bad",
                    .unit = "%",
                    .definition = "hook_pattern of all heads is 1 at the first number, where the "
                                  "last answer is read: how often this number comes out, of the "
                                  "upper four fifths of the numbers, and of the lowest fifth"},
                   {copied(small, at.task.values, 0.0), copied(0, small, 0.0)},
                   {{{99.0, 100.0}, {90.0, 100.0}}, {{0.0, 50.0}, {0.0, 90.0}}}));

  draw_copies(at, last, report);
  std::vector<double> share, accuracy;
  for (int i = 0; i <= 20; ++i) {
    share.push_back(0.05 * i), accuracy.push_back(copied(small, at.task.values, share.back()));
  }
  const auto points = [](const std::vector<double>& v) {
    return Tensor<double>({static_cast<Index>(v.size())}, v);
  };
  report.add(
      "robustness",
      "The number comes out all the same, up to a share of the other where the curve falls off.",
      Figure::lines("Mixing in a second number", "its share of attention", "the first comes out, %")
          .panel("all heads")
          .line("numbers above the lowest fifth", points(share), points(accuracy)));
  const double most = at.task.sorts() ? 0.4 : 0.3, least = at.task.sorts() ? 0.3 : 0.2;
  report.add(judge({.claim = "share of another number that copying tolerates",
                    .study_says = at.task.sorts() ? "30-40%" : "20-30%",
                    .definition = "all heads give the second number this share of their attention, "
                                  "and the first, which is to come out, the rest: the share at "
                                  "which less than 99% of the numbers above the lowest fifth do; "
                                  "none where that is so at 0"},
                   robustness(share, accuracy), {{least, most}, {least - 0.1, most + 0.1}}));
}

}  // namespace order_statistics
