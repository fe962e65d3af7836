// Reading and writing JSON.
#include "hooked/io/config_json.hpp"

namespace hooked {

template nlohmann::ordered_json parse_json(std::string_view, const std::string&);
template void save_json(const std::filesystem::path&, const nlohmann::ordered_json&);
template nlohmann::ordered_json config_to_json(const TransformerConfig&);
template TransformerConfig config_from_json(const nlohmann::ordered_json&, const std::string&);

}  // namespace hooked
