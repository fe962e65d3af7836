// The study: its set-up and all that is measured, for its program and for sweeps.
#pragma once

#include "../common/program.hpp"

namespace caesar {

const study::Study& caesar();

}  // namespace caesar
