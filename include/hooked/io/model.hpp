// Models as files: weights as safetensors under HookedTransformer's names, config as JSON beside.
#pragma once

#include <concepts>
#include <filesystem>

#include "hooked/hooks/cache.hpp"
#include "hooked/nn/config.hpp"
#include "hooked/nn/model.hpp"
#include "hooked/nn/parameters.hpp"
#include "hooked/nn/transformer.hpp"

namespace hooked {

/// Parameters in the contract's names and shapes, as `HookedTransformer.state_dict()` has them.
template <Scalar T>
void save_safetensors(const Parameters<T>& parameters, const std::filesystem::path& path);

/// Reads every parameter from a file, straight to its place: there is no second copy in memory.
/// Nothing changes if any is missing or has another shape; only a disk that fails on the way leaves
/// some read and some not. Buffers that HookedTransformer saves (attn.mask, attn.IGNORE,
/// attn.rotary_sin, attn.rotary_cos) are passed over. Throws FormatError that names the tensor and
/// both shapes, and for tensors that no parameter wants.
template <Scalar T>
void load_safetensors(Parameters<T>& parameters, const std::filesystem::path& path);

/// Reads config.json, or any config of HookedTransformer's. Throws FormatError, which says where.
TransformerConfig load_config(const std::filesystem::path& path);

namespace detail {

/// config.json in `directory`, which is there.
void save_config(const TransformerConfig& config, const std::filesystem::path& directory);

/// A safetensors file. Where there is a config, blocks are as the contract has them: then also the
/// constants of each attention that `load_state_dict` asks for.
template <Scalar T>
void save_weights(const Parameters<T>& parameters, const TransformerConfig* config,
                  const std::filesystem::path& path);

/// Both, in a directory that is made if it is missing.
template <Scalar T>
void save_model(const Parameters<T>& parameters, const TransformerConfig* config,
                const std::filesystem::path& directory);

/// The config of the network of the contract; null for any other.
template <class Network>
const TransformerConfig* config_of(const Model<Network>& model) {
  if constexpr (requires {
                  { model.network().config() } -> std::same_as<const TransformerConfig&>;
                }) {
    return &model.network().config();
  } else {
    return nullptr;
  }
}

}  // namespace detail

/// The parameters of a model, and what HookedTransformer's `load_state_dict` asks for beside them.
template <class Network>
void save_safetensors(const Model<Network>& model, const std::filesystem::path& path) {
  detail::save_weights(model.parameters(), detail::config_of(model), path);
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
  detail::save_model(model.parameters(), detail::config_of(model), directory);
}

/// The model of a directory that save_model wrote.
template <Scalar T>
Transformer<T> load_model(const std::filesystem::path& directory) {
  auto model = Transformer<T>::blank(load_config(directory / "config.json"));
  load_safetensors(model, directory / "model.safetensors");
  return model;
}

/// A cache as .npz: one array a site, under its name; numpy.load opens it.
template <Scalar T>
void save_npz(const ActivationCache<T>& cache, const std::filesystem::path& path);

#ifdef HOOKED_COMPILED
extern template void save_safetensors(const Parameters<float>&, const std::filesystem::path&);
extern template void save_safetensors(const Parameters<double>&, const std::filesystem::path&);
extern template void load_safetensors(Parameters<float>&, const std::filesystem::path&);
extern template void load_safetensors(Parameters<double>&, const std::filesystem::path&);
extern template void save_npz(const ActivationCache<float>&, const std::filesystem::path&);
extern template void save_npz(const ActivationCache<double>&, const std::filesystem::path&);
namespace detail {
extern template void save_weights(const Parameters<float>&, const TransformerConfig*,
                                  const std::filesystem::path&);
extern template void save_weights(const Parameters<double>&, const TransformerConfig*,
                                  const std::filesystem::path&);
extern template void save_model(const Parameters<float>&, const TransformerConfig*,
                                const std::filesystem::path&);
extern template void save_model(const Parameters<double>&, const TransformerConfig*,
                                const std::filesystem::path&);
}  // namespace detail
#endif

}  // namespace hooked

#ifndef HOOKED_COMPILED
#include "hooked/io/model_files.hpp"
#endif
