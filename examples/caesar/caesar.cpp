#include "caesar.hpp"

#include "ablations.hpp"
#include "attention.hpp"
#include "attribution.hpp"
#include "letters.hpp"
#include "open_questions.hpp"
#include "outputs.hpp"
#include "positions.hpp"
#include "setup.hpp"
#include "values.hpp"

namespace caesar {

namespace {

Report analyse(const study::Subject& subject) {
  Report report;
  const Reading at(subject);
  const Roles roles = roles_of(at);
  base_figures(at, subject, report);
  draw_sequences(at, report);
  if (at.has_words()) {
    single_letters(at, report);
    evidence(at, report);
    attention_by_slots(at, roles, report);
    value_circuits(at, roles, report);
  }
  direct_attributions(at, roles, report);
  position_circuits(at, roles, report);
  norm_scales(at, report);
  head_ablations(at, roles, report);
  without_embeddings(at, report);
  if (at.has_words()) confined_and_exchanged(at, report);
  draw_attention(at, report);
  open_questions(subject, at, roles, report);
  return report;
}

study::Numbers track(const study::Subject& subject, const study::Subject&) {
  const auto e = evaluate(subject.model, first_of(subject.setup.all, Reading::kSequences), {},
                          {.threads = subject.threads});
  study::Numbers numbers{{"loss", e.loss}, {"accuracy", e.accuracy}};
  for (std::size_t t = 0; t < std::min<std::size_t>(kSlots, e.loss_at.size()); ++t) {
    numbers.emplace_back("loss at " + std::to_string(t), e.loss_at[t]);
  }
  if (is_hard(subject.choices)) return numbers;
  for (const auto& number :
       equivariance_numbers(subject.model, words_of(subject.choices), subject.threads)) {
    numbers.push_back(number);
  }
  return numbers;
}

/// The rows of a matrix dealt out among each other, the first `rows` of them.
void shuffle_rows(hooked::View<float> matrix, Index rows, const char* stream) {
  std::vector<Index> order(static_cast<std::size_t>(rows));
  hooked::Random({0}, stream).permutation(order);
  const Tensor<float> before(matrix);
  for (Index row = 0; row < rows; ++row) {
    hooked::copy(before.select(0, order[static_cast<std::size_t>(row)]), matrix.select(0, row));
  }
}

/// The trained model, but every letter has the embedding of another and every position that of
/// another, so that heads look at other letters, which mean other letters to them.
std::vector<study::NullModel> nulls(const study::Subject& trained) {
  std::vector<study::NullModel> nulls{{"letters shuffled", trained.model}};
  Transformer<float>& model = nulls[0].model;
  shuffle_rows(model["embed.W_E"], kLetters, "shuffled letters");
  shuffle_rows(model["pos_embed.W_pos"], model.config().n_ctx, "shuffled positions");
  return nulls;
}

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
                   .values = {{"epochs", 4}, {"lr", 3e-3}, {"last_lr", 3e-4}},
                   .warning = "`quick` trains for 4 epochs, with a larger learning rate."}},
      .setup = setup,
      .analyse = analyse,
      .track = track,
      .nulls = nulls};
  return study;
}

}  // namespace caesar
