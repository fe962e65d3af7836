// TrainedModel: a model as a training run sees it, whatever its network.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "hooked/hooks/plan.hpp"
#include "hooked/io/model.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/model_base.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

/// A model that takes part in a run; it must outlive the run, stay in place, and keep its hooks.
template <Scalar T>
class TrainedModel {
 public:
  /// With `to_train` null, it is frozen.
  template <class Network>
  TrainedModel(std::string name, const Model<Network>& model, Parameters<T>* to_train)
      : name_(std::move(name)),
        model_(&model),
        config_(detail::config_of(model)),
        to_train_(to_train) {}

  /// Of its files and checkpoints.
  const std::string& name() const { return name_; }
  /// Whether it stands still.
  bool is_frozen() const { return to_train_ == nullptr; }
  /// Its parameters, to read.
  const Parameters<T>& parameters() const { return model_->parameters(); }
  /// Not of a frozen one.
  Parameters<T>& to_train() const { return *to_train_; }
  /// The hooks that were added to it.
  HookPlan<T> plan() const { return model_->plan(); }
  /// How many hooks it has.
  std::size_t n_hooks() const { return model_->n_hooks(); }
  /// Of the network of the contract; null for any other.
  const TransformerConfig* config() const { return config_; }

 private:
  std::string name_;
  const ModelBase<T>* model_;
  const TransformerConfig* config_;
  Parameters<T>* to_train_;
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

  /// How many models there are.
  std::size_t size() const { return models_.size(); }
  auto begin() const { return models_.begin(); }
  auto end() const { return models_.end(); }
  /// Model i.
  const TrainedModel<T>& operator[](std::size_t i) const { return models_[i]; }
  /// Whether any of them has hooks.
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
/// The models of one run: `together(trained("sae", sae), frozen("model", model))`.
template <Scalar T, std::same_as<TrainedModel<T>>... More>
Together<T> together(TrainedModel<T> first, More... more) {
  return Together<T>({std::move(first), std::move(more)...});
}

}  // namespace hooked
