// Trains a study's model for every combination of choices and seeds that a file asks for, and
// writes one table about all of them. Under mpirun each rank does one run at a time.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>

#include "../caesar/caesar.hpp"
#include "../modular_addition/modular_addition.hpp"
#include "../order_statistics/order_statistics.hpp"
#include "../subtraction_sign/subtraction_sign.hpp"
#include "hooked/train/ranks.hpp"
#include "runs.hpp"
#include "small_studies.hpp"

namespace sweep {

struct Options {
  std::filesystem::path file, out;
  int threads = 0;
  bool resume = false;
};

/// Throws NameError for a name that is none.
study::Study study_named(const std::string& name) {
  std::vector<std::string> names;
  for (const study::Study& study :
       {addition::modular_addition(), caesar::caesar(), order_statistics::order_statistics(),
        subtraction::subtraction_sign(), maximum()}) {
    if (study.name == name) return study;
    names.push_back(study.name);
  }
  fail<hooked::NameError>("there is no study \"", name,
                          "\"; the nearest are: ", hooked::nearest_names(name, names));
}

/// Makes `out` ready for the sweep in `file`: out/sweep.json says what it holds. Throws ConfigError
/// when that is another sweep, or the same one and nobody said that it should go on.
void prepare(const Options& options, const json& file) {
  const auto path = options.out / "sweep.json";
  if (std::filesystem::exists(path)) {
    if (hooked::load_json(path) != file) {
      fail<ConfigError>(options.out.string(), " holds another sweep: choose another --out");
    }
    if (!options.resume) {
      fail<ConfigError>(options.out.string(),
                        " holds this sweep already: --resume goes on with it");
    }
  }
  hooked::make_directory(options.out);
  hooked::save_json(path, file);
}

void announce(const std::string& name, const json& result) {
  if (result.at("status") == "done") {
    const json& numbers = result.at("numbers");
    std::printf("%s: test accuracy %.1f%%, %.1f s\n", name.c_str(),
                100 * numbers.at("test accuracy").get<double>(),
                numbers.at("seconds").get<double>());
  } else {
    std::printf("%s: failed: %s\n", name.c_str(), result.at("error").get<std::string>().c_str());
  }
  std::fflush(stdout);
}

/// Whether all runs succeeded.
bool run(const Options& options, const hooked::Ranks& ranks) {
  Sweep sweep;
  std::optional<study::Study> study;
  ranks.agree([&] {
    const json file = hooked::load_json(options.file);
    sweep = read_sweep(file, options.file.string());
    study = study_named(sweep.study);
    for (const Run& one : sweep.runs) choices_of(*study, sweep.preset, one.chosen);  // names exist
    if (ranks.is_first()) prepare(options, file);
  });
  const auto runs = static_cast<Index>(sweep.runs.size());
  ranks.agree([&] {
    for (Index i = ranks.rank(); i < runs; i += ranks.size()) {
      const std::string name = directory_name(i, runs);
      announce(name, do_run(*study, sweep.preset, sweep.runs[static_cast<std::size_t>(i)],
                            options.out / name, {ranks.threads(options.threads), options.resume}));
    }
  });
  return ranks.agree([&] {
    if (!ranks.is_first()) return true;
    const auto [table, failed] = summary(sweep, options.out);
    hooked::write_file(options.out / "summary.csv", table);
    std::printf("%td of %td runs failed; %s is the table\n", failed, runs,
                (options.out / "summary.csv").c_str());
    return failed == 0;
  });
}

}  // namespace sweep

int main(int argc, char** argv) {
  sweep::Options options;
  CLI::App app(
      "Train a study's model for every combination of choices and seeds in FILE. "
      "Exit status: 0, or 1 when something is wrong, or 2 when some of the runs failed.");
  app.add_option("FILE", options.file, "what to try, as in examples/sweep/example.json")
      ->required();
  app.add_option("--out", options.out, "where everything is written; summary.csv is the table")
      ->required();
  app.add_option("--threads", options.threads, "of each run; 0: all processors; changes no result")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  app.add_flag(
      "--resume", options.resume,
      "go on with the sweep in --out: runs that are done stay, failed ones are tried again");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "sweep: %s (--help lists the options)\n", error.what());
    return 1;
  }
  try {
    const auto ranks = hooked::Ranks::world();
    return sweep::run(options, ranks) ? 0 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sweep: %s\n", error.what());
    return 1;
  }
}
