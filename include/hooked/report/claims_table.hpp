// Claims as a table for a terminal.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "hooked/report/claims.hpp"

namespace hooked {

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

/// "match", or why the verdict says nothing: "not discriminating: untrained passes".
inline std::string verdict_text(const Claim& claim) {
  std::string who;
  for (const std::string& null : nulls_that_pass(claim)) who += (who.empty() ? "" : ", ") + null;
  return who.empty() ? std::string(verdict_name(claim.verdict)) : "not discriminating: " + who;
}

}  // namespace detail

/// The table "claim | study says | measured | verdict" for a terminal, one line a claim.
inline std::string claims_table(const std::vector<Claim>& claims) {
  std::vector<std::vector<std::string>> rows{{"claim", "study says", "measured", "verdict"}};
  for (const Claim& c : claims) {
    rows.push_back({c.claim, detail::cell(c.study_says, c.unit), detail::cell(c.measured, c.unit),
                    detail::verdict_text(c)});
  }
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (std::size_t k = 0; k < widths.size(); ++k) widths[k] = std::max(widths[k], row[k].size());
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
