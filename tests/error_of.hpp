// The text of an error, for all tests.
#pragma once

#include <string>

#include "hooked/core/error.hpp"

/// The text of the E that `run` throws; any other exception goes through.
template <class E = hooked::FormatError, class Run>
std::string error_of(Run run) {
  try {
    run();
  } catch (const E& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}
