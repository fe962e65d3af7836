// Checkpoints: all of a training run in one file, written in one step.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "hooked/io/model.hpp"
#include "hooked/train/optimizer.hpp"
#include "hooked/train/options.hpp"

namespace hooked {

/// What a run needs besides weights and moments to go on with the same bits.
struct RunState {
  Index step = 0;
  double best_loss = std::numeric_limits<double>::infinity();
  std::uintmax_t metrics_bytes = 0;
};

namespace detail {

/// A slab of the parameters' layout as tensors "PREFIX.NAME".
template <Scalar T>
void append_slab(std::vector<NamedTensor>& tensors, const std::string& prefix,
                 const ParameterLayout& layout, const Tensor<T>& slab) {
  if (slab.numel() == 0) return;
  for (const std::string& name : layout.names()) {
    tensors.push_back({prefix + "." + name, layout.view(slab.data(), layout.find(name))});
  }
}
template <Scalar T>
void read_slab(const SafetensorsFile& file, const std::string& prefix,
               const ParameterLayout& layout, Tensor<T>& slab) {
  if (slab.numel() == 0) return;
  for (const std::string& name : layout.names()) {
    const Tensor<T> numbers = file.read<T>(prefix + "." + name);
    copy(numbers.view(), layout.view(slab.data(), layout.find(name)));
  }
}

}  // namespace detail

/// Saves and restores a run in DIRECTORY/checkpoint.safetensors. `facts` are what must agree
/// between the run that wrote it and the run that goes on: seed, lanes, batch size and so on.
template <Scalar T>
class Checkpoint {
 public:
  using Facts = std::map<std::string, std::string>;

  Checkpoint(std::filesystem::path directory, Facts facts)
      : path_(std::move(directory) / "checkpoint.safetensors"), facts_(std::move(facts)) {}

  const std::filesystem::path& path() const { return path_; }
  bool exists() const { return std::filesystem::exists(path_); }

  /// `best` may be empty.
  void save(const Parameters<T>& parameters, Optimizer<T>& optimizer, const Tensor<T>& best,
            const RunState& state) const {
    const ParameterLayout& layout = parameters.layout();
    std::vector<NamedTensor> tensors;
    detail::append_slab(tensors, "model", layout, parameters.slab());
    detail::append_slab(tensors, "m", layout, optimizer.m());
    detail::append_slab(tensors, "v", layout, optimizer.v());
    detail::append_slab(tensors, "best", layout, best);
    const Tensor<double> best_loss = Tensor<double>::scalar(state.best_loss);
    tensors.push_back({"best_loss", best_loss});
    Facts metadata = facts_;
    metadata["step"] = std::to_string(state.step);
    metadata["metrics_bytes"] = std::to_string(state.metrics_bytes);
    save_safetensors(path_, std::move(tensors), metadata);
  }

  /// Throws ConfigError when the checkpoint was made by another kind of run, saying what differs,
  /// and FormatError when it does not hold this model.
  RunState load(Parameters<T>& parameters, Optimizer<T>& optimizer, Tensor<T>& best) const {
    const SafetensorsFile file(path_);
    for (const auto& [key, value] : facts_) {
      const auto found = file.metadata().find(key);
      const std::string there = found == file.metadata().end() ? "missing" : found->second;
      if (there != value) {
        fail<ConfigError>(path_.string(), ": cannot resume: there ", key, " is ", there,
                          ", in this run it is ", value);
      }
    }
    const ParameterLayout& layout = parameters.layout();
    detail::read_slab(file, "model", layout, parameters.slab());
    detail::read_slab(file, "m", layout, optimizer.m());
    detail::read_slab(file, "v", layout, optimizer.v());
    detail::read_slab(file, "best", layout, best);
    RunState state;
    state.step = std::stoll(file.metadata().at("step"));
    state.metrics_bytes = std::stoull(file.metadata().at("metrics_bytes"));
    state.best_loss = file.read<double>("best_loss").item();
    optimizer.set_steps(state.step);
    return state;
  }

 private:
  std::filesystem::path path_;
  Facts facts_;
};

}  // namespace hooked
