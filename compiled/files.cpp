// Models as files.
#include "hooked/io/model.hpp"
#include "hooked/io/model_files.hpp"

namespace hooked {

template void save_safetensors(const Parameters<float>&, const std::filesystem::path&);
template void save_safetensors(const Parameters<double>&, const std::filesystem::path&);
template void load_safetensors(Parameters<float>&, const std::filesystem::path&);
template void load_safetensors(Parameters<double>&, const std::filesystem::path&);
template void save_npz(const ActivationCache<float>&, const std::filesystem::path&);
template void save_npz(const ActivationCache<double>&, const std::filesystem::path&);

namespace detail {
template void save_weights(const Parameters<float>&, const TransformerConfig*,
                           const std::filesystem::path&);
template void save_weights(const Parameters<double>&, const TransformerConfig*,
                           const std::filesystem::path&);
template void save_model(const Parameters<float>&, const TransformerConfig*,
                         const std::filesystem::path&);
template void save_model(const Parameters<double>&, const TransformerConfig*,
                         const std::filesystem::path&);

// Inline functions are compiled where they are used.
[[gnu::used]] void (*const kSaveConfig)(const TransformerConfig&,
                                        const std::filesystem::path&) = &save_config;
[[gnu::used]] TransformerConfig (*const kLoadConfig)(const std::filesystem::path&) = &load_config;
}  // namespace detail

}  // namespace hooked
