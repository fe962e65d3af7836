#include "subtraction_sign.hpp"

#include "ablations.hpp"
#include "algorithm.hpp"
#include "angles.hpp"
#include "assembled.hpp"
#include "at_equals.hpp"
#include "attention.hpp"
#include "heads.hpp"
#include "hooked/train/evaluate.hpp"
#include "logits.hpp"
#include "neurons.hpp"
#include "paths.hpp"
#include "setup.hpp"

namespace subtraction {

namespace {

void base_figures(const study::Subject& subject, const AtEquals& at, Report& report) {
  report.add(
      judge({.claim = "sign: loss, accuracy",
             .study_says = {0.068, 98.55},
             .unit = "nats, %",
             .definition = "mean cross-entropy of the sign token over all 103 logits at '=', "
                           "and likeliest of 103 tokens, all 10,000 pairs"},
            {at.base.loss, at.base.accuracy},
            {{within_factor(0.068, 1.5), {0.0, 0.2}}, {within(98.55, 0.5), {95.0, 100.0}}}));
  const auto one = [&](const hooked::Dataset& data, const std::string& pairs) {
    const auto e = evaluate(subject.model, data, {}, {.threads = subject.threads});
    report.add(hooked::report(
        {.claim = "accuracy of the sign and of the number, " + pairs,
         .unit = "%",
         .definition = "likeliest of 103 tokens at '=', and at the true sign against |a-b|"},
        std::vector<double>{100.0 * e.accuracy_at[0], 100.0 * e.accuracy_at[1]}));
  };
  one(subject.setup.all, "all pairs");
  one(subject.setup.part.train, "training pairs");
  one(subject.setup.part.test, "test pairs");
}

Examples choose_examples(const AtEquals& at, const NeuronFits& fits, const Shares& shares) {
  const Tensor<float> W_logit = logit_weights(at.model);
  Examples examples;
  double strongest = 0.0;
  for (Index i = 0; i < at.pre.size(1); ++i) {
    const double boost = static_cast<double>(W_logit(i, kMinus) - W_logit(i, kPlus));
    if (fits.m(i) < 0 && -fits.m(i) * boost > strongest) {
      strongest = -fits.m(i) * boost;
      examples.sign = i;
    }
  }
  const auto& periodic = shares.periodic;
  examples.periodic = std::max_element(periodic.begin(), periodic.end()) - periodic.begin();
  return examples;
}

/// The algorithm in one word and two numbers, and the first lines of the report.
void the_algorithm(const AtEquals& at, const NeuronFits& fits, double number_accuracy,
                   Report& report) {
  const auto difference = sign_difference(at.logits);
  const double ratio = ratio_of_sides(difference);
  const CausalGain causal_gain(at.pre, difference, fits, logit_weights(at.model));
  const double gain = causal_gain();
  const std::string algorithm = algorithm_of(at.base.accuracy, ratio);
  report.add(Claim{.claim = "algorithm",
                   .study_says = "it just assumes that as a default",
                   .measured = algorithm,
                   .definition = "none where the sign is known for less than 95% of the pairs; "
                                 "else by the ratio of sides: default + where it is at most 0.35, "
                                 "default - where it is at least 1 / 0.35, else two-sided"});
  report.add(judge({.claim = "270 neurons: causal gain of the linear fits",
                    .study_says = "uses ... these linear functions",
                    .definition = "m_i d is added to the preactivations of the 270 at '=', d = 10 "
                                  "and -10; by how much of d the boundary between + and - moves"},
                   gain, {{0.8, 1.2}, {0.5, 1.5}}));
  report.add(hooked::report({.claim = "control, the 270 deal their slopes out: size of the gain",
                             .definition = "mean of |gain| over five draws of who has which m_i"},
                            causal_gain.with_dealt_slopes()));
  using hooked::short_text;
  report.say("The model predicts the sign of " + short_text(at.base.accuracy) +
             "% of all pairs and the number of " + short_text(number_accuracy) + "%.");
  report.say("Algorithm: " + algorithm + ". logit_- - logit_+ grows " + short_text(ratio, 2) +
             " times as steeply with b-a where a >= b as where a < b (the study's: 0).");
  report.say("What is linear in a-b in the 270 neurons moves the boundary between + and - by " +
             short_text(gain, 2) + " of what it would\nif nothing else made the sign.");
}

Report analyse(const study::Subject& subject) {
  Report report;
  const AtEquals at(subject);
  const NeuronFits fits(at.pre);
  const Shares shares(at, fits);
  const Examples examples = choose_examples(at, fits, shares);
  const HeadRoles heads(mean_attention(at));
  const HeadMaps maps(at.model);
  base_figures(subject, at, report);
  logit_shapes(at, report);
  angle_matrix(at, fits, report);
  neuron_kinds(at, fits, shares, report);
  draw_examples(at, examples, report);
  ablations(at, fits, report);
  the_algorithm(at, fits,
                100.0 * evaluate(subject.model, subject.setup.all, {}, {.threads = subject.threads})
                            .accuracy_at[1],
                report);
  head_maps(maps, fits, heads, report);
  draw_head_maps(maps, heads, examples, report);
  attention_patterns(at, heads, report);
  minus_position(at, report);
  assembled_model(at, fits, maps, report);
  path_check(at, report);
  biases(at, report);
  return report;
}

study::Numbers track(const study::Subject& subject, const study::Subject&) {
  const auto& model = subject.model;
  const auto [logits, cache] = collect_at(model, prompts_of(subject.setup.all), kPositionEquals,
                                          {kPre}, {}, subject.threads);
  const Score base = score(logits);
  const auto difference = sign_difference(logits);
  const Tensor<float> pre = cache[kPre], W_logit = logit_weights(model);
  return {{"sign accuracy", base.accuracy / 100.0},
          {"sign loss", base.loss},
          {"angle", angle_of_signs(W_logit)},
          {"ratio", ratio_of_sides(difference)},
          {"gain", CausalGain(pre, difference, NeuronFits(pre), W_logit)()}};
}

}  // namespace

const study::Study& subtraction_sign() {
  static const study::Study study{
      .name = "subtraction_sign",
      .question =
          "Train a one-layer transformer on \"a - b = sign |a-b|\" and measure how it "
          "decides the sign.",
      .choices = choices(),
      .presets = presets(),
      .setup = setup,
      .analyse = analyse,
      .track = track,
      .about = {0},  // the sign
      .memorising_epochs = 200};
  return study;
}

}  // namespace subtraction
