// One run of a sweep, and what it leaves: DIRECTORY/result.json beside the files of the run.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "../common/training.hpp"
#include "hooked/train/evaluate.hpp"
#include "sweep.hpp"

namespace sweep {

/// What the command line says of every run.
struct HowToRun {
  int threads = 0;
  bool resume = false;
};

/// Trains, and says how it went: {"steps taken", "seconds", "train accuracy", "test accuracy"} and
/// what the study tracks. Throws what is wrong with the choices or the run.
inline json result_of(study::Study study, const std::string& preset, const Run& run,
                      const std::filesystem::path& directory, const HowToRun& how) {
  study.snapshots = 0;
  const study::Options options{.preset = preset,
                               .choices = choices_of(study, preset, run.chosen),
                               .seed = run.seed,
                               .out = directory,
                               .threads = how.threads,
                               .resume = how.resume};
  const study::Setup setup = study.setup(options.choices, study::seed_of(options));
  const hooked::Transformer<float> model = train_or_load(study, options, setup);
  const json facts = hooked::load_json(directory / "run.json");
  const auto accuracy = [&](const hooked::Dataset& part) {
    return hooked::rounded(evaluate(model, part, {}, {.threads = how.threads}).accuracy);
  };
  json result{{"steps taken", facts.at("steps")},
              {"seconds", facts.at("seconds")},
              {"train accuracy", accuracy(setup.part.train)},
              {"test accuracy", accuracy(setup.part.test)}};
  const study::Subject trained{model, setup, options.choices, how.threads};
  for (const auto& [name, value] : study.track(trained, trained)) {
    result[name] = hooked::rounded(value);
  }
  return result;
}

/// Does a run in `directory` unless it is done, and says how it went; its "status" is "done" or
/// "failed", and then there is an "error". With `resume`, a run that is done is left as it is, one
/// that was interrupted goes on from its checkpoint, and one that failed is tried again.
inline json do_run(const study::Study& study, const std::string& preset, const Run& run,
                   const std::filesystem::path& directory, const HowToRun& how) {
  const auto path = directory / "result.json";
  if (how.resume && std::filesystem::exists(path)) {
    json before = hooked::load_json(path);
    if (before.value("status", "") == "done") return before;
  }
  hooked::make_directory(directory);
  json result{{"seed", run.seed}, {"choices", json::object()}};
  for (const study::Choice& choice : choices_of(study, preset, run.chosen)) {
    result["choices"][choice.name] = choice.value.to_json();
  }
  try {
    result["numbers"] = result_of(study, preset, run, directory, how);
    result["status"] = "done";
  } catch (const std::exception& error) {
    result["status"] = "failed";
    result["error"] = error.what();
  }
  hooked::save_json(path, result);
  return result;
}

struct Summary {
  std::string table;  // CSV
  Index failed = 0;
};

/// One row for each run: the choices that differ between runs, then how it went; what a failed run
/// does not have is empty.
inline Summary summary(const Sweep& sweep, const std::filesystem::path& out) {
  const auto cell = [](const json& value) {
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) {
      text.insert(at, "\"");
    }
    return "\"" + text + "\"";
  };
  std::vector<json> results;
  std::vector<std::string> columns;
  Summary summary;
  const auto runs = static_cast<Index>(sweep.runs.size());
  for (const Run& run : sweep.runs) {
    results.push_back(hooked::load_json(out / directory_name(run.number, runs) / "result.json"));
    if (results.back().at("status") != "done") ++summary.failed;
    if (!results.back().contains("numbers")) continue;
    for (const auto& [name, value] : results.back()["numbers"].items()) {
      const bool known = std::find(columns.begin(), columns.end(), name) != columns.end();
      if (!known) columns.push_back(name);
    }
  }
  summary.table = "run";
  for (const std::string& key : sweep.keys) summary.table += "," + key;
  summary.table += ",seed";
  for (const std::string& column : columns) summary.table += "," + column;
  summary.table += ",status,error\n";
  for (const Run& run : sweep.runs) {
    const json& result = results[static_cast<std::size_t>(run.number)];
    const json numbers = result.value("numbers", json::object());
    summary.table += directory_name(run.number, runs);
    for (const std::string& key : sweep.keys) {
      summary.table += "," + cell(result["choices"].at(key));
    }
    summary.table += "," + std::to_string(run.seed);
    for (const std::string& column : columns) {
      summary.table += "," + cell(numbers.value(column, json("")));
    }
    summary.table +=
        "," + cell(result["status"]) + "," + cell(result.value("error", json(""))) + "\n";
  }
  return summary;
}

}  // namespace sweep
