// Rules: which measurements agree with what a study says.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>

namespace hooked {

/// From best to worst; `not_measurable` where there is no finite number, `not_judged` where the
/// study says nothing to compare with.
enum class Verdict { match, same_shape, differs, not_measurable, not_judged };

/// As tables show it: "match", "same sign/shape", "differs", "not measurable", "not judged".
inline std::string_view verdict_name(Verdict verdict) {
  constexpr std::string_view names[] = {"match", "same sign/shape", "differs", "not measurable",
                                        "not judged"};
  return names[static_cast<std::size_t>(verdict)];
}
/// Whether a measurement with this verdict agrees with what the study says.
inline bool passes(Verdict verdict) {
  return verdict == Verdict::match || verdict == Verdict::same_shape;
}

/// A number with `digits` significant digits, as text and as the nearest double to it.
inline std::string short_text(double x, int digits = 4) {
  char digits_of_x[40];
  std::snprintf(digits_of_x, sizeof digits_of_x, "%.*g", digits, x);
  return digits_of_x;
}
/// The nearest double to `digits` significant digits of x.
inline double rounded(double x, int digits = 6) {
  return std::isfinite(x) ? std::stod(short_text(x, digits)) : x;
}

/// All numbers from `low` to `high`, ends included.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();

  /// Whether x lies in it.
  bool contains(double x) const { return low <= x && x <= high; }
  /// "98.05 to 99.05", "at least 2", "at most 5", "any number"
  std::string text() const {
    if (std::isinf(low) && std::isinf(high)) return "any number";
    if (std::isinf(low)) return "at most " + short_text(high);
    if (std::isinf(high)) return "at least " + short_text(low);
    return short_text(low) + " to " + short_text(high);
  }
};

/// The numbers that differ from `target` by at most `tolerance`.
inline Range within(double target, double tolerance) {
  return {target - tolerance, target + tolerance};
}
/// The numbers that are at most `factor` times as large or as small as `target`, which is positive.
inline Range within_factor(double target, double factor) {
  return {target / factor, target * factor};
}

/// Which measurements agree with a claim: those in `match`, and in sign or shape those in `shape`.
struct Rule {
  Range match;
  Range shape;

  /// What a measurement says of the claim; not_measurable for NaN and infinity.
  Verdict operator()(double measured) const {
    if (!std::isfinite(measured)) return Verdict::not_measurable;
    if (match.contains(measured)) return Verdict::match;
    return shape.contains(measured) ? Verdict::same_shape : Verdict::differs;
  }
  /// "match: 98 to 99; same sign/shape: at least 50"
  std::string text() const {
    return "match: " + match.text() + "; same sign/shape: " + shape.text();
  }
};

}  // namespace hooked
