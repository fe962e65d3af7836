// expect: static.assert.*this must not compile
#include "hooked/core/version.hpp"

static_assert(hooked::version.empty(), "this must not compile");
