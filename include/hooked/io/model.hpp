// Models as files: weights as safetensors under HookedTransformer's names, config as JSON beside.
#pragma once

#include <concepts>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "hooked/io/config_json.hpp"
#include "hooked/io/npz.hpp"
#include "hooked/io/safetensors.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Whether a network is that of the contract, whose config goes to a file.
template <class Network>
inline constexpr bool has_config = requires(const Network& network) {
  { network.config() } -> std::same_as<const TransformerConfig&>;
};

/// The parameters under the contract's names, to be written; they must outlive the list.
template <Scalar T>
std::vector<NamedTensor> named_tensors(const Parameters<T>& parameters) {
  std::vector<NamedTensor> tensors;
  for (const auto& entry : parameters.layout())
    tensors.push_back({entry.name, parameters[entry.name]});
  return tensors;
}

/// Parameters in the contract's names and shapes, as `HookedTransformer.state_dict()` has them.
template <Scalar T>
void save_safetensors(const Parameters<T>& parameters, const std::filesystem::path& path) {
  save_safetensors(path, named_tensors(parameters));
}
/// Of a network with blocks as the contract has them, also the two constants of each attention that
/// `load_state_dict` asks for.
template <class Network>
void save_safetensors(const Model<Network>& model, const std::filesystem::path& path) {
  using T = typename Model<Network>::T;
  std::vector<NamedTensor> tensors = named_tensors(model.parameters());
  const View<const bool> mask(nullptr, {0, 0});
  const auto ignore = Tensor<T>::scalar(-std::numeric_limits<T>::infinity());
  if constexpr (has_config<Network>) {
    for (Index l = 0; l < model.network().config().n_layers; ++l) {
      tensors.push_back({text("blocks.", l, ".attn.mask"), mask});
      tensors.push_back({text("blocks.", l, ".attn.IGNORE"), ignore});
    }
  }
  save_safetensors(path, std::move(tensors));
}

/// Reads every parameter from a file; nothing changes if any is missing or has another shape.
/// Buffers that HookedTransformer saves (attn.mask, attn.IGNORE) are passed over.
/// Throws FormatError that names the tensor and both shapes, and for tensors that no parameter
/// wants.
template <Scalar T>
void load_safetensors(Parameters<T>& parameters, const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  Parameters<T> loaded = parameters;
  for (const std::string& name : file.names()) {
    if (name.ends_with(".mask") || name.ends_with(".IGNORE")) continue;
    if (!parameters.contains(name)) {
      fail<FormatError>(path.string(), ": the model has no parameter \"", name,
                        "\"; the nearest are: ", nearest_names(name, parameters.names()));
    }
    const Shape expected = parameters[name].shape();
    if (file.shape(name) != expected) {
      fail<FormatError>(path.string(), ": \"", name, "\" is ", file.shape(name),
                        ", the model's is ", expected);
    }
    loaded.set(name, file.read<T>(name));
  }
  for (const std::string& name : parameters.names()) {
    if (!file.contains(name)) {
      fail<FormatError>(path.string(), ": the parameter \"", name, "\" is missing");
    }
  }
  parameters = std::move(loaded);
}
template <class Network>
void load_safetensors(Model<Network>& model, const std::filesystem::path& path) {
  load_safetensors(model.parameters(), path);
}

/// `directory`/model.safetensors and, of a transformer, config.json; the directory is made if it is
/// missing. A network of one's own is loaded by load_safetensors into a model that was built alike.
/// Throws FormatError when it cannot be written.
template <class Network>
void save_model(const Model<Network>& model, const std::filesystem::path& directory) {
  make_directory(directory);
  if constexpr (has_config<Network>) {
    save_json(directory / "config.json", config_to_json(model.network().config()));
  }
  save_safetensors(model, directory / "model.safetensors");
}

/// The model of a directory that save_model wrote.
template <Scalar T>
Transformer<T> load_model(const std::filesystem::path& directory) {
  const auto path = directory / "config.json";
  Transformer<T> model(config_from_json(load_json(path), path.string()));
  load_safetensors(model, directory / "model.safetensors");
  return model;
}

/// A cache as .npz: one array a site, under its name; numpy.load opens it.
template <Scalar T>
void save_npz(const ActivationCache<T>& cache, const std::filesystem::path& path) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, value] : cache) tensors.push_back({name, value});
  save_npz(path, std::move(tensors));
}

}  // namespace hooked
