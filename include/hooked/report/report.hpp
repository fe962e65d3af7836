// Report: the claims and figures of a study, gathered while it is analysed, written at the end.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "hooked/report/claims.hpp"
#include "hooked/report/figure.hpp"

namespace hooked {

/// What a study writes: its claims and its figures.
struct Report {
  std::vector<std::string> findings = {};               ///< in words, the first lines of all
  std::vector<Claim> claims = {};                       ///< in the order of the page
  std::vector<std::pair<std::string, Figure>> figures;  ///< file names and figures

  void add(Claim claim) { claims.push_back(std::move(claim)); }
  /// A sentence of what was found.
  void say(std::string finding) { findings.push_back(std::move(finding)); }
  /// `name` is the file's, without ".json"; `see` is a sentence that says what to look for.
  void add(std::string name, std::string see, Figure figure) {
    figure.see(std::move(see));
    figures.emplace_back(std::move(name), std::move(figure));
  }

  /// DIRECTORY/claims.json, findings.json (a list of sentences) and figures/NAME.json.
  /// Throws FormatError when they cannot be written.
  void save(const std::filesystem::path& directory) const {
    make_directory(directory / "figures");
    for (const auto& [name, figure] : figures) {
      save_json(directory / "figures" / (name + ".json"), figure.json());
    }
    save_claims(claims, directory / "claims.json");
    save_json(directory / "findings.json", nlohmann::ordered_json(findings));
  }
};

}  // namespace hooked
