#include "options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <limits>

namespace study {

namespace {

std::string option_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

}  // namespace

CommandLine read_command_line(const std::string& name, const std::string& question,
                              const Choices& choices, const std::vector<Preset>& presets, int argc,
                              char** argv) {
  CommandLine line{{presets[0].name, choices}};
  Options& options = line.options;
  CLI::App app(question);
  std::vector<std::string> names;
  std::string help_of_presets;
  for (const Preset& preset : presets) {
    names.push_back(preset.name);
    help_of_presets += (help_of_presets.empty() ? "" : "; ") + preset.name + ": " + preset.help;
  }
  app.add_option("--preset", options.preset, help_of_presets)
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "draws weights, training examples and their order")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->capture_default_str();
  app.add_option("--out", options.out, "where everything is written")->required();
  app.add_option("--threads", options.threads, "0: all processors; changes no result")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  app.add_flag("--resume", options.resume, "go on from the last checkpoint in --out");
  app.add_option("--model", options.model,
                 "analyse the model of this folder, config.json and model.safetensors, in place of "
                 "one that is trained")
      ->excludes("--resume");
  Chosen values;
  for (const Choice& choice : choices) {
    const std::string help = choice.help + " (else the preset's)";
    if (!choice.value.is_word()) {
      app.add_option_function<double>(
             option_of(choice.name),
             [&](const double& number) { values.emplace_back(choice.name, number); }, help)
          ->check(CLI::Number);
    } else {
      CLI::Option* const option = app.add_option_function<std::string>(
          option_of(choice.name),
          [&](const std::string& word) { values.emplace_back(choice.name, word); }, help);
      if (!choice.words.empty()) option->check(CLI::IsMember(choice.words));
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return {.options = std::move(options), .ends = true, .status = app.exit(help)};
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "%s: %s (--help lists the options)\n", name.c_str(), error.what());
    return {.options = std::move(options), .ends = true, .status = 1};
  }
  options.choices = choices_of(name, choices, presets, options.preset, values);
  return line;
}

}  // namespace study
