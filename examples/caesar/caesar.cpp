#include "caesar.hpp"

#include "hooked/train/evaluate.hpp"
#include "setup.hpp"

namespace caesar {

namespace {

using hooked::Report;

Report analyse(const study::Subject& subject) {
  Report report;
  const auto e = evaluate(subject.model, subject.setup.all, {}, {.threads = subject.threads});
  report.add(hooked::report({.claim = "loss, accuracy", .definition = "x"},
                            std::vector<double>{e.loss, e.accuracy}));
  return report;
}

study::Numbers track(const study::Subject&, const study::Subject&) { return {}; }

}  // namespace

const study::Study& caesar() {
  static const study::Study study{
      .name = "caesar",
      .question =
          "Train a two-layer transformer to say by how much the letters of a text were "
          "rotated, and measure how it does.",
      .choices = choices(),
      .presets = {{.name = "full", .help = "as the study"},
                  {.name = "quick",
                   .help = "under two minutes",
                   .values = {{"epochs", 4}},
                   .warning = "`quick` trains for 4 epochs, to see that all works."}},
      .setup = setup,
      .analyse = analyse,
      .track = track};
  return study;
}

}  // namespace caesar
