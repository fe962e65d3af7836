// The program around a study, for its main(), which need not know what a study is.
#pragma once

namespace study {

struct Transformers;
template <class Kind>
struct StudyOf;
using Study = StudyOf<Transformers>;

/// The program of a study. Returns its exit status: 0, or 1 after one line on standard error. For
/// models that are no transformers it is in harness.hpp.
template <class Kind>
int run(const StudyOf<Kind>& study, int argc, char** argv);

extern template int run(const Study&, int, char**);

}  // namespace study
