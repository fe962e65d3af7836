#include "add_concat.hpp"

#include "hooked/interp/collect.hpp"
#include "hooked/interp/feature_statistics.hpp"
#include "right_answers.hpp"

namespace add_concat {

namespace {

hooked::Report analyse(const Subject& subject) {
  hooked::Report report;
  const auto body = body_of(subject.model);
  report.add(hooked::report(
      {.claim = "exact answers", .unit = "%", .definition = "of all validation items"},
      percent_right(right_answers(body, subject.setup.part.test, subject.threads))));
  return report;
}

study::Numbers track(const Subject& subject, const Subject&) {
  const auto body = body_of(subject.model);
  return {
      {"exact answers, %", percent_right(right_answers(body, subject.setup.all, subject.threads))}};
}

}  // namespace

const study::StudyOf<Joint>& add_concat() {
  static const study::StudyOf<Joint> study{
      .name = "add_concat",
      .question =
          "Train an encoder-decoder to add and to concatenate numbers, with a sparse autoencoder "
          "of what its decoder gives, and take one ability away without the other.",
      .choices = choices(),
      .presets = {{.name = "study", .help = "as the study"}},
      .setup = setup,
      .analyse = analyse,
      .track = track};
  return study;
}

}  // namespace add_concat
