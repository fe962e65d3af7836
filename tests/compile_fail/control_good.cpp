// expect: success
#include "hooked/core/version.hpp"

static_assert(!hooked::library_version.empty());
