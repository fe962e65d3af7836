#pragma once

// The version of the library. CMakeLists.txt reads these three lines: there is no second place.
#define HOOKED_VERSION_MAJOR 0
#define HOOKED_VERSION_MINOR 1
#define HOOKED_VERSION_PATCH 0

#include <string_view>

namespace hooked {

/// "MAJOR.MINOR.PATCH"
inline constexpr std::string_view library_version = "0.1.0";

}  // namespace hooked
