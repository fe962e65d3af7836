// The study: its set-up and all that is measured, for its program and for sweeps.
#pragma once

#include "../common/program.hpp"

namespace addition {

const study::Study& modular_addition();

}  // namespace addition
