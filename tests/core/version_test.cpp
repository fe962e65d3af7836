#include "hooked/core/version.hpp"

#include <string>

#include "catch.hpp"

TEST_CASE("the version is the same in the macros, the constant and the build", "[core]") {
  const std::string macros = std::to_string(HOOKED_VERSION_MAJOR) + "." +
                             std::to_string(HOOKED_VERSION_MINOR) + "." +
                             std::to_string(HOOKED_VERSION_PATCH);
  CHECK(macros == hooked::library_version);
  CHECK(macros == HOOKED_PROJECT_VERSION);
}
