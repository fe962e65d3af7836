// The study: its set-up and all that is measured, for its program and for sweeps.
#pragma once

#include "../common/study.hpp"

namespace order_statistics {

const study::Study& order_statistics();

}  // namespace order_statistics
