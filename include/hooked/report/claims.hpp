// Claims: what a study says, what was measured, and a verdict that follows from the two by a rule;
// beside it what models that know nothing measure, which shows whether the verdict means anything.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "hooked/core/error.hpp"
#include "hooked/io/json.hpp"
#include "hooked/report/rules.hpp"

namespace hooked {

/// What a null model measures: one that cannot know what the claim is about, such as an untrained
/// one.
struct NullMeasurement {
  std::string model;                          ///< "untrained"
  nlohmann::ordered_json measured = nullptr;  ///< as the claim's
  Verdict verdict = Verdict::not_judged;      ///< of the claim's rule
};

/// One line of a study's table. `study_says` quotes the study (a number, a list or a text) or is
/// null; `measured` is a number, a list or a text. `definition` says how it was measured and ends
/// with the rule of the verdict.
struct Claim {
  std::string claim = "";  ///< in words
  nlohmann::ordered_json study_says = nullptr;
  nlohmann::ordered_json measured = nullptr;
  std::string unit = "";  ///< of the number
  std::string definition = "";
  Verdict verdict = Verdict::not_judged;    ///< computed, never written
  std::vector<NullMeasurement> nulls = {};  ///< what null models measure
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
  return claim;
}
/// The same of several numbers.
inline Claim report(Claim claim, const std::vector<double>& measured) {
  claim.measured = nlohmann::ordered_json::array();
  for (const double number : measured) claim.measured.push_back(rounded(number));
  return claim;
}

/// The names of the null models whose measurement passes the claim's rule: then the rule does not
/// discriminate.
inline std::vector<std::string> nulls_that_pass(const Claim& claim) {
  std::vector<std::string> names;
  for (const NullMeasurement& null : claim.nulls) {
    if (passes(null.verdict)) names.push_back(null.model);
  }
  return names;
}

/// Whether the verdict says something: there is a rule, and no null model passes it.
inline bool counts(const Claim& claim) {
  return claim.verdict != Verdict::not_judged && nulls_that_pass(claim).empty();
}

/// Puts beside each claim what the null model `model` measures, by the same analysis. Throws Error
/// when that analysis gave other claims.
inline void add_null(std::vector<Claim>& claims, const std::string& model,
                     const std::vector<Claim>& of_null) {
  const bool same = std::equal(claims.begin(), claims.end(), of_null.begin(), of_null.end(),
                               [](const Claim& a, const Claim& b) { return a.claim == b.claim; });
  if (!same) {
    fail<Error>("the analysis of the model \"", model,
                "\" gives other claims than the trained one's");
  }
  for (std::size_t i = 0; i < claims.size(); ++i) {
    claims[i].nulls.push_back({model, of_null[i].measured, of_null[i].verdict});
  }
}

/// The claims as a list of {claim, study_says, measured, unit, definition, verdict, nulls, counts};
/// `nulls` is a list of {model, measured, verdict}.
inline nlohmann::ordered_json claims_to_json(const std::vector<Claim>& claims) {
  auto list = nlohmann::ordered_json::array();
  for (const Claim& c : claims) {
    auto nulls = nlohmann::ordered_json::array();
    for (const NullMeasurement& null : c.nulls) {
      nulls.push_back({{"model", null.model},
                       {"measured", null.measured},
                       {"verdict", verdict_name(null.verdict)}});
    }
    list.push_back({{"claim", c.claim},
                    {"study_says", c.study_says},
                    {"measured", c.measured},
                    {"unit", c.unit},
                    {"definition", c.definition},
                    {"verdict", verdict_name(c.verdict)},
                    {"nulls", std::move(nulls)},
                    {"counts", counts(c)}});
  }
  return list;
}

/// Throws FormatError when the file cannot be written.
inline void save_claims(const std::vector<Claim>& claims, const std::filesystem::path& path) {
  save_json(path, claims_to_json(claims));
}

}  // namespace hooked
