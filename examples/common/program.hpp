// The program around a study, for its main(), which need not know what a study is.
#pragma once

namespace study {

struct Study;

/// The program of a study. Returns its exit status: 0, or 1 after one line on standard error.
int run(const Study& study, int argc, char** argv);

}  // namespace study
