// expect: static.assert.*this must not compile
#include "hooked/core/version.hpp"

static_assert(hooked::library_version.empty(), "this must not compile");
