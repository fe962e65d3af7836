// The study: its set-up and all that is measured, for its program and for sweeps.
#pragma once

#include "../common/study.hpp"
#include "setup.hpp"

namespace add_concat {

const study::StudyOf<Joint>& add_concat();

}  // namespace add_concat
