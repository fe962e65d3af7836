#include "add_concat.hpp"

#include "analyse.hpp"

namespace add_concat {

namespace {

Report analyse_subject(const Subject& subject) {
  const Setup& setup = subject.setup;
  return analyse(body_of(subject.model), autoencoder_of(subject.model),
                 {items_of(setup.part.train), items_of(setup.part.test)}, setup.model.lambda,
                 subject.threads);
}

study::Numbers track(const Subject& subject, const Subject&) {
  const PerTask<DecoderOutputs> outputs =
      outputs_of(body_of(subject.model), items_of(subject.setup.all), subject.threads);
  study::Numbers numbers;
  for (const Task task : kTasks) {
    numbers.emplace_back(std::string("exact answers, ") + name_of(task),
                         outputs[task].clean().accuracy());
  }
  return numbers;
}

}  // namespace

const study::StudyOf<Joint>& add_concat() {
  static const study::StudyOf<Joint> study{
      .name = "add_concat",
      .question =
          "Train an encoder-decoder to add and to concatenate numbers, with a sparse autoencoder "
          "of what its decoder gives, and take one ability away without the other.",
      .choices = choices(),
      .presets = presets(),
      .setup = setup,
      .analyse = analyse_subject,
      .track = track,
      .snapshots = 10};
  return study;
}

}  // namespace add_concat
