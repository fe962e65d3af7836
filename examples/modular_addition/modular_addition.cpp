#include "modular_addition.hpp"

#include "ablations.hpp"
#include "along.hpp"
#include "at_equals.hpp"
#include "effective.hpp"
#include "frequencies.hpp"
#include "logits.hpp"
#include "neurons.hpp"
#include "setup.hpp"
#include "symmetry.hpp"
#include "turning.hpp"

namespace addition {

namespace {

/// Of all pairs: how many the likeliest answer is right for, and by how much its logit leads.
struct Margins {
  double accuracy = 0.0, least = 0.0, mean = 0.0, largest = 0.0;

  explicit Margins(const AtEquals& at) {
    const Index pairs = at.p * at.p;
    Tensor<double> margins({pairs});
    for (Index row = 0; row < pairs; ++row) {
      const Index answer = at.labels(row, 0);
      double best_other = -std::numeric_limits<double>::infinity();
      for (Index z = 0; z < at.p; ++z) {
        if (z != answer) best_other = std::max(best_other, at.logits(row, z));
      }
      margins(row) = at.logits(row, answer) - best_other;
      accuracy += margins(row) > 0 ? 1.0 : 0.0;
    }
    accuracy = 100.0 * accuracy / static_cast<double>(pairs);
    least = min(margins).item(), largest = max(margins).item();
    mean = hooked::mean(margins).item();
  }
};

void base_figures(const AtEquals& at, const Margins& margins, Report& report) {
  report.add(
      judge({.claim = "loss, accuracy",
             .study_says = {2.4e-7, 100},
             .unit = "nats, %",
             .definition = "mean cross-entropy at '=', and share of pairs whose likeliest "
                           "answer is right, all p^2 pairs; the loss is that of Nanda et al. "
                           "after 40,000 steps"},
            {at.loss, margins.accuracy},
            {{within_factor(2.4e-7, 4.0), {0.0, 1e-3}}, {{99.9, 100.0}, {99.0, 100.0}}}));
  report.add(hooked::report({.claim = "lead of the right answer: least, mean, largest",
                             .unit = "logits",
                             .definition = "logit of the answer less the largest other one, all "
                                           "pairs"},
                            std::vector<double>{margins.least, margins.mean, margins.largest}));
  report.add(hooked::report(
      {.claim = "loss of training and of test pairs",
       .unit = "nats",
       .definition = "mean cross-entropy at '='"},
      std::vector<double>{at.loss_of(at.logits, at.train), at.loss_of(at.logits, at.test)}));
  report.add(
      hooked::report({.claim = "sum of squares of all weights",
                      .definition = "W_E, W_pos, W_U and the block's matrices; biases are 0"},
                     sum_of_squares(at.model.parameters())));
}

/// The first lines of the report.
void say(const AtEquals& at, const Margins& margins, const NeuronFrequencies& neurons,
         Report& report) {
  using hooked::short_text;
  const auto share = [&](double part, double whole) { return short_text(100.0 * part / whole, 3); };
  report.say("The model answers " + short_text(margins.accuracy) +
             "% of all pairs, with a loss of " + short_text(at.loss, 2) + ".");
  report.say("Key frequencies: " + list(at.key) + ". " +
             share(static_cast<double>(neurons.fitted.size()),
                   static_cast<double>(neurons.frequency.size())) +
             "% of the neurons are of one frequency.");
  report.say("Their cosines of x " + std::string(at.sign > 0 ? "+" : "-") + " y - z are " +
             share(key_share(at), 1.0) +
             "% of the variance of the logits; without them, training pairs have\na loss of " +
             short_text(at.loss_of(excluded_logits(at.logits, at.key, at.sign), at.train), 2) +
             ", with nothing else all pairs have " +
             short_text(at.loss_of(restricted_logits(at.logits, at.key, at.sign)), 2) + ".");
}

Report analyse(const study::Subject& subject) {
  Report report;
  const AtEquals at(subject, key_frequencies(subject.model));
  const Margins margins(at);
  const NeuronFrequencies neurons(at);
  base_figures(at, margins, report);
  operands_alike(at, report);
  attention(at, report);
  frequencies(at, report);
  singular_values(at, report);
  effective_attention(at, report);
  effective_neurons(at, report);
  neuron_frequencies(at, neurons, report);
  waves_of_neurons(at, report);
  draw_neurons(at, report);
  logit_weights(at, report);
  draw_cluster(at, neurons.fitted, neurons.frequency, report);
  logit_cosines(at, report);
  draw_logits(at, report);
  single_frequencies(at, report);
  restricted_and_excluded(at, report);
  neuron_directions(at, report);
  turned_embedding(at, report);
  say(at, margins, neurons, report);
  return report;
}

/// Progress measures, by the key frequencies that the model has in the end.
study::Numbers track(const study::Subject& subject, const study::Subject& end) {
  const AtEquals at(subject, key_frequencies(end.model));
  const double test_loss = at.loss_of(at.logits, at.test);
  const Tensor<double> restricted = at.losses(restricted_logits(at.logits, at.key, at.sign));
  const Tensor<double> cosines = answer_coefficients(at.logits, at.sign);
  study::Numbers numbers{
      {"train loss", at.loss_of(at.logits, at.train)},
      {"test loss", test_loss},
      {"restricted loss", mean(restricted).item()},
      {"excluded loss", at.loss_of(excluded_logits(at.logits, at.key, at.sign), at.train)},
      {"without key cosines", at.loss_of(at.logits - key_cosines(at), at.train)},
      {"test / restricted loss", test_loss / at.mean_over(restricted, at.test)},
      {"key cosines", key_share(at)},
      {"key waves of neurons before ReLU", key_waves(at, at.pre) / 100.0},
      {"key waves of neurons", key_waves(at, at.post) / 100.0},
      {"attention to x", mean(cast<double>(at.pattern.select(2, kPositionX))).item()},
      {"sum of squares", sum_of_squares(at.model.parameters())},
      {"Gini W_E", wave_inequality(embedding(at.model))},
      {"Gini W_L", wave_inequality(neuron_logits(at.model))},
      {"important frequencies", static_cast<double>(key_frequencies(at.model).size())}};
  for (const Index k : at.key) {
    numbers.emplace_back(kCosine + std::to_string(k), cosines(k));
    numbers.emplace_back(kWithout + std::to_string(k),
                         at.loss_of(excluded_logits(at.logits, {k}, at.sign), at.train));
  }
  return numbers;
}

}  // namespace

const study::Study& modular_addition() {
  static const study::Study study{
      .name = "modular_addition",
      .question =
          "Train a one-layer transformer on \"x y =\" modulo p and measure how it adds, and what "
          "formed while it seemed only to memorise.",
      .choices = choices(),
      .presets = presets(),
      .setup = setup,
      .analyse = analyse,
      .track = track,
      .along = along_training,
      .memorising_epochs = 5000,
      .snapshots = 100};
  return study;
}

}  // namespace addition
