// How does a one-layer transformer decide the sign of a two-digit subtraction? Trains the model of
// the study and measures every claim of it.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>

#include "angles.hpp"
#include "assembled.hpp"
#include "attention.hpp"
#include "base.hpp"
#include "heads.hpp"
#include "logits.hpp"
#include "neurons.hpp"
#include "paths.hpp"
#include "roles.hpp"
#include "study.hpp"
#include "training.hpp"

namespace subtraction {

void run(const Options& options) {
  hooked::make_directory(options.out);
  const Dataset all = all_pairs();
  const Transformer<float> model = train_or_load(options, all);
  const Study study(model, all);
  const SignLogits logits(study);
  const NeuronFits fits(study);
  const NeuronRoles neurons(study, fits);
  const HeadRoles heads(mean_attention(study));
  const HeadMaps maps(study);

  Report report;
  base_figures(study, options, report);
  logit_maps(logits, report);
  angle_matrix(study, fits, report);
  linear_fits(study, fits, report);
  example_neurons(study, fits, neurons, report);
  ablations(study, fits, report);
  head_maps(maps, fits, heads, neurons, report);
  attention_patterns(study, heads, report);
  minus_position(study, report);
  assembled_model(study, fits, maps, report);
  path_check(study, report);
  biases(study, report);
  closed_form(logits, report);

  report.save(options.out);
  std::printf("\n%s\n", claims_table(report.claims).c_str());
}

}  // namespace subtraction

int main(int argc, char** argv) {
  subtraction::Options options;
  CLI::App app(
      "Train a one-layer transformer on \"a - b = sign |a-b|\" and test how it decides the "
      "sign.");
  app.add_option("--preset", options.preset, "quick (under two minutes) or full (as the study)")
      ->check(CLI::IsMember({"quick", "full"}))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "draws weights, training pairs and their order")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->capture_default_str();
  app.add_option("--epochs", options.epochs, "passes over the training pairs; 0: the preset's")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--out", options.out, "where everything is written")->required();
  app.add_option("--threads", options.threads, "0: all processors; changes no result")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  app.add_flag("--resume", options.resume, "go on from the last checkpoint in --out");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "subtraction_sign: %s (--help lists the options)\n", error.what());
    return 1;
  }
  try {
    subtraction::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "subtraction_sign: %s\n", error.what());
    return 1;
  }
  return 0;
}
