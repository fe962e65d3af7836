// Schedule: by what the learning rate is multiplied in each step.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numbers>
#include <string>
#include <vector>

#include "hooked/core/shape.hpp"

namespace hooked {

/// Pieces one after the other; after the last one its end value stays. An empty schedule is 1.
/// Pieces throw ConfigError for negative steps and for factors that are negative or not finite.
class Schedule {
 public:
  /// The factor of step `step` (the first is 0).
  double operator()(Index step) const {
    double factor = 1.0;
    for (const Piece& piece : pieces_) {
      if (step < piece.steps) return piece.at(step);
      step -= piece.steps;
      factor = piece.to;
    }
    return factor;
  }

  /// The same factor for `steps` steps: several of them one after the other make stairs.
  static Schedule constant(Index steps, double factor = 1.0) {
    return Schedule({steps, Form::line, factor, factor});
  }
  /// From `start` up to 1 in a straight line, reached after `steps` steps. `start` above 0 keeps
  /// the first step from doing nothing.
  static Schedule warmup(Index steps, double start = 0.01) {
    return Schedule({steps, Form::line, start, 1.0});
  }
  /// From 1 down to `end` in a straight line.
  static Schedule linear(Index steps, double end = 0.0) {
    return Schedule({steps, Form::line, 1.0, end});
  }
  /// From 1 down to `end` along half a cosine: end + (1 - end) (1 + cos(pi t)) / 2.
  static Schedule cosine(Index steps, double end = 0.0) {
    return Schedule({steps, Form::cosine, 1.0, end});
  }
  /// `Schedule::warmup(100).then(Schedule::cosine(900))`
  Schedule then(const Schedule& next) const {
    Schedule chain = *this;
    chain.pieces_.insert(chain.pieces_.end(), next.pieces_.begin(), next.pieces_.end());
    return chain;
  }

  Schedule() = default;

  /// Whether it is 1 for all steps.
  bool is_constant() const {
    return std::all_of(pieces_.begin(), pieces_.end(),
                       [](const Piece& p) { return p.from == 1.0 && p.to == 1.0; });
  }
  /// Tells schedules apart: "100 steps 0.01 to 1, 900 steps 1 to 0 by cosine"; "constant".
  std::string text() const {
    std::string all;
    for (const Piece& p : pieces_) {
      all += (all.empty() ? "" : ", ") + std::to_string(p.steps) + " steps " + exact_text(p.from) +
             " to " + exact_text(p.to) + (p.form == Form::cosine ? " by cosine" : "");
    }
    return is_constant() ? "constant" : all;
  }

 private:
  enum class Form { line, cosine };
  struct Piece {
    Index steps;
    Form form;
    double from, to;

    double at(Index step) const {
      const double t = static_cast<double>(step) / static_cast<double>(steps);
      const double left =
          form == Form::line ? 1.0 - t : 0.5 * (1.0 + std::cos(std::numbers::pi * t));
      return to + (from - to) * left;
    }
  };

  explicit Schedule(Piece piece) : pieces_{piece} {
    if (piece.steps < 0) fail<ConfigError>("a schedule of ", piece.steps, " steps");
    for (const double factor : {piece.from, piece.to}) {
      if (!(factor >= 0 && std::isfinite(factor))) {
        fail<ConfigError>("a schedule's factor is ", factor,
                          ", it must be finite and cannot be negative");
      }
    }
  }
  std::vector<Piece> pieces_;
};

}  // namespace hooked
