// How models are written and read: the formats behind io/model.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/hooks/cache.hpp"
#include "hooked/io/config_json.hpp"
#include "hooked/io/named_tensor.hpp"
#include "hooked/io/npz.hpp"
#include "hooked/io/safetensors.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/kinds.hpp"
#include "hooked/nn/parameters.hpp"

namespace hooked {

namespace detail {

/// Whether HookedTransformer saves a tensor that is no parameter under this name.
inline bool is_buffer(std::string_view name) {
  for (const std::string_view end : {".mask", ".IGNORE", ".rotary_sin", ".rotary_cos"}) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

/// The parameters under the contract's names, to be written; they must outlive the list.
template <Scalar T>
std::vector<NamedTensor> named_tensors(const Parameters<T>& parameters) {
  std::vector<NamedTensor> tensors;
  for (const auto& entry : parameters.layout()) {
    tensors.push_back({entry.name, parameters[entry.name]});
  }
  return tensors;
}

/// HookedTransformer's tables of a rotation, [position, rotary_dim]: `wave` of the angles, each for
/// the two numbers of its pair.
template <Scalar T>
Tensor<T> rotary_table(const TransformerConfig& c, double (*wave)(double)) {
  constexpr Index kRows = 2048;  // it makes more where it needs them
  const Index half = c.rotary_dim / 2;
  Tensor<T> table({std::min(c.n_ctx, kRows), c.rotary_dim});
  for (Index p = 0; p < table.size(0); ++p) {
    for (Index j = 0; j < half; ++j) {
      const double turns =
          std::pow(c.rotary_base, static_cast<double>(j) / static_cast<double>(half));
      const auto value = static_cast<T>(wave(static_cast<double>(p) / turns));
      table(p, c.rotary_adjacent_pairs ? 2 * j : j) = value;
      table(p, c.rotary_adjacent_pairs ? 2 * j + 1 : j + half) = value;
    }
  }
  return table;
}

template <Scalar T>
void save_weights(const Parameters<T>& parameters, const TransformerConfig* config,
                  const std::filesystem::path& path) {
  std::vector<NamedTensor> tensors = named_tensors(parameters);
  const View<const bool> mask(nullptr, {0, 0});
  const auto ignore = Tensor<T>::scalar(-std::numeric_limits<T>::infinity());
  Tensor<T> sin, cos;
  const bool rotates =
      config != nullptr && config->positional_embedding == PositionalEmbedding::rotary;
  if (rotates) {
    sin = rotary_table<T>(*config, std::sin), cos = rotary_table<T>(*config, std::cos);
  }
  for (Index l = 0; config != nullptr && l < config->n_layers; ++l) {
    tensors.push_back({text("blocks.", l, ".attn.mask"), mask});
    tensors.push_back({text("blocks.", l, ".attn.IGNORE"), ignore});
    if (!rotates) continue;
    tensors.push_back({text("blocks.", l, ".attn.rotary_sin"), sin});
    tensors.push_back({text("blocks.", l, ".attn.rotary_cos"), cos});
  }
  save_safetensors(path, std::move(tensors));
}

inline void save_config(const TransformerConfig& config, const std::filesystem::path& directory) {
  save_json(directory / "config.json", config_to_json(config));
}

template <Scalar T>
void save_model(const Parameters<T>& parameters, const TransformerConfig* config,
                const std::filesystem::path& directory) {
  make_directory(directory);
  if (config != nullptr) save_config(*config, directory);
  save_weights(parameters, config, directory / "model.safetensors");
}

}  // namespace detail

template <Scalar T>
void save_safetensors(const Parameters<T>& parameters, const std::filesystem::path& path) {
  save_safetensors(path, detail::named_tensors(parameters));
}

template <Scalar T>
void load_safetensors(Parameters<T>& parameters, const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  std::vector<std::string> found;
  for (const std::string& name : file.names()) {
    if (detail::is_buffer(name)) continue;
    if (!parameters.contains(name)) {
      fail<FormatError>(path.string(), ": the model has no parameter \"", name,
                        "\"; the nearest are: ", nearest_names(name, parameters.names()));
    }
    const Shape expected = parameters[name].shape();
    if (file.shape(name) != expected) {
      fail<FormatError>(path.string(), ": \"", name, "\" is ", file.shape(name),
                        ", the model's is ", expected);
    }
    check_readable<T>(file.dtype(name), file.where(name));
    found.push_back(name);
  }
  for (const std::string& name : parameters.names()) {
    if (!file.contains(name)) {
      fail<FormatError>(path.string(), ": the parameter \"", name, "\" is missing");
    }
  }
  for (const std::string& name : found) file.read_into(name, parameters[name]);
}

inline TransformerConfig load_config(const std::filesystem::path& path) {
  return config_from_json(load_json(path), path.string());
}

template <Scalar T>
void save_npz(const ActivationCache<T>& cache, const std::filesystem::path& path) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, value] : cache) tensors.push_back({name, value});
  save_npz(path, std::move(tensors));
}

}  // namespace hooked
