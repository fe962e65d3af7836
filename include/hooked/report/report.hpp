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
  std::vector<Claim> claims;                            ///< in the order of the page
  std::vector<std::pair<std::string, Figure>> figures;  ///< file names and figures

  void add(Claim claim) { claims.push_back(std::move(claim)); }
  /// `name` is the file's, without ".json".
  void add(std::string name, Figure figure) {
    figures.emplace_back(std::move(name), std::move(figure));
  }

  /// DIRECTORY/claims.json and DIRECTORY/figures/NAME.json.
  /// Throws FormatError when they cannot be written.
  void save(const std::filesystem::path& directory) const {
    make_directory(directory / "figures");
    for (const auto& [name, figure] : figures) {
      save_json(directory / "figures" / (name + ".json"), figure.json());
    }
    save_claims(claims, directory / "claims.json");
  }
};

}  // namespace hooked
