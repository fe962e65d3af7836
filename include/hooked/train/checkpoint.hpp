// Checkpoints: all of a training run in one file, written in one step.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "hooked/io/named_tensor.hpp"
#include "hooked/io/safetensors.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/train/optimizer.hpp"

namespace hooked {

/// What a run needs besides weights and moments to go on with the same bits.
struct RunState {
  Index step = 0;                                              ///< steps done
  double loss = 0.0;                                           // of the last batch
  double best_loss = std::numeric_limits<double>::infinity();  ///< of validation
  std::uintmax_t metrics_bytes = 0;                            ///< of metrics.csv at that step
};

/// A model that learns: its weights, its optimizer, and the best weights so far.
template <Scalar T>
struct Learner {
  std::string prefix;         // of its names, where several models learn: "sae."
  Parameters<T>* parameters;  ///< not owned
  Optimizer<T> optimizer;     ///< with its moments
  Tensor<T> best;             // may be empty
};

/// Saves and restores a run in DIRECTORY/checkpoint.safetensors. `facts` are what must agree
/// between the run that wrote it and the run that goes on: seed, lanes, batch size and so on.
template <Scalar T>
class Checkpoint {
 public:
  /// Names and values, as text, in the order in which they are compared.
  using Facts = std::vector<std::pair<std::string, std::string>>;

  Checkpoint(std::filesystem::path directory, Facts facts)
      : path_(std::move(directory) / "checkpoint.safetensors"), facts_(std::move(facts)) {}

  /// Of the file.
  const std::filesystem::path& path() const { return path_; }
  /// Whether the file is there.
  bool exists() const {
    std::error_code error;
    return std::filesystem::exists(path_, error);
  }
  /// Throws FormatError when it is there and cannot be removed.
  void remove() const {
    std::error_code error;
    std::filesystem::remove(path_, error);
    if (error) fail<FormatError>(path_.string(), ": cannot be removed: ", error.message());
  }

  /// Writes the file in one step. Throws FormatError.
  void save(const std::vector<Learner<T>>& learners, const RunState& state) const {
    std::vector<NamedTensor> tensors;
    for (const Learner<T>& learner : learners) {
      const ParameterLayout& layout = learner.parameters->layout();
      const auto append = [&](const std::string& kind, const Tensor<T>& slab) {
        if (slab.numel() == 0) return;
        for (const std::string& name : layout.names()) {
          tensors.push_back(
              {kind + learner.prefix + name, layout.view(slab.data(), layout.find(name))});
        }
      };
      append("model.", learner.parameters->slab());
      append("m.", learner.optimizer.m());
      append("v.", learner.optimizer.v());
      append("best.", learner.best);
    }
    const auto loss = Tensor<double>::scalar(state.loss);
    const auto best_loss = Tensor<double>::scalar(state.best_loss);
    tensors.push_back({"loss", loss});
    tensors.push_back({"best_loss", best_loss});
    std::map<std::string, std::string> metadata(facts_.begin(), facts_.end());
    metadata["format"] = kFormat;
    metadata["step"] = std::to_string(state.step);
    metadata["metrics_bytes"] = std::to_string(state.metrics_bytes);
    save_safetensors(path_, std::move(tensors), metadata);
  }

  /// Throws FormatError when the file is no checkpoint of this model, ConfigError, saying what
  /// differs, when it was made by another kind of run or is past `last_step`. Then nothing changes.
  RunState load(std::vector<Learner<T>>& learners, Index last_step) const {
    const SafetensorsFile file(path_);
    const auto& metadata = file.metadata();
    const auto format = metadata.find("format");
    if (format == metadata.end() || format->second != kFormat) {
      fail<FormatError>(path_.string(), ": is not a checkpoint of a training run");
    }
    for (const auto& [key, value] : facts_) {
      const auto found = metadata.find(key);
      const std::string there = found == metadata.end() ? "missing" : found->second;
      if (there != value) {
        fail<ConfigError>(path_.string(), ": cannot resume: there ", key, " is ", there,
                          ", in this run it is ", value);
      }
    }
    RunState state;
    state.step = number<Index>(file, "step");
    state.metrics_bytes = number<std::uintmax_t>(file, "metrics_bytes");
    state.loss = tensor<double>(file, "loss", {}).item();
    state.best_loss = tensor<double>(file, "best_loss", {}).item();
    if (state.step > last_step) {
      fail<ConfigError>(path_.string(), ": cannot resume: it was made after step ", state.step,
                        ", this run ends after step ", last_step);
    }
    std::vector<std::array<Tensor<T>, 4>> loaded;
    for (const Learner<T>& learner : learners) {
      const ParameterLayout& layout = learner.parameters->layout();
      auto& slabs = loaded.emplace_back(std::array<Tensor<T>, 4>{
          learner.parameters->slab(), learner.optimizer.m(), learner.optimizer.v(), learner.best});
      const char* const kinds[] = {"model.", "m.", "v.", "best."};
      for (std::size_t i = 0; i < 4; ++i) {
        if (slabs[i].numel() == 0) continue;
        for (const auto& entry : layout) {
          const Tensor<T> numbers =
              tensor<T>(file, kinds[i] + learner.prefix + entry.name, entry.shape);
          copy(numbers.view(), layout.view(slabs[i].data(), layout.find(entry.name)));
        }
      }
    }
    for (std::size_t i = 0; i < learners.size(); ++i) {
      learners[i].parameters->slab() = std::move(loaded[i][0]);
      learners[i].optimizer.m() = std::move(loaded[i][1]);
      learners[i].optimizer.v() = std::move(loaded[i][2]);
      learners[i].best = std::move(loaded[i][3]);
      learners[i].optimizer.set_steps(state.step);
    }
    return state;
  }

 private:
  static constexpr const char* kFormat = "hooked checkpoint 1";

  template <class Integer>
  Integer number(const SafetensorsFile& file, const std::string& key) const {
    const auto found = file.metadata().find(key);
    const std::string digits = found == file.metadata().end() ? "missing" : found->second;
    std::uintmax_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || stop != end || !std::in_range<Integer>(value)) {
      fail<FormatError>(path_.string(), ": ", key, " must be a whole number, found ", digits);
    }
    return static_cast<Integer>(value);
  }
  template <class Number>
  Tensor<Number> tensor(const SafetensorsFile& file, const std::string& name,
                        const Shape& shape) const {
    if (!file.contains(name)) {
      fail<FormatError>(path_.string(), ": the tensor \"", name, "\" is missing");
    }
    if (file.shape(name) != shape) {
      fail<FormatError>(path_.string(), ": \"", name, "\" is ", file.shape(name),
                        ", the model's is ", shape);
    }
    return file.read<Number>(name);
  }

  std::filesystem::path path_;
  Facts facts_;
};

}  // namespace hooked
