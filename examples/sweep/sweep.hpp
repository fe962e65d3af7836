// What a sweep's JSON file says, and the runs that it asks for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "../common/study.hpp"
#include "hooked/core/names.hpp"
#include "hooked/io/json.hpp"

namespace sweep {

using hooked::ConfigError;
using hooked::fail;
using hooked::FormatError;
using hooked::Index;
using json = nlohmann::ordered_json;

/// One run: what is chosen beside the preset, and the seed.
struct Run {
  Index number;
  study::Chosen chosen;
  std::int64_t seed;
};

struct Sweep {
  std::string study, preset;      // the preset may be empty: the study's first
  std::vector<std::string> keys;  // every choice that differs between runs
  std::vector<Run> runs;
};

/// "run-007"; the numbers of one sweep have the same length.
inline std::string directory_name(Index number, Index runs) {
  std::string digits = std::to_string(number);
  const auto length = std::max<std::size_t>(3, std::to_string(runs - 1).size());
  return "run-" + std::string(length - digits.size(), '0') + digits;
}

/// Throws FormatError when `value` is no object, ConfigError for a key that is not among `known`.
inline void check_keys(const json& value, const std::vector<std::string>& known,
                       const std::string& label) {
  if (!value.is_object()) fail<FormatError>(label, " must be an object, found ", value.dump());
  for (const auto& [key, ignored] : value.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    fail<ConfigError>(label, ": there is no \"", key,
                      "\"; the nearest are: ", hooked::nearest_names(key, known));
  }
}

inline bool is_value(const json& value) { return value.is_number() || value.is_string(); }
inline study::Value value_of(const json& value) {
  return value.is_string() ? study::Value(value.get<std::string>()) : value.get<double>();
}

/// Every combination of the values in {CHOICE: [VALUE, ...]}, the last key changing first.
inline std::vector<study::Chosen> combinations(const json& grid, const std::string& label) {
  if (!grid.is_object()) fail<FormatError>(label, " must be an object, found ", grid.dump());
  std::vector<study::Chosen> all{{}};
  for (const auto& [key, values] : grid.items()) {
    if (!values.is_array() || values.empty() ||
        !std::all_of(values.begin(), values.end(), is_value)) {
      fail<FormatError>(label, ": \"", key, "\" must be a list of numbers or words, found ",
                        values.dump());
    }
    std::vector<study::Chosen> more;
    for (const auto& chosen : all) {
      for (const json& value : values) {
        more.push_back(chosen);
        more.back().emplace_back(key, value_of(value));
      }
    }
    all = std::move(more);
  }
  return all;
}

/// Reads {"study": NAME, "preset": NAME, "choices": {CHOICE: VALUE}, "grids": [{CHOICE: [VALUE,
/// ...]}, ...], "seeds": [0]}: all combinations of each grid, one grid after the other, the seed
/// changing first; a grid's value takes the place of that in `choices`. Only the shape is judged: a
/// value may be a mistake of one run alone.
inline Sweep read_sweep(const json& file, const std::string& label) {
  check_keys(file, {"study", "preset", "choices", "grids", "seeds"}, label);
  const auto text_of = [&](const char* key) {
    const json value = file.value(key, json(""));
    if (!value.is_string()) {
      fail<FormatError>(label, ": ", key, " must be a name, found ", value.dump());
    }
    return value.get<std::string>();
  };
  Sweep sweep{.study = text_of("study"), .preset = text_of("preset"), .keys = {}, .runs = {}};
  json base = json::object();  // as a grid with one value each
  const json choices = file.value("choices", json::object());
  if (!choices.is_object()) {
    fail<FormatError>(label, ": choices must be an object, found ", choices.dump());
  }
  for (const auto& [key, value] : choices.items()) {
    if (!is_value(value)) {
      fail<FormatError>(label, ": choices: \"", key, "\" must be a number or a word, found ",
                        value.dump());
    }
    base[key] = json::array({value});
  }
  const auto chosen_in_all = combinations(base, label + ": choices").front();

  const json grids = file.value("grids", json::array({json::object()}));
  if (!grids.is_array() || grids.empty()) {
    fail<FormatError>(label, ": grids must be a list of grids, found ", grids.dump());
  }
  const json seeds = file.value("seeds", json::array({0U}));
  const auto is_seed = [](const json& seed) {
    return seed.is_number_unsigned() &&
           seed.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
  };
  if (!seeds.is_array() || seeds.empty() || !std::all_of(seeds.begin(), seeds.end(), is_seed)) {
    fail<FormatError>(label, ": seeds must be a list of whole numbers from 0, found ",
                      seeds.dump());
  }
  for (const json& grid : grids) {
    for (const auto& chosen : combinations(grid, label + ": a grid")) {
      for (const json& seed : seeds) {
        Run run{static_cast<Index>(sweep.runs.size()), chosen_in_all, seed.get<std::int64_t>()};
        run.chosen.insert(run.chosen.end(), chosen.begin(), chosen.end());
        sweep.runs.push_back(std::move(run));
      }
    }
    for (const auto& [key, values] : grid.items()) {
      if (std::find(sweep.keys.begin(), sweep.keys.end(), key) == sweep.keys.end())
        sweep.keys.push_back(key);
    }
  }
  return sweep;
}

}  // namespace sweep
