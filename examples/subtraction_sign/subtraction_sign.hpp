// The study: its set-up and all that is measured, for its program and for sweeps.
#pragma once

#include "../common/program.hpp"

namespace subtraction {

const study::Study& subtraction_sign();

}  // namespace subtraction
