// The model, the data, and how the one learns from the other.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "../common/study.hpp"
#include "hooked/core/shape.hpp"
#include "task.hpp"

namespace order_statistics {

/// What the study says: one layer, four heads of 32 dimensions, an MLP, tuples of five numbers,
/// some 400,000 of them. The numbers' range is derived from it (10 of 40,000 tuples had a maximum
/// below 20); the rest is ours.
inline study::Choices choices() {
  return {{"task", "max", "what is to be found in a tuple", {"max", "median", "sort"}},
          {"length", 5, "numbers in a tuple, 2 to 10"},
          {"values", 100, "numbers are 0 to values - 1"},
          {"distinct", 0, "1: no number comes twice in a tuple"},
          {"examples", 400'000, "tuples to learn from"},
          {"rare",
           "tuples",
           "how rare small outputs are learnt: not at all; by more tuples of small numbers; by the "
           "weight 1/frequency of an output",
           {"plain", "tuples", "weights"}},
          {"n_layers", 1, "blocks"},
          {"n_heads", 4, "heads, of d_model / n_heads numbers each"},
          {"d_model", 128, "width of the residual stream"},
          {"attn_only", 0, "1: blocks have no MLP"},
          {"steps", 3000, "of training"},
          {"batch_size", 512, "tuples a step"},
          {"lr", 2e-3, "AdamW's"},
          {"weight_decay", 0.5, "AdamW's"}};
}

/// Throws ConfigError for what cannot be.
inline Task task_of(const study::Choices& choose) {
  const Task task{.name = choose.word("task"),
                  .length = choose.count("length"),
                  .values = choose.count("values"),
                  .distinct = choose.yes("distinct")};
  if (task.length < 2 || task.length > 10) {
    hooked::fail<hooked::ConfigError>("length is ", task.length, ", it must be from 2 to 10");
  }
  if (task.values < 10 || task.values > 10'000) {  // a fifth of them is at least two
    hooked::fail<hooked::ConfigError>("values is ", task.values, ", it must be from 10 to 10000");
  }
  if (task.distinct && task.values / 5 < task.length) {
    hooked::fail<hooked::ConfigError>("of ", task.values, " values a fifth are small: they are no ",
                                      task.length, " distinct numbers");
  }
  return task;
}

/// Outputs below this are rare: a maximum of five below a fifth of all values comes once in 3,125
/// tuples.
inline Index small_values(const Task& task) { return task.values / 5; }

/// One small tuple for so many plain ones, where small ones are added.
constexpr Index kPlainForEachSmall = 10;

/// `plain` tuples, and then a tenth as many of small numbers.
inline Tensor<Token> augmented(const Task& task, Index plain, hooked::Random& random) {
  const Index small = plain / kPlainForEachSmall;
  Tensor<Token> tuples({plain + small, task.length});
  copy(draw_tuples(task, plain, task.values, random), tuples.slice(0, 0, plain));
  copy(draw_tuples(task, small, small_values(task), random), tuples.slice(0, plain, plain + small));
  return tuples;
}

/// Each answer weighs 1 / (how often this number is that answer); on average 1.
inline void weigh_by_rarity(const Task& task, Dataset& data) {
  Tensor<float> weights(data.labels.shape());
  for (Index k = 0; k < task.answers(); ++k) {
    std::vector<double> count(static_cast<std::size_t>(task.values), 0.0);
    double seen = 0.0;
    for (Index i = 0; i < data.size(); ++i) {
      double& c = count[static_cast<std::size_t>(data.labels(i, k))];
      seen += c == 0.0 ? 1.0 : 0.0, c += 1.0;
    }
    for (Index i = 0; i < data.size(); ++i) {
      const double c = count[static_cast<std::size_t>(data.labels(i, k))];
      weights(i, k) = static_cast<float>(static_cast<double>(data.size()) / (seen * c));
    }
  }
  data.weights = std::move(weights);
}

constexpr Index kTestTuples = 10'000;  // and then a tenth as many of small numbers

/// No layer norm, no biases; the numbers are the outputs. Setup::all is the test set with small
/// tuples at its end, Setup::part.test the one without.
inline study::Setup setup(const study::Choices& choose, hooked::Seed seed) {
  const Task task = task_of(choose);
  const Index n_heads = choose.count("n_heads"), d_model = choose.count("d_model");
  const Index examples = choose.count("examples"), steps = choose.count("steps");
  if (n_heads < 1 || d_model < 1 || d_model % n_heads != 0) {
    hooked::fail<hooked::ConfigError>("n_heads is ", n_heads, ", it must divide d_model ", d_model);
  }
  if (examples < 1 || examples > 10'000'000) {
    hooked::fail<hooked::ConfigError>("examples is ", examples, ", it must be from 1 to 10000000");
  }
  const Index n_layers = choose.count("n_layers");
  if (n_layers < 1) {
    hooked::fail<hooked::ConfigError>("n_layers is ", n_layers, ", it must be at least 1");
  }
  study::Setup s;
  s.model = {.n_layers = n_layers,
             .d_model = d_model,
             .n_ctx = task.tokens(),
             .n_heads = n_heads,
             .d_head = d_model / n_heads,
             .d_vocab = task.values + 1,
             .d_vocab_out = task.values,
             .act_fn = hooked::Activation::relu,
             .normalization = hooked::Normalization::none,
             .attn_only = choose.yes("attn_only"),
             .freeze_biases = true};
  hooked::Random tested({0}, "test tuples"), learnt(seed, "training tuples");
  const Tensor<Token> test = augmented(task, kTestTuples, tested);
  s.all = dataset_of(task, test);
  s.part.test = dataset_of(task, Tensor<Token>(test.slice(0, 0, kTestTuples)));
  const std::string& rare = choose.word("rare");
  s.part.train =
      dataset_of(task, rare == "tuples" ? augmented(task, examples, learnt)
                                        : draw_tuples(task, examples, task.values, learnt));
  if (rare == "weights") weigh_by_rarity(task, s.part.train);
  const Index warmup = steps / 20;
  s.training = {
      .optimizer =
          hooked::AdamW{
              .lr = choose["lr"], .weight_decay = choose["weight_decay"], .betas = {0.9, 0.98}},
      .schedule =
          hooked::Schedule::warmup(warmup, 0.01).then(hooked::Schedule::cosine(steps - warmup)),
      .steps = steps,
      .batch_size = choose.count("batch_size")};
  return s;
}

}  // namespace order_statistics
