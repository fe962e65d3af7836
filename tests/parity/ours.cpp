// What hooked computes of the cases that peer.py wrote: ours.npz in each folder and saved/, the
// model as hooked writes it; or refused.txt, or failed.txt with a line for each part that threw.
//
//   parity FOLDER    FOLDER/*/ has config.json, model.safetensors, inputs.safetensors and case.json
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "analyses.hpp"
#include "hooked/core/error.hpp"
#include "hooked/io/model.hpp"
#include "patches.hpp"
#include "results.hpp"
#include "runs.hpp"
#include "weights.hpp"

namespace hooked::parity {
namespace {

template <Scalar T>
void compute(const std::filesystem::path& folder, const Inputs& inputs) {
  const Transformer<T> model = load_model<T>(folder);
  Results results;
  std::string failures;
  const auto part = [&](const char* name, const auto& function) {
    try {
      function(model, inputs, results);
    } catch (const std::exception& error) {
      failures += text(name, ": ", error.what(), '\n');
    }
  };
  part("sites", sites<T>);
  part("gradients at sites", gradients_at_sites<T>);
  part("losses", losses<T>);
  part("parameter gradients", parameter_gradients<T>);
  part("stretches", stretches<T>);
  part("parts", parts<T>);
  part("greedy", greedy<T>);
  part("patches", patches<T>);
  part("processing", processing<T>);
  part("circuits", circuits<T>);
  part("analyses", analyses<T>);
  save_model(model, folder / "saved");
  results.save(folder / "ours.npz");
  if (!failures.empty()) write_file(folder / "failed.txt", failures);
}

void compute(const std::filesystem::path& folder) {
  try {
    load_config(folder / "config.json");
  } catch (const ConfigError& error) {
    write_file(folder / "refused.txt", error.what());
    return;
  }
  try {
    const Inputs inputs(folder);
    inputs.facts.at("dtype") == "float64" ? compute<double>(folder, inputs)
                                          : compute<float>(folder, inputs);
  } catch (const std::exception& error) {
    write_file(folder / "failed.txt", text("the model: ", error.what(), '\n'));
  }
}

}  // namespace
}  // namespace hooked::parity

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "parity FOLDER\n";
    return 2;
  }
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    if (entry.is_directory()) hooked::parity::compute(entry.path());
  }
}
