// Names that people mistype: edit distance and the list of nearest names for error texts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hooked {

/// Levenshtein distance: the least number of single-character edits that turn `a` into `b`.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

/// The `count` names nearest to `wanted`, as "a, b, c" for an error text.
[[gnu::cold]] inline std::string nearest_names(std::string_view wanted,
                                               const std::vector<std::string>& names,
                                               std::size_t count = 3) {
  std::vector<std::pair<std::size_t, std::size_t>> ranked;
  for (std::size_t i = 0; i < names.size(); ++i) {
    // A name that contains what was typed is near, however long it is.
    const bool contains = !wanted.empty() && names[i].find(wanted) != std::string::npos;
    ranked.emplace_back(contains ? 1 : edit_distance(wanted, names[i]), i);
  }
  std::sort(ranked.begin(), ranked.end());  // of names equally near the first comes first
  std::string joined;
  for (std::size_t i = 0; i < std::min(count, ranked.size()); ++i) {
    joined += (i == 0 ? "" : ", ") + names[ranked[i].second];
  }
  return joined;
}

/// Whether `name` fits `pattern`, where `*` stands for any run of characters and `?` for one.
inline bool matches_glob(std::string_view name, std::string_view pattern) {
  std::size_t n = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++n, ++p;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace hooked
