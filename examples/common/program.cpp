#include "program.hpp"

#include <cstdio>
#include <exception>
#include <vector>

#include "hooked/report/claims_table.hpp"
#include "nulls.hpp"
#include "options.hpp"
#include "study.hpp"
#include "training.hpp"
#include "trajectory.hpp"

namespace study {

namespace {

/// The table shows what is judged; claims.json has all.
void print(const Study& study, const Options& options, const hooked::Report& report) {
  for (const Preset& preset : study.presets) {
    if (preset.name == options.preset && !preset.warning.empty()) {
      std::printf("\nNote: %s\n", preset.warning.c_str());
    }
  }
  std::printf("\n");
  for (const std::string& finding : report.findings) std::printf("%s\n", finding.c_str());
  std::vector<hooked::Claim> judged;
  std::size_t counting = 0, holding = 0;
  for (const hooked::Claim& claim : report.claims) {
    if (claim.verdict == hooked::Verdict::not_judged) continue;
    judged.push_back(claim);
    counting += counts(claim) ? 1 : 0;
    holding += counts(claim) && passes(claim.verdict) ? 1 : 0;
  }
  std::printf(
      "Of %zu claims, %zu say something (models that know nothing fail them); %zu of these hold.\n",
      judged.size(), counting, holding);
  std::printf("\n%s\n%zu more measurements, definitions and rules are in %s\n",
              claims_table(judged).c_str(), report.claims.size() - judged.size(),
              (options.out / "claims.json").c_str());
}

void run(const Study& study, const Options& options) {
  hooked::make_directory(options.out);
  const Setup setup = study.setup(options.choices, seed_of(options));
  const hooked::Transformer<float> model =
      options.model.empty() ? train_or_load(study, options, setup) : given_model(options, setup);
  const Subject trained{model, setup, options.choices, options.threads};
  hooked::Report report = study.analyse(trained);
  const Trajectory trajectory = trajectory_of(study, options, trained);
  save_trajectory(trajectory, options.out, report);
  for (const NullModel& null : null_models(study, options, trained, trajectory)) {
    add_null(report.claims, null.name,
             study.analyse({null.model, setup, options.choices, options.threads}).claims);
  }
  if (study.along != nullptr && options.model.empty()) study.along(trajectory, report);
  report.save(options.out);
  print(study, options, report);
}

}  // namespace

int run(const Study& study, int argc, char** argv) {
  CommandLine line = read_command_line(study, argc, argv);
  if (line.ends) return line.status;
  try {
    run(study, line.options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", study.name.c_str(), error.what());
    return 1;
  }
  return 0;
}

}  // namespace study
