// One run of a sweep, and what it leaves: DIRECTORY/result.json beside the files of train().
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "hooked/train/train.hpp"
#include "settings.hpp"

namespace sweep {

/// "run-007"; the numbers of one sweep have the same length.
inline std::string directory_name(Index number, Index runs) {
  std::string digits = std::to_string(number);
  const auto length = std::max<std::size_t>(3, std::to_string(runs - 1).size());
  return "run-" + std::string(length - digits.size(), '0') + digits;
}

/// Trains, and says how it went: {"train_loss", "test_loss", "test_accuracy", "steps", "seconds"}.
/// Throws what is wrong with the settings or the run.
inline json result_of(const Run& run, const std::filesystem::path& directory, int threads,
                      bool resume, bool progress) {
  const hooked::Seed seed{run.seed};
  const TaskSettings settings = task_settings(run.settings);
  const Task task = make_task(settings);
  const auto examples = static_cast<double>(task.all.size());
  const auto training = static_cast<Index>(std::round(settings.train_fraction * examples));
  if (!(settings.train_fraction > 0 && settings.train_fraction < 1) || training < 1 ||
      training >= task.all.size()) {
    fail<ConfigError>("task.train_fraction is ", settings.train_fraction, ": of the ",
                      task.all.size(),
                      " examples some must be for training and some "
                      "for testing");
  }
  const auto parts = split(task.all, training, seed);
  hooked::Transformer<float> model(model_config(run.settings, task), seed);
  hooked::TrainOptions options = train_options(run.settings);
  options.validation = &parts.test;
  options.directory = directory;
  options.checkpoint_every = 1000;  // so that what is interrupted loses seconds
  options.resume = resume;
  options.progress = progress;
  options.seed = seed;
  options.threads = threads;
  const hooked::TrainResult result = train(model, parts.train, options);
  return {{"train_loss", evaluate(model, parts.train, {}, {.threads = threads}).loss},
          {"test_loss", result.evaluation->loss},
          {"test_accuracy", result.evaluation->accuracy},
          {"steps", result.steps},
          {"seconds", result.seconds}};
}

/// Does a run in `directory` unless it is done, and says how it went; its "status" is "done" or
/// "failed", and then there is an "error". With `resume`, a run that is done is left as it is, one
/// that was interrupted goes on from its checkpoint, and one that failed is tried again.
inline json do_run(const Run& run, const std::filesystem::path& directory, int threads, bool resume,
                   bool progress) {
  const auto path = directory / "result.json";
  if (resume && std::filesystem::exists(path)) {
    json before = hooked::load_json(path);
    if (before.value("status", "") == "done") return before;
  }
  hooked::make_directory(directory);
  json result;
  try {
    result = result_of(run, directory, threads, resume, progress);
    result["status"] = "done";
  } catch (const std::exception& error) {
    result = {{"status", "failed"}, {"error", error.what()}};
  }
  result["settings"] = run.settings;
  result["seed"] = run.seed;
  hooked::save_json(path, result);
  return result;
}

struct Summary {
  std::string table;  // CSV
  Index failed = 0;
};

/// One row for each run: the grid's keys, then what result.json says. Losses are nats, means over
/// all examples of a part; what a failed run does not have is empty.
inline Summary summary(const Sweep& sweep, const std::filesystem::path& out) {
  const auto cell = [](const json& value) {
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
    for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) {
      text.insert(at, "\"");
    }
    return "\"" + text + "\"";
  };
  const std::vector<std::string> columns{"train_loss", "test_loss", "test_accuracy", "steps",
                                         "seconds",    "status",    "error"};
  Index failed = 0;
  std::string table = "run";
  for (const std::string& key : sweep.keys) table += "," + key;
  table += ",seed";
  for (const std::string& column : columns) table += "," + column;
  const auto runs = static_cast<Index>(sweep.runs.size());
  for (const Run& run : sweep.runs) {
    const std::string name = directory_name(run.number, runs);
    const json result = hooked::load_json(out / name / "result.json");
    if (result.at("status") != "done") ++failed;
    table += "\n" + name;
    for (const json& value : run.varied) table += "," + cell(value);
    table += "," + std::to_string(run.seed);
    for (const std::string& column : columns) table += "," + cell(result.value(column, json("")));
  }
  return {table + "\n", failed};
}

}  // namespace sweep
