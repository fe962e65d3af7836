// The study: its set-up and all that is measured.
#pragma once

#include "../common/study.hpp"

namespace subtraction {

/// For the program around it, and for sweeps.
study::Study subtraction_sign();

}  // namespace subtraction
