// A study in twenty lines, about the larger of two numbers, for tests of what all studies share.
#include "../../examples/common/program.hpp"
#include "../../examples/sweep/small_studies.hpp"

namespace {

hooked::Report analyse(const study::Subject& subject) {
  hooked::Report report;
  const double right = 100.0 * evaluate(subject.model, subject.setup.all).accuracy;
  report.say("The model finds the larger number in " + hooked::short_text(right) + "% of pairs.");
  report.add(hooked::judge({.claim = "accuracy", .study_says = "finds it", .unit = "%"}, right,
                           {{95.0, 100.0}, {94.0, 100.0}}));
  report.add(hooked::judge({.claim = "is finite", .study_says = "yes"}, right, {{}, {}}));
  report.add(hooked::report({.claim = "heads"}, 2.0));
  return report;
}

}  // namespace

int main(int argc, char** argv) {
  study::Study toy = sweep::maximum();
  toy.name = "toy", toy.question = "The larger of two numbers.", toy.analyse = analyse;
  toy.presets = {{"quick", "a second"}, {"long", "longer", {{"steps", 400}}, "is long"}};
  toy.memorising_epochs = 150, toy.snapshots = 10;
  return study::run(toy, argc, argv);
}
