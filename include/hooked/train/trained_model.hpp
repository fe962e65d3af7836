// TrainedModel: a model as a training run sees it, whatever its network.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/core/hash.hpp"
#include "hooked/io/model.hpp"

namespace hooked {

/// A model that takes part in a run; it must outlive the run, stay in place, and keep its hooks.
template <Scalar T>
class TrainedModel {
 public:
  /// With `to_train` null, it is frozen.
  template <class Network>
  TrainedModel(std::string name, const Model<Network>& model, Parameters<T>* to_train)
      : name_(std::move(name)),
        kind_(kind_of(model)),
        parameters_(&model.parameters()),
        to_train_(to_train),
        plan_([&model] { return model.plan(); }),
        n_hooks_([&model] { return model.n_hooks(); }),
        save_([&model](const std::filesystem::path& directory, bool weights) {
          if (weights) {
            save_safetensors(model, directory / "model.safetensors");
          } else if constexpr (has_config<Network>) {
            save_json(directory / "config.json", config_to_json(model.network().config()));
          }
        }) {}

  const std::string& name() const { return name_; }
  /// Tells models apart whose weights do not fit each other.
  const std::string& kind() const { return kind_; }
  bool is_frozen() const { return to_train_ == nullptr; }
  const Parameters<T>& parameters() const { return *parameters_; }
  /// Not of a frozen one.
  Parameters<T>& to_train() const { return *to_train_; }
  HookPlan<T> plan() const { return plan_(); }
  std::size_t n_hooks() const { return n_hooks_(); }
  /// Writes config.json, where there is a config.
  void save_config(const std::filesystem::path& directory) const { save_(directory, false); }
  /// Writes model.safetensors.
  void save_weights(const std::filesystem::path& directory) const { save_(directory, true); }
  /// Changes with every weight.
  std::string fingerprint() const {
    const Tensor<T>& slab = parameters_->slab();
    return Hash().add(std::span(slab.data(), static_cast<std::size_t>(slab.numel()))).digits();
  }

 private:
  template <class Network>
  static std::string kind_of(const Model<Network>& model) {
    if constexpr (has_config<Network>) return config_to_json(model.network().config()).dump();
    std::string all;
    for (const auto& entry : model.parameters().layout()) {
      all += text(all.empty() ? "" : " ", entry.name, entry.shape);
    }
    return all;
  }

  std::string name_, kind_;
  const Parameters<T>* parameters_;
  Parameters<T>* to_train_;
  std::function<HookPlan<T>()> plan_;
  std::function<std::size_t()> n_hooks_;
  std::function<void(const std::filesystem::path&, bool weights)> save_;
};

/// The models of one run, which its objective runs as it likes.
template <Scalar T>
class Together {
 public:
  /// Throws ConfigError when two have one name.
  explicit Together(std::vector<TrainedModel<T>> models) : models_(std::move(models)) {
    for (std::size_t i = 0; i < models_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (models_[i].name() == models_[j].name()) {
          fail<ConfigError>("train: two models are called \"", models_[i].name(),
                            "\": their files and checkpoints would be mixed up");
        }
        if (&models_[i].parameters() == &models_[j].parameters()) {
          fail<ConfigError>("train: \"", models_[j].name(), "\" and \"", models_[i].name(),
                            "\" are one and the same model");
        }
      }
    }
  }

  std::size_t size() const { return models_.size(); }
  auto begin() const { return models_.begin(); }
  auto end() const { return models_.end(); }
  const TrainedModel<T>& operator[](std::size_t i) const { return models_[i]; }
  bool have_hooks() const {
    return std::any_of(begin(), end(), [](const auto& m) { return m.n_hooks() > 0; });
  }
  /// Where a model's files lie: in the run's directory itself, or in a folder of its name.
  std::filesystem::path directory(const std::filesystem::path& run,
                                  const TrainedModel<T>& m) const {
    return size() == 1 ? run : run / m.name();
  }
  /// Elements of a slab with the gradients of all that are trained, one after the other.
  Index slab_size() const {
    Index size = 0;
    for (const auto& m : models_) size += m.is_frozen() ? 0 : m.parameters().layout().slab_size();
    return size;
  }

 private:
  std::vector<TrainedModel<T>> models_;
};

/// For runs of several models:
///   train(together(frozen("lm", model), trained("sae", sae)), data, objective, options);
template <class Network>
auto trained(std::string name, Model<Network>& model) {
  return TrainedModel<typename Model<Network>::T>(std::move(name), model, &model.parameters());
}
/// One whose weights the objective reads and nothing changes.
template <class Network>
auto frozen(std::string name, const Model<Network>& model) {
  return TrainedModel<typename Model<Network>::T>(std::move(name), model, nullptr);
}
template <Scalar T, std::same_as<TrainedModel<T>>... More>
Together<T> together(TrainedModel<T> first, More... more) {
  return Together<T>({std::move(first), std::move(more)...});
}

}  // namespace hooked
