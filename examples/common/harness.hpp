// The program around a study of any kind of model: trains or loads, analyses, measures null models,
// follows the run, writes and prints. Studies of transformers need program.hpp alone.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "hooked/io/model.hpp"
#include "hooked/train/evaluate.hpp"
#include "hooked/train/train.hpp"
#include "nulls.hpp"
#include "options.hpp"
#include "program.hpp"
#include "study.hpp"
#include "training.hpp"
#include "trajectory.hpp"

namespace study {

namespace detail {

/// Listens to training: keeps snapshots, and the time of all legs.
template <class Model>
class Keeper {
 public:
  Keeper(const Model& model, const std::filesystem::path& out, Index steps, Index snapshots,
         bool resumes)
      : model_(model), out_(out), every_(snapshots > 0 ? (steps + snapshots - 1) / snapshots : 0) {
    if (!resumes) {
      std::filesystem::remove_all(out / "snapshots");
      std::filesystem::remove(legs_path());
    }
    if (std::filesystem::exists(legs_path()))
      before_ = hooked::load_json(legs_path()).value("seconds", 0.0);
    if (every_ == 0) return;
    hooked::make_directory(out / "snapshots");
    if (!std::filesystem::exists(snapshot_path(out, 0)))
      hooked::save_safetensors(model, snapshot_path(out, 0));
  }

  void on_step(const hooked::StepInfo& info) {
    if (every_ == 0 || (info.step % every_ != 0 && info.step != info.total_steps)) return;
    hooked::save_safetensors(model_, snapshot_path(out_, info.step));
  }
  void on_checkpoint(const std::filesystem::path&) {
    hooked::save_json(legs_path(), nlohmann::ordered_json{{"seconds", seconds()}});
  }

  /// Of training, in this leg and those before it up to the checkpoint that it went on from.
  double seconds() const {
    const std::chrono::duration<double> now = std::chrono::steady_clock::now() - start_;
    return before_ + now.count();
  }
  void forget_legs() const { std::filesystem::remove(legs_path()); }

 private:
  std::filesystem::path legs_path() const { return out_ / "legs.json"; }

  const Model& model_;
  std::filesystem::path out_;
  Index every_;
  double before_ = 0.0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

constexpr double kKnown = 0.999;  // accuracy of who knows examples by heart

/// Ends a run that knows its examples.
struct UntilKnown {
  bool on_evaluation(const hooked::EvaluationInfo& info) {
    return info.evaluation.accuracy < kKnown;
  }
};

template <class Kind>
typename Kind::Model with_dealt_labels(const StudyOf<Kind>& study, const Options& options,
                                       const SetupOf<Kind>& setup) {
  typename Kind::Model model = Kind::build(setup.model, seed_of(options));
  const auto folder = options.out / "nulls";
  const auto facts = run_facts(study.name, options);
  if (std::filesystem::exists(folder / "dealt_labels.json") &&
      hooked::load_json(folder / "dealt_labels.json") == facts) {
    hooked::load_safetensors(model, folder / "dealt_labels.safetensors");
    return model;
  }
  const auto dealt = Kind::deal_labels(setup.part.train, seed_of(options));
  UntilKnown until_known;
  const Index ten_epochs = 10 * steps_per_epoch(setup);
  const auto result = train(model, dealt, Kind::objective(setup.model),
                            {.optimizer = hooked::AdamW{.lr = 1e-3, .weight_decay = 0.0},
                             .epochs = study.memorising_epochs,
                             .batch_size = setup.training.batch_size,
                             .validation = &dealt,
                             .evaluate_every = ten_epochs,
                             .progress = false,
                             .seed = seed_of(options),
                             .threads = options.threads},
                            until_known);
  std::printf(
      "a null model knows %.1f%% of labels that were dealt anew, after %td steps in %.1f s\n",
      100.0 * result.evaluation->accuracy, result.steps, result.seconds);
  if (!(result.evaluation->accuracy >= kKnown)) {
    hooked::fail<hooked::Error>("the null model of dealt labels does not know them by heart after ",
                                study.memorising_epochs, " epochs: it needs more");
  }
  hooked::make_directory(folder);
  hooked::save_safetensors(model, folder / "dealt_labels.safetensors");
  hooked::save_json(folder / "dealt_labels.json", facts);
  return model;
}

/// Enough examples for an accuracy along training.
template <hooked::Batch Data>
Data some_of(const Data& data) {
  constexpr Index kEnough = 20'000;
  std::vector<Index> first(static_cast<std::size_t>(std::min(data.size(), kEnough)));
  std::iota(first.begin(), first.end(), Index{0});
  return hooked::subset(data, first);
}

/// The first lines, and the table of what is judged.
void print(const std::vector<Preset>& presets, const Options& options,
           const hooked::Report& report);

}  // namespace detail

template <class Kind>
typename Kind::Model train_or_load(const StudyOf<Kind>& study, const Options& options,
                                   const SetupOf<Kind>& setup) {
  nlohmann::ordered_json facts = run_facts(study.name, options);
  if (is_finished(facts, study.choices, options.out)) {
    std::printf("%s holds this run already: loading it\n", options.out.c_str());
    typename Kind::Model model = Kind::build(setup.model, seed_of(options));
    hooked::load_safetensors(model, options.out / "model.safetensors");
    return model;
  }
  const bool is_interrupted = std::filesystem::exists(options.out / "checkpoint.safetensors");
  if (is_interrupted && !options.resume) {
    hooked::fail<hooked::ConfigError>(options.out.string(),
                                      " holds a run that was interrupted: "
                                      "--resume goes on with it; or choose another --out");
  }
  typename Kind::Model model = Kind::build(setup.model, seed_of(options));
  hooked::TrainOptions training = setup.training;
  const Index steps =
      training.steps > 0 ? training.steps : training.epochs * steps_per_epoch(setup);
  if (steps < 1) hooked::fail<hooked::ConfigError>("a run of ", steps, " steps: it must have one");
  training.validation = &setup.all;
  if (training.evaluate_every == 0) training.evaluate_every = std::max<Index>(1, steps / 25);
  training.directory = options.out;
  training.checkpoint_every = std::max<Index>(1, steps / 20);
  training.resume = options.resume;
  training.seed = seed_of(options);
  training.threads = options.threads;
  std::printf("training on %td examples for %td steps; %td are for testing\n",
              setup.part.train.size(), steps, setup.part.test.size());
  detail::Keeper keeper(model, options.out, steps, study.snapshots, is_interrupted);
  const hooked::TrainResult result =
      hooked::train(model, setup.part.train, Kind::objective(setup.model), training, keeper);
  facts["steps"] = result.steps;
  facts["seconds"] = keeper.seconds();
  hooked::save_json(options.out / "run.json", facts);
  keeper.forget_legs();
  std::printf("%td steps in %.1f s\n", result.steps, keeper.seconds());
  return model;
}

template <class Kind>
typename Kind::Model given_model(const Options& options, const SetupOf<Kind>& setup) {
  if (std::filesystem::exists(options.out / "run.json") ||
      std::filesystem::exists(options.out / "checkpoint.safetensors")) {
    hooked::fail<hooked::ConfigError>(options.out.string(), " holds a run: what is measured of ",
                                      options.model.string(), " needs another --out");
  }
  return Kind::load(options.model, setup.model);
}

template <class Kind>
std::vector<NullModelOf<Kind>> null_models(const StudyOf<Kind>& study, const Options& options,
                                           const SubjectOf<Kind>& trained,
                                           const Trajectory& trajectory) {
  const SetupOf<Kind>& setup = trained.setup;
  std::vector<NullModelOf<Kind>> nulls;
  nulls.push_back({"untrained", Kind::build(setup.model, seed_of(options))});
  if constexpr (requires { Kind::deal_labels(setup.part.train, hooked::Seed{}); }) {
    if (study.memorising_epochs > 0) {
      nulls.push_back({"dealt labels", detail::with_dealt_labels(study, options, setup)});
    }
  }
  const Moment* memorising = nullptr;
  const auto known = [&](const hooked::Evaluation& e) {
    double sum = 0.0;
    for (const std::size_t label : study.about) sum += e.accuracy_at[label];
    return study.about.empty() ? e.accuracy : sum / static_cast<double>(study.about.size());
  };
  const auto gap = [&](const Moment& m) { return known(m.train) - known(m.test); };
  for (const Moment& moment : trajectory) {
    if (known(moment.train) < 0.99 || gap(moment) < 0.2) continue;
    if (memorising == nullptr || gap(moment) > gap(*memorising)) memorising = &moment;
  }
  if (memorising != nullptr) {
    typename Kind::Model model = Kind::build(setup.model, {});
    hooked::load_safetensors(model, memorising->snapshot.path);
    nulls.push_back({"memorising", std::move(model)});
  }
  if (study.nulls != nullptr) {
    for (NullModelOf<Kind>& own : study.nulls(trained)) nulls.push_back(std::move(own));
  }
  return nulls;
}

template <class Kind>
Trajectory trajectory_of(const StudyOf<Kind>& study, const Options& options,
                         const SubjectOf<Kind>& end) {
  Trajectory trajectory;
  const SetupOf<Kind>& setup = end.setup;
  typename Kind::Model model = Kind::build(setup.model, {});
  const auto train = detail::some_of(setup.part.train);
  for (const Snapshot& snapshot : snapshots_in(options.out)) {
    hooked::load_safetensors(model, snapshot.path);
    const auto evaluated = [&](const typename Kind::Data& part) {
      return evaluate(model, part, Kind::objective(setup.model), {}, {.threads = options.threads});
    };
    trajectory.push_back({snapshot, evaluated(train), evaluated(setup.part.test),
                          study.track({model, setup, options.choices, options.threads}, end)});
  }
  return trajectory;
}

namespace detail {

template <class Kind>
void run(const StudyOf<Kind>& study, const Options& options) {
  hooked::make_directory(options.out);
  const SetupOf<Kind> setup = study.setup(options.choices, seed_of(options));
  const bool has_run = options.model.empty();
  const typename Kind::Model model =
      has_run ? train_or_load(study, options, setup) : given_model(options, setup);
  const SubjectOf<Kind> trained{model, setup, options.choices, options.threads};
  hooked::Report report = study.analyse(trained);
  const Trajectory trajectory = has_run ? trajectory_of(study, options, trained) : Trajectory{};
  save_trajectory(trajectory, options.out, report);
  for (const NullModelOf<Kind>& null : null_models(study, options, trained, trajectory)) {
    add_null(report.claims, null.name,
             study.analyse({null.model, setup, options.choices, options.threads}).claims);
  }
  if (study.along != nullptr && has_run) study.along(trajectory, report);
  report.save(options.out);
  print(study.presets, options, report);
}

}  // namespace detail

template <class Kind>
int run(const StudyOf<Kind>& study, int argc, char** argv) {
  CommandLine line =
      read_command_line(study.name, study.question, study.choices, study.presets, argc, argv);
  if (line.ends) return line.status;
  try {
    detail::run(study, line.options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", study.name.c_str(), error.what());
    return 1;
  }
  return 0;
}

}  // namespace study
