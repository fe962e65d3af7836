#include "nulls.hpp"

#include <cstdio>
#include <numeric>

#include "hooked/io/model.hpp"
#include "hooked/train/train.hpp"

namespace study {

namespace {

using hooked::Dataset;
using hooked::Transformer;

constexpr double kKnown = 0.999;  // accuracy of who knows examples by heart

/// Ends a run that knows its examples.
struct UntilKnown {
  bool on_evaluation(const hooked::EvaluationInfo& info) {
    return info.evaluation.accuracy < kKnown;
  }
};

/// The examples with the labels of others.
Dataset deal_labels(const Dataset& data, hooked::Seed seed) {
  std::vector<Index> order(static_cast<std::size_t>(data.size()));
  std::iota(order.begin(), order.end(), Index{0});
  hooked::Random(seed, "dealt labels").permutation(order);
  Dataset dealt = data;
  for (Index i = 0; i < data.size(); ++i) {
    hooked::copy(data.labels.select(0, order[static_cast<std::size_t>(i)]),
                 dealt.labels.select(0, i));
  }
  return dealt;
}

Transformer<float> with_dealt_labels(const Study& study, const Options& options,
                                     const Setup& setup) {
  Transformer<float> model(setup.model, seed_of(options));
  const auto folder = options.out / "nulls";
  const auto facts = run_facts(study, options);
  if (std::filesystem::exists(folder / "dealt_labels.json") &&
      hooked::load_json(folder / "dealt_labels.json") == facts) {
    hooked::load_safetensors(model, folder / "dealt_labels.safetensors");
    return model;
  }
  const Dataset dealt = deal_labels(setup.part.train, seed_of(options));
  UntilKnown until_known;
  const Index ten_epochs = 10 * steps_per_epoch(setup);
  const auto result = train(model, dealt,
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

}  // namespace

std::vector<NullModel> null_models(const Study& study, const Options& options,
                                   const Subject& trained, const Trajectory& trajectory) {
  const Setup& setup = trained.setup;
  std::vector<NullModel> nulls;
  nulls.push_back({"untrained", Transformer<float>(setup.model, seed_of(options))});
  if (study.memorising_epochs > 0) {
    nulls.push_back({"dealt labels", with_dealt_labels(study, options, setup)});
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
    Transformer<float> model(setup.model);
    hooked::load_safetensors(model, memorising->snapshot.path);
    nulls.push_back({"memorising", std::move(model)});
  }
  if (study.nulls != nullptr) {
    for (NullModel& own : study.nulls(trained)) nulls.push_back(std::move(own));
  }
  return nulls;
}

}  // namespace study
