// The Python with which files are exchanged: HOOKED_PYTHON, or the system's.
#pragma once

#include <cstdlib>
#include <string>

#include "hooked/core/error.hpp"

inline std::string python() {
  const char* chosen = std::getenv("HOOKED_PYTHON");
  return chosen ? chosen : "python3";
}

/// The exit status.
inline int run_python(const std::string& arguments) {
  return std::system(hooked::text('\'', python(), "' ", arguments).c_str());
}
