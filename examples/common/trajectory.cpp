#include "trajectory.hpp"

#include <algorithm>
#include <numeric>

#include "hooked/core/tensor.hpp"
#include "hooked/io/model.hpp"
#include "hooked/train/evaluate.hpp"

namespace study {

namespace {

/// Enough examples for an accuracy along training.
hooked::Dataset some_of(const hooked::Dataset& data) {
  constexpr Index kEnough = 20'000;
  std::vector<Index> first(static_cast<std::size_t>(std::min(data.size(), kEnough)));
  std::iota(first.begin(), first.end(), Index{0});
  return hooked::subset(data, first);
}

}  // namespace

Trajectory trajectory_of(const Study& study, const Options& options, const Subject& end) {
  Trajectory trajectory;
  const Setup& setup = end.setup;
  hooked::Transformer<float> model(setup.model);
  const hooked::Dataset train = some_of(setup.part.train);
  for (const Snapshot& snapshot : snapshots_in(options.out)) {
    hooked::load_safetensors(model, snapshot.path);
    const auto evaluated = [&](const hooked::Dataset& part) {
      return evaluate(model, part, {}, {.threads = options.threads});
    };
    trajectory.push_back({snapshot, evaluated(train), evaluated(setup.part.test),
                          study.track({model, setup, options.choices, options.threads}, end)});
  }
  return trajectory;
}

void save_trajectory(const Trajectory& trajectory, const std::filesystem::path& out,
                     hooked::Report& report) {
  nlohmann::ordered_json columns = nlohmann::ordered_json::object();
  for (const Moment& moment : trajectory) {
    columns["step"].push_back(moment.snapshot.step);
    columns["train accuracy"].push_back(hooked::rounded(moment.train.accuracy));
    columns["test accuracy"].push_back(hooked::rounded(moment.test.accuracy));
    for (const auto& [name, value] : moment.numbers)
      columns[name].push_back(hooked::rounded(value));
  }
  hooked::save_json(out / "trajectory.json", columns);
  if (trajectory.empty()) return;

  using hooked::Tensor;
  const auto n = static_cast<Index>(trajectory.size());
  Tensor<double> steps({n});
  for (Index i = 0; i < n; ++i) {
    steps(i) = static_cast<double>(trajectory[static_cast<std::size_t>(i)].snapshot.step);
  }
  hooked::Figure figure = hooked::Figure::lines("Along training", "step", "");
  for (const auto& [name, values] : columns.items()) {
    if (name == "step") continue;
    Tensor<double> y({n});
    for (Index i = 0; i < n; ++i) {
      const auto& value = values[static_cast<std::size_t>(i)];
      y(i) = value.get<double>();
    }
    figure.panel(name).line(name, steps, y);
  }
  report.add("trajectory", "When each number of the run changed, step by step.", std::move(figure));
}

}  // namespace study
