#include "trajectory.hpp"

#include "hooked/core/tensor.hpp"

namespace study {

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
