// expect: success
#include "hooked/core/version.hpp"

static_assert(!hooked::version.empty());
