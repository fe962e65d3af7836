// Claims: what a study says, what was measured, and a verdict that follows from the two by a rule.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/io/json.hpp"

namespace hooked {

/// From best to worst; `not_measurable` where there is nothing to compare or no finite number.
enum class Verdict { match, same_shape, differs, not_measurable };

/// As tables show it: "match", "same sign/shape", "differs", "not measurable".
inline std::string_view verdict_name(Verdict verdict) {
  constexpr std::string_view names[] = {"match", "same sign/shape", "differs", "not measurable"};
  return names[static_cast<std::size_t>(verdict)];
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

/// One line of a study's table. `study_says` is a number, a list, a text or null; `measured` a
/// number or a list. `definition` says how it was measured and ends with the rule of the verdict.
struct Claim {
  std::string claim = "";  ///< in words
  nlohmann::ordered_json study_says = nullptr;
  nlohmann::ordered_json measured = nullptr;
  std::string unit = "";  ///< of the number
  std::string definition = "";
  Verdict verdict = Verdict::not_measurable;  ///< computed, never written
};

/// A claim about one number, judged.
inline Claim judge(Claim claim, double measured, const Rule& rule) {
  claim.measured = rounded(measured);
  claim.definition += " [" + rule.text() + "]";
  claim.verdict = rule(measured);
  return claim;
}

/// A claim about several numbers, each with its rule; the verdict is the worst one.
/// Throws ShapeError when there are not as many rules as numbers.
inline Claim judge(Claim claim, const std::vector<double>& measured,
                   const std::vector<Rule>& rules) {
  if (measured.size() != rules.size()) {
    fail<ShapeError>("the claim \"", claim.claim, "\" has ", measured.size(), " numbers but ",
                     rules.size(), " rules");
  }
  claim.measured = nlohmann::ordered_json::array();
  claim.verdict = Verdict::match;
  std::string texts;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    claim.measured.push_back(rounded(measured[i]));
    claim.verdict = std::max(claim.verdict, rules[i](measured[i]));
    // The same rule for all of them is said once.
    if (i > 0 && rules[i].text() == rules[i - 1].text()) continue;
    texts += (texts.empty() ? "" : " | ") + rules[i].text();
  }
  claim.definition += " [each: " + texts + "]";
  return claim;
}

/// A measurement for which the study gives nothing to compare with.
inline Claim report(Claim claim, double measured) {
  claim.measured = rounded(measured);
  claim.definition += " [the study says nothing to compare with]";
  return claim;
}

/// The claims as a list of {claim, study_says, measured, unit, definition, verdict}.
inline nlohmann::ordered_json claims_to_json(const std::vector<Claim>& claims) {
  auto list = nlohmann::ordered_json::array();
  for (const Claim& c : claims) {
    list.push_back({{"claim", c.claim},
                    {"study_says", c.study_says},
                    {"measured", c.measured},
                    {"unit", c.unit},
                    {"definition", c.definition},
                    {"verdict", verdict_name(c.verdict)}});
  }
  return list;
}

/// Throws FormatError when the file cannot be written.
inline void save_claims(const std::vector<Claim>& claims, const std::filesystem::path& path) {
  save_json(path, claims_to_json(claims));
}

namespace detail {

/// "0.068 nats", "68, 97 %", "strongly anti-aligned", "-" for nothing.
inline std::string cell(const nlohmann::ordered_json& value, const std::string& unit) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  std::string numbers;
  for (const auto& number : value.is_array() ? value : nlohmann::ordered_json::array({value})) {
    numbers += (numbers.empty() ? "" : ", ");
    numbers += number.is_null() ? "none" : short_text(number.get<double>());
  }
  return unit.empty() ? numbers : numbers + " " + unit;
}

}  // namespace detail

/// The table "claim | study says | measured | verdict" for a terminal, one line a claim.
inline std::string claims_table(const std::vector<Claim>& claims) {
  std::vector<std::vector<std::string>> rows{{"claim", "study says", "measured", "verdict"}};
  for (const Claim& c : claims) {
    rows.push_back({c.claim, detail::cell(c.study_says, c.unit), detail::cell(c.measured, c.unit),
                    std::string(verdict_name(c.verdict))});
  }
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], row[k].size());
  }
  std::string table;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < widths.size(); ++k) {
      const bool is_last = k + 1 == widths.size();
      table += rows[i][k];
      if (!is_last) table += std::string(widths[k] - rows[i][k].size(), ' ') + " | ";
    }
    table += "\n";
    if (i > 0) continue;
    for (std::size_t k = 0; k < widths.size(); ++k) {
      table += std::string(widths[k], '-') + (k + 1 == widths.size() ? "\n" : "-+-");
    }
  }
  return table;
}

}  // namespace hooked
