// The command line of a study.
#pragma once

#include "study.hpp"

namespace study {

/// What the arguments ask for, or an exit status where they ask for help or for what cannot be;
/// then the text was written already.
struct CommandLine {
  Options options;
  bool ends = false;
  int status = 0;
};
CommandLine read_command_line(const std::string& name, const std::string& question,
                              const Choices& choices, const std::vector<Preset>& presets, int argc,
                              char** argv);

}  // namespace study
